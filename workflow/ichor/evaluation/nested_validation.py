"""Nested cross-validation of tabular models: chosen inside, tested outside, by patient."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from ichor.cohort.dictionary import refuse_late_predictors
from ichor.cohort.fences import LeakError
from ichor.errors import StudyError
from ichor.evaluation.classification import choose_threshold
from ichor.evaluation.intervals import Estimate
from ichor.models import registry
from ichor.models.tabular import TabularModel
from ichor.seeds import seed_for

LEAST = 1e-6
"""Probabilities are kept this far from 0 and 1, so that a log loss is finite."""
PREDICTIONS = ["repeat", "fold", "patient", "label", "probability", "threshold", "positive", "chosen"]
CHOICES = ["repeat", "fold", "candidate", "log_loss", "chosen"]


class NestedResult(NamedTuple):
    """What `nested_cross_validation` found.

    Attributes
    ----------
    predictions : DataFrame
        One row per repeat and row of the table that has a label and the models' input, with the table's index:
        ``repeat fold patient label probability threshold positive chosen``.
    choices : DataFrame
        One row per repeat, fold and candidate: ``repeat fold candidate log_loss chosen``; the log loss is that of the
        inner folds.
    """

    predictions: pd.DataFrame
    choices: pd.DataFrame


def nested_cross_validation(
    table: pd.DataFrame,
    label: str,
    candidates: Mapping[str, dict],
    *,
    folds: int = 5,
    inner_folds: int = 5,
    repeats: int = 1,
    seed: int,
    threshold: str = "youden",
    target_sensitivity: float = 0.8,
    known_at_admission: Collection[str] = (),
) -> NestedResult:
    """Predict every patient by a model that was chosen, fitted and given its threshold without him.

    In each outer fold the candidates are compared by the log loss of out-of-fold predictions inside the other folds,
    the first of equals is taken, its threshold is that of the same predictions, and it is fitted again on the other
    folds. A kind that settles something by tune rows (rounds of boosting) is given one inner fold for that.

    Parameters
    ----------
    table : DataFrame
        Column ``patient`` (several rows of one patient stay together), `label` and the models' columns.
    label : str
        Column of the outcome, 0 or 1; rows without it are left out.
    candidates : mapping
        Name -> settings of a tabular kind, ``kind`` and any others (`ichor.models.registry.resolve`). One candidate is
        nothing to choose from; it is fitted the same way. A row is predicted if all candidates can.
    folds, inner_folds : int
        Outer folds (tested on) and inner ones (chosen by), at least 2, balanced by outcome.
    repeats : int
        How often all is done with other folds.
    seed : int
        Seed of the folds and fits.
    threshold, target_sensitivity
        Rule of `ichor.evaluation.classification.choose_threshold`, applied to the inner out-of-fold predictions.
    known_at_admission : collection of str
        Columns of which the caller says so, or whose time he has checked; all others must be in the data dictionary.

    Raises
    ------
    StudyError
        If a candidate is no tabular kind or reads what is not known at admission, there are fewer patients of an
        outcome than folds ask for, or a column is missing.
    """
    models = {name: _resolved(name, spec, known_at_admission) for name, spec in candidates.items()}
    if not models:
        raise StudyError("nested cross-validation: no candidate is given")
    if min(folds, inner_folds) < 2 or repeats < 1:
        raise StudyError("nested cross-validation: at least 2 folds, 2 inner folds and 1 repeat are needed")
    rows = _rows(table, label, models)
    labels = rows[label].astype(int).to_numpy()
    _check_enough(rows["patient"], labels, folds, inner_folds)
    predictions, choices = [], []
    for repeat in range(repeats):
        outer = deal(rows["patient"], labels, folds, seed_for(seed, "nested", repeat))
        for fold in range(folds):
            made = _one_fold(rows, labels, outer, fold, models, inner_folds, seed_for(seed, "nested", repeat, fold))
            best, losses, inner, probability = made
            found = choose_threshold(*inner, threshold, target_sensitivity)
            predictions.append(_predicted(rows[outer == fold], labels[outer == fold], probability, found, best))
            predictions[-1] = predictions[-1].assign(repeat=repeat, fold=fold)
            choices += [(repeat, fold, name, loss, name == best) for name, loss in losses.items()]
    return NestedResult(pd.concat(predictions)[PREDICTIONS], pd.DataFrame(choices, columns=CHOICES))


def deal(patients: pd.Series, labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Fold of each row: whole patients, shuffled and dealt in turn, those with an event first.

    Returns
    -------
    array of int, shape (rows,)
        From 0 to ``folds - 1``; the numbers of events of two folds differ by one patient at most.
    """
    names = patients.to_numpy()
    event = pd.Series(labels).groupby(names).max()
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(event.index[event == value].to_numpy()) for value in (1, 0)])
    fold_of = dict(zip(order, np.arange(order.size) % folds, strict=True))
    return np.array([fold_of[name] for name in names], dtype=int)


