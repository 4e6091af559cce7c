"""How predicted risks of expansion relate to its extent in four classes, and how sure the extents are.

The models predict whether a bleed expands, not how far; one that ranks well should give more to those who grow more.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ichor import tables
from ichor.cohort.extent import CLASSES, PROBABILITIES
from ichor.evaluation.bootstrap import Resamples, percentile_interval, weighted_mean
from ichor.evaluation.evaluate import with_families
from ichor.evaluation.intervals import Estimate, undefined, wilson
from ichor.evaluation.label_sensitivity import UNCERTAIN
from ichor.evaluation.measures import metric_row
from ichor.evaluation.ordinal_trend import concordance, trend_z, weighted_concordance
from ichor.evaluation.predictions import FIT, check_predictions, one_per_patient
from ichor.progress import track
from ichor.reasons import Reason
from ichor.seeds import seed_for

EXTENT = "extent"
LEAST_PATIENTS = 10
"""Fewer patients than this give no normal test of a trend. Our choice."""


def of_class(number: int) -> str:
    """Name in the column ``definition`` of what is said of one class."""
    return f"{EXTENT}_{number}"


def extent_evaluation(
    predictions: pd.DataFrame, extents: pd.DataFrame, *, seed: int, draws: int = 500, target: str = "expansion"
) -> pd.DataFrame:
    """Compare predictions with the extent of expansion.

    Parameters
    ----------
    predictions : DataFrame
        Predictions table. Test rows of `target` at baseline are used.
    extents : DataFrame
        Table ``expansion_extent`` of all splits.
    seed : int
        The study's seed. Draws do not depend on the model.
    draws : int
        How often patients are resampled (centers keep their size) and extents drawn; 0 leaves that out.
    target : str
        What was predicted.

    Returns
    -------
    DataFrame
        Rows of the table ``label_sensitivity``, per split and center (or ``all``). With definition ``extent``:

        - ``uncertain_share`` (no model): extents of any role of which no class has a probability of 0.9 or more,
          Wilson's interval
        - ``ordinal_c`` of each model: `ichor.evaluation.ordinal_trend.concordance`, interval by resampled patients
        - ``ordinal_c_drawn`` of each model: mean over extents drawn from their probabilities; the interval holds the
          spread of these and of resampled patients
        - ``trend_z`` of each model: `ichor.evaluation.ordinal_trend.trend_z`

        With definition ``extent_0`` to ``extent_3``, of that class: ``extent_share`` (no model), Wilson's interval, and
        ``mean_risk`` of each model.
    """
    rows = one_per_patient(check_predictions(predictions, "predictions"))
    rows = rows[(rows["role"] == "test") & (rows["target"] == target)]
    known = extents[extents["extent"].notna()]
    out = list(_shares(extents, known))
    named = known[["split", "patient", EXTENT, *PROBABILITIES]]
    merged = with_families(rows.merge(named, on=["split", "patient"], how="inner"))
    for key, part in track(list(merged.groupby(FIT, sort=True)), "evaluate extent"):
        names = dict(zip(FIT, key, strict=True))
        for center in [*sorted(part["center"].unique()), "all"]:
            own = part[(part["center"] == center) | (center == "all")].sort_values(["center", "patient"])
            where = seed_for(seed, "evaluate_extent", names["target"], names["split"], center)
            out += [names | {"center": center, **row} for row in _one_group(own, where, draws)]
    return tables.frame("label_sensitivity", out)


def _shares(extents: pd.DataFrame, known: pd.DataFrame) -> Iterator[dict]:
    """Rows without a model, of each split and center."""
    for split, in_split in extents.groupby("split", sort=True):
        for center in [*sorted(in_split["center"].unique()), "all"]:
            own = known[(known["split"] == split) & ((known["center"] == center) | (center == "all"))]
            for number in CLASSES:
                count = int((own["extent"] == number).sum())
                share = metric_row("extent_share", wilson(count, len(own), Reason.LABEL_MISSING), len(own), count)
                yield {"split": split, "center": center, "definition": of_class(number), **share}
            likeliest = own[PROBABILITIES].max(axis=1).dropna()
            within = int((likeliest < UNCERTAIN[1]).sum())
            unknown = in_split["reason"].eq(str(Reason.VOLUME_ERROR_UNKNOWN)).any()
            value = wilson(within, len(likeliest), Reason.VOLUME_ERROR_UNKNOWN if unknown else Reason.LABEL_MISSING)
            share = metric_row("uncertain_share", value, len(likeliest), within)
            yield {"split": split, "center": center, "definition": EXTENT, **share}


def _one_group(rows: pd.DataFrame, seed: int, draws: int) -> Iterator[dict]:
    """Rows of one model on some patients."""
    classes, risks = rows["extent"].to_numpy(dtype=int), rows["probability"].to_numpy(dtype=float)
    resamples = Resamples(rows["center"].to_numpy(), draws, seed)
    found = {"ordinal_c": _concordance(classes, risks, resamples), "trend_z": _trend(classes, risks)}
    for quantity, value in found.items():
        yield {"definition": EXTENT, **metric_row(quantity, value, len(rows), None)}
    if draws:
        certain = rows[rows[PROBABILITIES].notna().all(axis=1)]
        yield {"definition": EXTENT, **metric_row("ordinal_c_drawn", _drawn(certain, seed, draws), len(certain), None)}
    for number in CLASSES:
        own = rows[rows["extent"] == number]
        value = _mean(own["probability"].to_numpy(dtype=float), own["center"].to_numpy(), draws, seed)
        yield {"definition": of_class(number), **metric_row("mean_risk", value, len(own), None)}


def _concordance(classes: np.ndarray, risks: np.ndarray, resamples: Resamples) -> Estimate:
    if len(np.unique(classes)) < 2:
        return undefined(Reason.ONE_CLASS)
    return resamples.interval(
        concordance(classes, risks), lambda weights: weighted_concordance(classes, risks, weights)
    )


def _trend(classes: np.ndarray, risks: np.ndarray) -> Estimate:
    if len(np.unique(classes)) < 2:
        return undefined(Reason.ONE_CLASS)
    if len(np.unique(risks)) < 2:
        return undefined(Reason.CONSTANT_PREDICTION)
    if len(classes) < LEAST_PATIENTS:
        return undefined(Reason.TOO_FEW_EVENTS)
    return Estimate(trend_z(classes, risks))


def _drawn(rows: pd.DataFrame, seed: int, draws: int) -> Estimate:
    if not len(rows):
        return undefined(Reason.VOLUME_ERROR_UNKNOWN)
    risks, chances = rows["probability"].to_numpy(dtype=float), rows[PROBABILITIES].to_numpy(dtype=float)
    up_to, rng = np.cumsum(chances, axis=1)[:, :-1], np.random.default_rng([seed, 1])

    def drawn(weights: np.ndarray) -> np.ndarray:
        """Concordance with patients resampled, and with all of them once, of the same drawn extents."""
        classes = (rng.random((*weights.shape, 1)) > up_to).sum(axis=2)
        once = np.ones_like(weights)
        return np.stack([weighted_concordance(classes, risks, each) for each in (weights, once)], axis=1)

    values = Resamples(rows["center"].to_numpy(), draws, seed).values(drawn)
    whole = values[np.isfinite(values[:, 1]), 1]
    if not whole.size:
        return undefined(Reason.ONE_CLASS)
    return percentile_interval(float(whole.mean()), values[:, 0])


def _mean(risks: np.ndarray, centers: np.ndarray, draws: int, seed: int) -> Estimate:
    if not len(risks):
        return undefined(Reason.EMPTY_DENOMINATOR)
    resamples = Resamples(centers, draws, seed)
    return resamples.interval(float(risks.mean()), lambda weights: weighted_mean(risks, weights))
