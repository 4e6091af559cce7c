"""Choose example scans for the report's montage, from the best to the worst, and read them."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from ichor.imaging.measures import LABEL_CODES
from ichor.report import names, numbers
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


def worst_of_labels(cases: pd.DataFrame, masks: pd.DataFrame, scans: pd.DataFrame, split: str) -> list[Case]:
    """The scan with the lowest Dice of each label beside the parenchymal bleed, where the reference has that label.

    Parameters
    ----------
    cases, masks, scans : DataFrame
        Tables ``agreement_cases``, ``masks`` and ``scans``.
    split : str
        Whose masks are shown.
    """
    key = ["patient", "center", "time_point"]
    rows = cases[(cases["split"] == split) & (cases["reference_ml"] > 0) & cases["dice"].notna()]
    rows = rows.merge(masks.loc[masks["split"] == split, [*key, "mask"]].dropna(), on=key)
    rows = rows.merge(scans[[*key, "image", "reference_mask"]].dropna(), on=key)
    found = []
    for label, code in LABEL_CODES.items():
        own = rows[rows["label"] == label].sort_values(["dice", "patient", "time_point"])
        if label != "iph" and len(own):
            row = own.iloc[0]
            found.append(_read(row, f"Worst Dice: {names.SHORT[label]}", (code,)))
    return found


def _read(row: pd.Series, title: str, codes: tuple[int, ...] = HEMORRHAGE) -> Case:
    image = nib.load(Path(row["image"]))
    volumes, dice = ("iph_ml", "reference_iph_ml"), "dice_iph"
    if "dice" in row:  # of a single label
        volumes, dice = ("predicted_ml", "reference_ml"), "dice"
    found, true = (numbers.plain(row[name], 1) for name in volumes)
    return Case(
        title=title,
        detail=f"{row['center']}, Dice {numbers.plain(row[dice], 2)}, {found} of {true} mL",
        image=np.asarray(image.dataobj),
        predicted=_voxels(row["mask"], codes),
        reference=_voxels(row["reference_mask"], codes),
        spacing_mm=tuple(float(size) for size in image.header.get_zooms()[:2]),
    )


def _voxels(path: str, codes: tuple[int, ...]) -> np.ndarray:
    return np.isin(np.asarray(nib.load(Path(path)).dataobj), codes)