def _resolved(name: str, spec: dict, known_at_admission: Collection[str]) -> dict:
    made = registry.resolve(spec, name)
    if registry.family(made["kind"]) != "tabular":
        raise StudyError(
            f"{name}: kind {made['kind']} is an image network; nested cross-validation takes tabular kinds"
        )
    columns = [column for column in _model(made).columns() if column not in known_at_admission]
    wanted = [column for column in registry.post_baseline(made) if column not in known_at_admission]
    refuse_late_predictors(columns, post_baseline=wanted)
    return made


def _model(spec: dict) -> TabularModel:
    return registry.load(spec["kind"]).Model(spec)


def _rows(table: pd.DataFrame, label: str, models: Mapping[str, dict]) -> pd.DataFrame:
    absent = [name for name in ("patient", label) if name not in table]
    if absent:
        raise StudyError(f"the table has no column {' and '.join(absent)}; it has {', '.join(map(str, table.columns))}")
    if table.index.has_duplicates:
        raise StudyError("the table's index names rows twice; give each row its own")
    rows = table[table[label].notna()]
    for spec in models.values():
        made = _model(spec)
        rows = rows[made.usable(made.design(rows))]
    return rows


def _check_enough(patients: pd.Series, labels: np.ndarray, folds: int, inner_folds: int) -> None:
    event = pd.Series(labels).groupby(patients.to_numpy()).max()
    fewest = int(min((event == 1).sum(), (event == 0).sum()))
    needed = max(folds, inner_folds + -(-fewest // folds))
    if fewest < needed:
        raise StudyError(
            f"nested cross-validation: {fewest} patients of the rarer outcome are too few for {folds} folds of "
            f"{inner_folds} inner folds; {needed} are needed. Use fewer folds."
        )


def _one_fold(
    rows: pd.DataFrame,
    labels: np.ndarray,
    outer: np.ndarray,
    fold: int,
    models: Mapping[str, dict],
    inner_folds: int,
    seed: int,
) -> tuple[str, dict[str, float], tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Chosen candidate, log losses, its inner labels and predictions, and its predictions of the outer fold."""
    fitting, y, test = rows[outer != fold], labels[outer != fold], rows[outer == fold]
    _check_apart(fitting, test)
    inner = deal(fitting["patient"], y, inner_folds, seed)
    out_of_fold = {name: np.empty(len(fitting)) for name in models}
    for part in range(inner_folds):
        for name, spec in models.items():
            made = _fit(spec, fitting, y, inner, part, seed_for(seed, name, part))
            out_of_fold[name][inner == part] = made.probability(made.design(fitting[inner == part]))
    losses = {name: _log_loss(y, found) for name, found in out_of_fold.items()}
    best = min(losses, key=losses.get)  # the first of equals
    made = _fit(models[best], fitting, y, inner, None, seed_for(seed, best, "all"))
    return best, losses, (y, out_of_fold[best]), made.probability(made.design(test))


def _fit(
    spec: dict, rows: pd.DataFrame, labels: np.ndarray, inner: np.ndarray, left_out: int | None, seed: int
) -> TabularModel:
    """Fit without the inner fold `left_out`; tune rows are those of another fold, if anything is settled by them."""
    made = _model(spec)
    train = inner != left_out if left_out is not None else np.ones(inner.size, dtype=bool)
    remaining = np.unique(inner[train])
    settles = type(made).choose is not TabularModel.choose and remaining.size > 1
    tune = inner == remaining[0] if settles else np.zeros(inner.size, dtype=bool)
    train &= ~tune
    design = made.design(rows)
    made.fit(design[train], labels[train], seed)
    if tune.any():
        made.choose(design[tune], labels[tune])
    return made


def _check_apart(fitting: pd.DataFrame, test: pd.DataFrame) -> None:
    both = set(fitting["patient"]) & set(test["patient"])
    if both:
        raise LeakError(f"nested cross-validation: {len(both)} patient(s) would be fitted and tested on")


def _log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    given = np.clip(np.where(labels == 1, probabilities, 1 - probabilities), LEAST, 1.0)
    return float(-np.log(given).mean())


def _predicted(
    test: pd.DataFrame, labels: np.ndarray, probability: np.ndarray, threshold: Estimate, best: str
) -> pd.DataFrame:
    limit = threshold.estimate
    positive = np.where(np.isnan(limit), np.nan, probability >= limit)
    return pd.DataFrame(
        {
            "patient": test["patient"],
            "label": labels,
            "probability": probability,
            "threshold": limit,
            "positive": positive,
            "chosen": best,
        },
        index=test.index,
    )
