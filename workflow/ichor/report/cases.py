"""Choose example scans for the report's montage, from the best to the worst, and read them."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from ichor.report import numbers
from ichor.report.montage import Case

QUANTILES = {"Best Dice": 1.0, "Upper quartile": 0.75, "Median Dice": 0.5, "Lower quartile": 0.25, "Worst Dice": 0.0}
HEMORRHAGE = (1, 2)  # parenchymal and intraventricular, the codes of every mask


def choose(masks: pd.DataFrame, scans: pd.DataFrame, split: str) -> list[Case]:
    """Baseline scans of a split at fixed quantiles of Dice, so that bad cases are shown as surely as good ones.

    Parameters
    ----------
    masks, scans : DataFrame
        Tables ``masks`` and ``scans``.
    split : str
        Whose masks are shown.
    """
    rows = masks[(masks["split"] == split) & (masks["time_point"] == "baseline") & masks["dice_iph"].notna()]
    rows = rows.merge(scans[["patient", "center", "time_point", "image", "reference_mask"]].dropna())
    rows = rows.sort_values(["dice_iph", "patient"], ignore_index=True)
    if rows.empty:
        return []
    places = {title: round(quantile * (len(rows) - 1)) for title, quantile in QUANTILES.items()}
    if len(rows) >= 8:  # with fewer it is the lower quartile
        places = {**places, "Second worst Dice": 1}
    ordered = sorted(places.items(), key=lambda item: -item[1])
    return [_read(rows.iloc[place], title) for title, place in ordered]


def _read(row: pd.Series, title: str) -> Case:
    image = nib.load(Path(row["image"]))
    volumes = f"{numbers.plain(row['iph_ml'], 1)} of {numbers.plain(row['reference_iph_ml'], 1)} mL"
    return Case(
        title=title,
        detail=f"{row['center']}, Dice {numbers.plain(row['dice_iph'], 2)}, {volumes}",
        image=np.asarray(image.dataobj),
        predicted=_hemorrhage(row["mask"]),
        reference=_hemorrhage(row["reference_mask"]),
        spacing_mm=tuple(float(size) for size in image.header.get_zooms()[:2]),
    )


def _hemorrhage(path: str) -> np.ndarray:
    return np.isin(np.asarray(nib.load(Path(path)).dataobj), HEMORRHAGE)
