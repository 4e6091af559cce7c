"""Train patients that are nearest to a test patient in what a network makes of them.

The features are what the last linear layer reads. Each is divided by its standard deviation over the train patients, so
that no feature counts for its unit; the distance is the root mean square over the features. A neighbour says what the
network takes for alike. It does not say that the patients are alike, and a network that was fitted on the neighbour may
know it by heart.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ichor.cohort.fences import LeakError, fitting_rows
from ichor.synthesis.network_features import penultimate
from ichor.training.data import load_views
from ichor.training.inference import NetworkPredictor
from ichor.training.loop import predict_logits


def features_of(model: NetworkPredictor, rows: pd.DataFrame, what: str, volumes: Path | None = None) -> pd.DataFrame:
    """Features of cohort rows in the space of a model's first network.

    Parameters
    ----------
    model : NetworkPredictor
        With several networks the first one speaks: their spaces are not comparable.
    rows : pandas.DataFrame
        Of the cohort.
    what : str
        What the progress line calls it.
    volumes : pathlib.Path, optional
        The study's cache of scans.

    Returns
    -------
    pandas.DataFrame
        float64, indexed by patient; rows whose scan cannot be read are left out.
    """
    views, outcome = load_views(rows, model.training.inputs, what, volumes)
    usable = rows[outcome["usable"]]
    if not len(usable):
        return pd.DataFrame(index=pd.Index([], name="patient"))
    if model.record:
        views = replace(views, record=model.record.matrix(usable))
    found = penultimate(model.networks[0], lambda network: predict_logits(network, model.training, views))
    return pd.DataFrame(found, index=pd.Index(usable["patient"], name="patient"))


def nearest(features: pd.DataFrame, train: pd.DataFrame, count: int) -> pd.DataFrame:
    """Find the nearest train patients of each patient.

    Parameters
    ----------
    features : pandas.DataFrame
        Features of the patients that are asked about, indexed by patient.
    train : pandas.DataFrame
        Features of the train patients, the same columns.
    count : int
        Neighbours per patient.

    Returns
    -------
    pandas.DataFrame
        ``patient rank neighbour distance relative_distance``: the relative distance is in medians of a train patient's
        distance to the train patient nearest to it, NaN with fewer than two of these or where they are all alike.

    Raises
    ------
    ichor.cohort.fences.LeakError
        If a patient is among the train patients.
    """
    columns = ["patient", "rank", "neighbour", "distance", "relative_distance"]
    shared = features.index.intersection(train.index)
    if len(shared):
        raise LeakError(f"neighbours: {len(shared)} patient(s) would be their own train patient")
    if features.empty or train.empty:
        return pd.DataFrame(columns=columns)
    deviation = train.to_numpy().std(axis=0)
    varied = deviation > 0
    known = train.to_numpy()[:, varied] / deviation[varied]
    usual = _usual(known)
    rows = []
    for patient, own in zip(features.index, features.to_numpy()[:, varied] / deviation[varied], strict=True):
        distance = _distances(own, known)
        for rank, place in enumerate(np.argsort(distance, kind="stable")[:count], start=1):
            relative = distance[place] / usual if usual > 0 else np.nan
            rows.append((patient, rank, train.index[place], float(distance[place]), relative))
    return pd.DataFrame(rows, columns=columns)


def neighbours(
    model: NetworkPredictor,
    cohort: pd.DataFrame,
    patients: list[str],
    probabilities: pd.Series,
    count: int,
    volumes: Path | None = None,
) -> list[dict]:
    """Rows of the table ``neighbours`` for some test patients, without the model's names.

    Parameters
    ----------
    model : NetworkPredictor
        Fitted on the cohort's split.
    cohort : pandas.DataFrame
        Of the split, with ``label``, ``image`` and ``mask``.
    patients : list of str
        Test patients.
    probabilities : pandas.Series
        The model's, indexed by patient, those of train patients among them.
    count : int
        Neighbours per patient.
    volumes : pathlib.Path, optional
        The study's cache of scans.
    """
    if not patients or not count:
        return []
    fitting = fitting_rows(cohort, model.description["split"])
    learned = fitting[fitting["role"] == "train"]
    asked = cohort[cohort["patient"].isin(patients) & (cohort["role"] == "test")]
    train = features_of(model, learned, "read train patients for neighbours", volumes)
    found = nearest(features_of(model, asked, "read patients for neighbours", volumes), train, count)
    centers = cohort.set_index("patient")["center"]
    of_train = learned.set_index("patient")
    rows = []
    for row in found.to_dict("records"):
        own = of_train.loc[row["neighbour"]]
        mask = own.get("mask")
        rows.append(
            row
            | {"center": centers[row["patient"]], "neighbour_center": own["center"], "label": int(own["label"])}
            | {"probability": probabilities.get(row["neighbour"]), "image": own["image"]}
            | {"mask": mask if isinstance(mask, str) and mask else None}
        )
    return rows


def _distances(one: np.ndarray, many: np.ndarray) -> np.ndarray:
    return np.sqrt(((many - one) ** 2).mean(axis=1)) if many.shape[1] else np.zeros(len(many))


def _usual(known: np.ndarray) -> float:
    """Median distance of a train patient to the one nearest to it; NaN for fewer than two."""
    if len(known) < 2:
        return float("nan")
    nearest_of = [np.partition(_distances(own, known), 1)[1] for own in known]  # itself is at 0
    return float(np.median(nearest_of))
