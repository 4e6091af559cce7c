"""How much of an attribution lies in each region, in numbers.

Share: of all positive attribution on the grid. Ratio: that share over the region's share of the grid's volume; 1 is
what a map without any idea of the anatomy would have. Peak: whether the voxel with the highest value lies in the
region, the pointing game of Zhang et al., Int J Comput Vis 2018;126:1084-1102, without their tolerance.
"""

import numpy as np
import pandas as pd

from ichor.evaluation.intervals import wilson
from ichor.explain.intervals import mean_interval

QUANTITIES = ("share", "ratio", "peak")


def overlap(values: np.ndarray, shares: dict[str, np.ndarray]) -> list[dict]:
    """Overlap of one map with each region.

    Parameters
    ----------
    values : numpy.ndarray
        ``(x, y, z)``, negative values count as none.
    shares : dict
        Of `ichor.explain.regions.shares_of_regions`.

    Returns
    -------
    list of dict
        ``region share volume_share ratio peak`` per region; NaN where the map has no positive value, or the region no
        volume. ``peak`` is 1 for the region that fills most of the voxel with the highest value, else 0; where several
        voxels share the highest value, the part of them.
    """
    positive = np.clip(values, 0, None).astype(np.float64)
    total, volume = positive.sum(), float(values.size)
    peaks = positive == positive.max()
    names = list(shares)
    held = np.stack([shares[name][peaks] for name in names]).argmax(axis=0)
    rows = []
    for index, name in enumerate(names):
        part = float(shares[name].sum(dtype=float) / volume)
        share = float((positive * shares[name]).sum() / total) if total > 0 else np.nan
        rows.append(
            {
                "region": name,
                "share": share,
                "volume_share": part,
                "ratio": share / part if part > 0 else np.nan,
                "peak": float((held == index).mean()) if total > 0 else np.nan,
            }
        )
    return rows


def summarise(each: pd.DataFrame) -> pd.DataFrame:
    """Mean over patients of each method, region and quantity.

    Parameters
    ----------
    each : pandas.DataFrame
        Columns ``method region`` and those of `QUANTITIES`, one row per patient.

    Returns
    -------
    pandas.DataFrame
        ``method region quantity estimate low high n``: Student's t interval, not below 0; Wilson's for ``peak``, where
        patients whose peak is shared between regions count where most of it is.
    """
    rows = []
    for (method, region), own in each.groupby(["method", "region"], sort=False):
        for quantity in QUANTITIES:
            values = own[quantity].dropna().to_numpy(float)
            if quantity == "peak":
                found, n = wilson(int((values > 0.5).sum()), len(values)), len(values)
            else:
                found = mean_interval(values, least=0.0)
                n = found.n
            rows.append(
                {"method": method, "region": region, "quantity": quantity}
                | {"estimate": found.estimate, "low": found.low, "high": found.high, "n": n}
            )
    return pd.DataFrame(rows, columns=["method", "region", "quantity", "estimate", "low", "high", "n"])
