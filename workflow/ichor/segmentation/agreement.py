"""Agreement of predicted with reference masks: per case and label, and over cases.

What is said of empty masks, here and nowhere else (column ``emptiness``):

================  ========  ===  =======  ==================  ====================  ===================================
masks             Dice      NSD  HD95     difference in mL    difference in %       counted as within 10 % and the MDD
================  ========  ===  =======  ==================  ====================  ===================================
both empty        missing   missing       0.0                 missing               yes
prediction empty  0         0    missing  minus the volume    -100                  no; MDD by the difference
reference empty   0         0    missing  the volume          missing               no; MDD by the difference
neither           in [0,1]  in [0,1], mm  predicted - ref.    of the reference      by the difference
================  ========  ===  =======  ==================  ====================  ===================================

So two empty masks do not raise the mean overlap, and a missed bleed lowers it. A scan that could not be segmented, or
whose reference cannot be read, is no case at all.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ichor.imaging.surface_distance import surface_distances

TOLERANCE_MM = 2.0
"""Surfaces this near to each other agree (normalised surface distance). Our choice: the width of a coarse pixel."""
MINIMUM_DETECTABLE_DIFFERENCE_ML = {"iph": 5.83}
"""Difference that two human readers of one scan exceed in 5 of 100 only, for hemorrhage without IVH (5 readers, 40
scans; Rodriguez-Luna et al., Stroke 2016). Over all scans it was 7.72 mL, for large bleeds or with IVH 10.4 mL: the
smallest one is the strictest. Not published for other labels."""
SIZES_ML = (("none", 0.0), ("under 10 mL", 10.0), ("10 to 30 mL", 30.0), ("30 mL or more", float("inf")))
"""Classes of the reference volume with their upper limits; 30 mL is the cut of the ICH score, 10 of max-ICH."""
SIZE_NAMES = [name for name, _ in SIZES_ML]
GROUPS = ("size", "location", "manufacturer")
STATISTICS = (
    "n n_dice dice_q1 dice_median dice_q3 nsd_median n_hd95 hd95_median_mm bias_ml loa_low_ml loa_high_ml ccc icc "
    "within_10_percent within_mdd"
).split()
SUMMARY_COLUMNS = ["split", "center", "label", *STATISTICS]
GROUP_COLUMNS = ["split", "group", "level", "label", *STATISTICS]


def dice(prediction: np.ndarray, reference: np.ndarray) -> float:
    """Dice coefficient ``2 |P and R| / (|P| + |R|)`` of two masks (Dice, Ecology 1945;26:297-302).

    Parameters
    ----------
    prediction, reference : array of bool, same shape

    Returns
    -------
    float
        In [0, 1]; NaN when both masks are empty.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    prediction, reference = np.asarray(prediction, dtype=bool), np.asarray(reference, dtype=bool)
    if prediction.shape != reference.shape:
        raise ValueError(f"masks of shape {prediction.shape} and {reference.shape} cannot be compared")
    both = np.count_nonzero(prediction) + np.count_nonzero(reference)
    return 2.0 * np.count_nonzero(prediction & reference) / both if both else float("nan")


def size_class(reference_ml: float) -> str:
    """Name of the class of `SIZES_ML` that a reference volume is in; a limit belongs to the class above it."""
    if reference_ml <= 0:
        return SIZES_ML[0][0]
    return next(name for name, limit in SIZES_ML[1:] if reference_ml < limit)


def compare_masks(
    prediction: np.ndarray, reference: np.ndarray, spacing_mm: tuple[float, float, float], voxel_ml: float
) -> dict[str, float | str | None]:
    """Compare two masks of one label.

    Parameters
    ----------
    prediction, reference : array of bool, shape (X, Y, Z)
    spacing_mm : tuple of float
        Voxel size along the three axes.
    voxel_ml : float
        Volume of a voxel, mL.

    Returns
    -------
    dict
        size, emptiness, predicted_ml, reference_ml, difference_ml (predicted minus reference), difference_percent (of
        the reference), dice, nsd (tolerance `TOLERANCE_MM`), hd95_mm. The module says what empty masks give.
    """
    overlap = dice(prediction, reference)
    predicted_ml, reference_ml = (float(np.count_nonzero(mask)) * voxel_ml for mask in (prediction, reference))
    names = {(True, True): "both_empty", (True, False): "prediction_empty", (False, True): "reference_empty"}
    distances = surface_distances(np.asarray(prediction, bool), np.asarray(reference, bool), spacing_mm)
    difference = predicted_ml - reference_ml
    return {
        "size": size_class(reference_ml),
        "emptiness": names.get((predicted_ml == 0, reference_ml == 0)),
        "predicted_ml": predicted_ml,
        "reference_ml": reference_ml,
        "difference_ml": difference,
        "difference_percent": 100.0 * difference / reference_ml if reference_ml else float("nan"),
        "dice": overlap,
        "nsd": distances.within(TOLERANCE_MM),
        "hd95_mm": distances.hausdorff(95.0),
    }


def limits_of_agreement(difference: np.ndarray) -> tuple[float, float, float]:
    """Bias and 95 % limits of agreement (Bland and Altman, Lancet 1986;327:307-310).

    Parameters
    ----------
    difference : array, shape (n,)
        Predicted minus reference.

    Returns
    -------
    tuple of float
        Mean, mean - 1.96 SD, mean + 1.96 SD, with the sample SD; NaN without cases, limits NaN with one.
    """
    difference = np.asarray(difference, dtype=float)
    if not len(difference):
        return float("nan"), float("nan"), float("nan")
    bias = float(difference.mean())
    half = 1.96 * float(difference.std(ddof=1)) if len(difference) > 1 else float("nan")
    return bias, bias - half, bias + half


