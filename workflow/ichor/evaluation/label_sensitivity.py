"""How much a model's AUC depends on the labels: on the definition of expansion, and on the error of the volumes.

The predictions stay as they are; the labels change. Under a definition the same patients have other labels. Under
label noise a patient's label is drawn, again and again, from the probability that both measured volumes give it.
"""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from ichor import tables
from ichor.evaluation.bootstrap import CHUNK, Resamples, percentile_interval, weighted_auc
from ichor.evaluation.discrimination import auc
from ichor.evaluation.evaluate import with_families
from ichor.evaluation.intervals import Estimate, undefined, wilson
from ichor.evaluation.measures import metric_row
from ichor.evaluation.predictions import FIT, check_predictions, one_per_patient
from ichor.progress import track
from ichor.reasons import Reason
from ichor.seeds import seed_for

UNCERTAIN = (0.1, 0.9)
"""A label whose probability lies between is within the error of its own volumes. Our choice."""


def label_sensitivity(
    predictions: pd.DataFrame, labels: pd.DataFrame, *, seed: int, draws: int = 500, target: str = "expansion"
) -> pd.DataFrame:
    """Evaluate the same predictions under every definition and under label noise.

    Parameters
    ----------
    predictions : DataFrame
        Predictions table; its own labels are not looked at. Test rows of `target` at baseline are used.
    labels : DataFrame
        Table ``expansion_labels`` of all splits.
    seed : int
        The study's seed. Draws depend neither on the model nor on the definition.
    draws : int
        How often labels are drawn and patients resampled (centers keep their size); 0 leaves that out.
    target : str
        What was predicted.

    Returns
    -------
    DataFrame
        Table ``label_sensitivity``, per split, center (or ``all``) and definition:

        - ``auc`` of each model: labels as they are, DeLong's interval
        - ``auc_drawn`` of each model: mean over drawn labels; the interval holds the spread of the drawn labels and
          of resampled patients
        - ``auc_redrawn`` of each model: the same mean; the interval holds the spread of the drawn labels alone
        - ``uncertain_share`` (no model): labels of any role whose probability is within `UNCERTAIN`, Wilson's interval

        Patients who were not predicted (they have no label by the configured definition), or have no label or no
        probability by the definition, are left out of it.
    """
    rows = one_per_patient(check_predictions(predictions, "predictions"))
    rows = rows[(rows["role"] == "test") & (rows["target"] == target)].drop(columns="label")
    out = []
    for name, own in labels.groupby("definition", sort=False):
        out += [{"definition": name, **row} for row in _shares(own)]
        labelled = own[["split", "patient", "label", "probability"]].rename(
            columns={"probability": "label_probability"}
        )
        merged = with_families(rows.merge(labelled, on=["split", "patient"], how="inner"))
        fits = list(merged.groupby(FIT, sort=True))
        for key, part in track(fits, f"evaluate labels: {name}"):
            names = dict(zip(FIT, key, strict=True)) | {"definition": name}
            out += [names | row for row in _one_fit(names, part, seed, draws)]
    return tables.frame("label_sensitivity", out)


def _shares(labels: pd.DataFrame) -> Iterator[dict]:
    """Rows ``uncertain_share`` of each split and center."""
    known = labels[labels["label"].notna() & labels["probability"].notna()]
    low, high = UNCERTAIN
    for split, in_split in labels.groupby("split", sort=True):
        for center in [*sorted(in_split["center"].unique()), "all"]:
            own = known[(known["split"] == split) & ((known["center"] == center) | (center == "all"))]
            within = int(((own["probability"] > low) & (own["probability"] < high)).sum())
            unknown = in_split["reason"].eq(str(Reason.VOLUME_ERROR_UNKNOWN)).any()
            value = wilson(within, len(own), Reason.VOLUME_ERROR_UNKNOWN if unknown else Reason.LABEL_MISSING)
            yield {"split": split, "center": center, **metric_row("uncertain_share", value, len(own), within)}


def _one_fit(names: dict, rows: pd.DataFrame, seed: int, draws: int) -> list[dict]:
    """Rows of one model in one split under one definition."""
    out = []
    for center in [*sorted(rows["center"].unique()), "all"]:
        own = rows[(rows["center"] == center) | (center == "all")].sort_values(["center", "patient"])
        labelled = own[own["label"].notna()]
        y = labelled["label"].to_numpy(dtype=float).astype(bool)
        value = auc(y, labelled["probability"].to_numpy(dtype=float))
        out.append({"center": center, **metric_row("auc", value, len(y), int(y.sum()))})
        certain = labelled[labelled["label_probability"].notna()]
        where = seed_for(seed, "evaluate_labels", names["target"], names["split"], center)
        for quantity, found in _drawn(certain, where, draws).items():
            events = round(certain["label_probability"].sum())
            out.append({"center": center, **metric_row(quantity, found, len(certain), events)})
    return out


def _drawn(rows: pd.DataFrame, seed: int, draws: int) -> dict[str, Estimate]:
    """AUC when labels are drawn: with patients resampled, and on the patients as they are."""
    if not draws:
        return {}
    if not len(rows):
        return dict.fromkeys(("auc_drawn", "auc_redrawn"), undefined(Reason.VOLUME_ERROR_UNKNOWN))
    risk, expansion = (rows[name].to_numpy(dtype=float) for name in ("probability", "label_probability"))
    resamples, rng = Resamples(rows["center"].to_numpy(), draws, seed), np.random.default_rng([seed, 1])
    both = resamples.values(lambda weights: weighted_auc(_labels(rng, expansion, len(weights)), risk, weights))
    step = max(1, CHUNK // len(rows))
    sizes = [min(step, draws - start) for start in range(0, draws, step)]
    alone = np.concatenate(
        [weighted_auc(_labels(rng, expansion, size), risk, np.ones((size, len(rows)))) for size in sizes]
    )
    finite = alone[np.isfinite(alone)]
    if not finite.size:
        return dict.fromkeys(("auc_drawn", "auc_redrawn"), undefined(Reason.ONE_CLASS))
    mean = float(finite.mean())
    return {"auc_drawn": percentile_interval(mean, both), "auc_redrawn": _spread(mean, alone)}


def _labels(rng: np.random.Generator, probability: np.ndarray, size: int) -> np.ndarray:
    """Labels drawn anew for each of `size` resamples, shape (size, n)."""
    return rng.random((size, probability.size)) < probability


def _spread(mean: float, values: np.ndarray) -> Estimate:
    """Interval of the drawn labels; without an uncertain label there is no spread, and the interval is a point."""
    found = percentile_interval(mean, values)
    return found if not math.isnan(found.low) and found.low < found.high else found._replace(low=mean, high=mean)