def concordance(x: np.ndarray, y: np.ndarray) -> float:
    """Concordance correlation coefficient (Lin, Biometrics 1989;45:255-268, with its 1/n moments).

    Parameters
    ----------
    x, y : array, shape (n,)

    Returns
    -------
    float
        In [-1, 1]; NaN with fewer than two cases or when both are the same constant.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if len(x) < 2:
        return float("nan")
    covariance = float(((x - x.mean()) * (y - y.mean())).mean())
    spread = float(x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    return 2.0 * covariance / spread if spread > 0 else float("nan")


def intraclass_correlation(ratings: np.ndarray) -> float:
    """Intraclass correlation ICC(2,1): two-way random effects, absolute agreement, one rating.

    Shrout and Fleiss, Psychol Bull 1979;86:420-428.

    Parameters
    ----------
    ratings : array, shape (cases, raters)
        Here two raters: prediction and reference.

    Returns
    -------
    float
        At most 1; NaN with fewer than two cases or raters, or when all ratings are the same.
    """
    ratings = np.asarray(ratings, dtype=float)
    n, k = ratings.shape
    if n < 2 or k < 2:
        return float("nan")
    cases, raters, mean = ratings.mean(axis=1), ratings.mean(axis=0), ratings.mean()
    between = k * float(((cases - mean) ** 2).sum()) / (n - 1)
    of_raters = n * float(((raters - mean) ** 2).sum()) / (k - 1)
    rest = ratings - cases[:, None] - raters[None, :] + mean
    error = float((rest**2).sum()) / ((n - 1) * (k - 1))
    spread = between + (k - 1) * error + k * (of_raters - error) / n
    return (between - error) / spread if spread > 0 else float("nan")


def summarise_agreement(
    cases: pd.DataFrame, masks: pd.DataFrame, labels: Sequence[str] = ("iph", "ivh")
) -> pd.DataFrame:
    """Summarise cases by split, center and label; center ``all`` has the cases of every center.

    Parameters
    ----------
    cases : DataFrame
        Table ``agreement_cases``.
    masks : DataFrame
        Masks table: every split and center in it has a row, also one without any case.
    labels : sequence of str
        Labels that have a row in any case; further labels of `cases` follow.

    Returns
    -------
    DataFrame
        Columns `SUMMARY_COLUMNS`. n cases, n_dice those with a defined Dice, quartiles of Dice, medians of the surface
        measures, bias and limits of agreement in mL (predicted minus reference), concordance and intraclass
        correlation of the volumes, shares within 10 % and within the human minimum detectable difference.
    """
    rows = []
    for split, of_split in masks.groupby("split", sort=True):
        for center in [*sorted(of_split["center"].unique()), "all"]:
            own = cases[(cases["split"] == split) & ((cases["center"] == center) | (center == "all"))]
            for label in dict.fromkeys([*labels, *cases["label"]]):
                of_label = own[own["label"] == label]
                rows.append({"split": split, "center": center, "label": label, **_statistics(of_label, label)})
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def summarise_groups(cases: pd.DataFrame, groups: Sequence[str] = GROUPS) -> pd.DataFrame:
    """Summarise cases by split and label within sizes, locations and scanners; columns `GROUP_COLUMNS`."""
    rows = []
    for (split, label), of_label in cases.groupby(["split", "label"], sort=True):
        for group in groups:
            parts = dict(iter(of_label.groupby(group)))
            for level in sorted(parts, key=lambda name: (SIZE_NAMES.index(name) if group == "size" else 0, name)):
                part = parts[level]
                rows.append({"split": split, "group": group, "level": level, "label": label})
                rows[-1] |= _statistics(part, label)
    return pd.DataFrame(rows, columns=GROUP_COLUMNS)


def _statistics(cases: pd.DataFrame, label: str) -> dict[str, float]:
    scores, near, far = (cases[name].astype(float).dropna().to_numpy() for name in ("dice", "nsd", "hd95_mm"))
    quartiles = np.percentile(scores, [25, 50, 75]) if len(scores) else np.full(3, np.nan)
    predicted, reference = (cases[name].to_numpy(float) for name in ("predicted_ml", "reference_ml"))
    difference = predicted - reference
    bias, low, high = limits_of_agreement(difference)
    most = MINIMUM_DETECTABLE_DIFFERENCE_ML.get(label)
    return {
        "n": len(cases),
        "n_dice": len(scores),
        "dice_q1": quartiles[0],
        "dice_median": quartiles[1],
        "dice_q3": quartiles[2],
        "nsd_median": float(np.median(near)) if len(near) else np.nan,
        "n_hd95": len(far),
        "hd95_median_mm": float(np.median(far)) if len(far) else np.nan,
        "bias_ml": bias,
        "loa_low_ml": low,
        "loa_high_ml": high,
        "ccc": concordance(predicted, reference),
        "icc": intraclass_correlation(np.stack([predicted, reference], axis=1)),
        "within_10_percent": float((np.abs(difference) <= 0.1 * reference).mean()) if len(cases) else np.nan,
        "within_mdd": float((np.abs(difference) <= most).mean()) if most and len(cases) else np.nan,
    }
