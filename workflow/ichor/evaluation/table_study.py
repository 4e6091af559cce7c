"""A table without scans: models of the record under repeated cross-validation by patient, beside scores as they stand.

Every patient is predicted by models that were fitted, tuned and given their threshold without him, once per repeat; the
mean of his predictions over the repeats is what is evaluated. Scores are ranked as they are: nothing is fitted to them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd

from ichor import tables
from ichor.cohort.own_table import LABEL, PATIENT
from ichor.errors import StudyError
from ichor.evaluation.classification import confusion, proportions
from ichor.evaluation.curves import thin
from ichor.evaluation.discrimination import auc, roc_curve
from ichor.evaluation.evaluate import evaluate
from ichor.evaluation.measures import metric_row
from ichor.evaluation.multiple_tests import holm
from ichor.evaluation.nested_validation import nested_cross_validation
from ichor.evaluation.seed_spread import member_predictions, seed_spread
from ichor.evaluation.study_comparisons import compare_pair, verdict
from ichor.models import registry
from ichor.seeds import seed_for

TASK, SPLIT = "outcome", "cv"
OF_RISKS = tuple("auc auprc prevalence brier observed_expected calibration_intercept calibration_slope".split())
AT_THRESHOLD = ("sensitivity", "specificity", "ppv", "npv", "accuracy")
NO_GAIN = 0.02
"""Difference in AUC below which one would hardly change a score for a model: our choice, for words only."""
COLUMNS = (
    "family model_a model_b auc_a auc_a_low auc_a_high auc_b difference low high p p_holm n events verdict reason"
).split()


@dataclass
class TableStudy:
    """What was found.

    Attributes
    ----------
    table : DataFrame
        Of `ichor.cohort.own_table.read_own_table`, patients with a known outcome.
    left_out : int
        Rows without a known outcome.
    predictions : DataFrame
        Table ``predictions``, each patient tested; ``seed`` is the number of the repeat.
    metrics, curves : DataFrame
        In the schemas of these tables; scores have an AUC and a ROC curve only.
    comparisons : DataFrame
        Columns `COLUMNS`. ``family``: ``scores`` (each model minus each score), ``among_scores``, ``among_models``;
        ``p_holm`` within a family, and of ``scores`` within a score: each asks a question of its own.
    repeats : DataFrame
        `ichor.evaluation.seed_spread.seed_spread`, with a repeat in the place of a network: how far the AUC moves with
        the folds.
    choices : DataFrame
        Columns model, setting, times: how often a setting was chosen inside, of models that have something to choose.
    absent : dict
        Model or score -> patients that it has no answer for.
    """

    table: pd.DataFrame
    left_out: int
    predictions: pd.DataFrame
    metrics: pd.DataFrame
    curves: pd.DataFrame
    comparisons: pd.DataFrame
    repeats: pd.DataFrame
    choices: pd.DataFrame
    absent: dict[str, int]


def candidates_of(entry: Mapping[str, object], where: str) -> dict[str, dict]:
    """All settings that a config entry asks to choose from.

    Parameters
    ----------
    entry : mapping
        ``kind``, settings, and ``tune``: setting -> list of values; every combination is a candidate.
    where : str
        What a message calls the entry.

    Returns
    -------
    dict
        Name (``c=0.1``; the kind where there is nothing to choose) -> complete settings.

    Raises
    ------
    StudyError
        On wrong settings, or a kind that is a network.
    """
    tune = entry.get("tune") or {}
    plain = {key: value for key, value in entry.items() if key != "tune"}
    if not isinstance(tune, Mapping) or not all(isinstance(values, list) and values for values in tune.values()):
        raise StudyError(f"{where}.tune: found {tune!r}; write settings with lists of values, as in {{c: [0.1, 1.0]}}.")
    if registry.family(str(plain["kind"])) != "tabular":
        raise StudyError(f"{where}.kind: {plain['kind']} looks at scans; a table study has none.")
    found = {}
    for values in product(*tune.values()):
        given = dict(zip(tune, values, strict=True))
        name = ", ".join(f"{key}={value}" for key, value in given.items()) or str(plain["kind"])
        found[name] = registry.resolve(plain | given, where)
    return found


def check_models(
    models: Mapping[str, Mapping[str, object]], columns: Mapping[str, Mapping]
) -> dict[str, dict[str, dict]]:
    """Candidates of every model, with predictors that are described and known in time.

    Parameters
    ----------
    models, columns : mapping
        Of the config key ``table_study``; a model that is null is left out.

    Raises
    ------
    StudyError
        If a model reads a column that is not described, or one that is known later without naming it under
        ``post_baseline``.
    """
    found = {}
    for name, entry in models.items():
        if entry is None:
            continue
        where = f"table_study.models.{name}"
        found[name] = candidates_of(entry, where)
        for spec in found[name].values():
            read = registry.load(spec["kind"]).Model(spec).columns()
            unknown = [column for column in read if column not in columns]
            if unknown:
                raise StudyError(f"{where}: {', '.join(unknown)} is not among table_study.columns; describe it there.")
            late = [column for column in read if columns[column].get("known", "admission") == "later"]
            late = [column for column in late if column not in registry.post_baseline(spec)]
            if late:
                raise StudyError(
                    f"{where}: {', '.join(late)} is known only after the time of the prediction; take it out of "
                    "features, or name it under post_baseline, too."
                )
    return found


def table_study(
    table: pd.DataFrame,
    *,
    target: str,
    models: Mapping[str, Mapping[str, dict]],
    scores: Mapping[str, str],
    folds: int,
    repeats: int,
    inner_folds: int,
    seed: int,
    bootstrap: int,
    threshold: str = "youden",
    target_sensitivity: float = 0.8,
) -> TableStudy:
    """Cross-validate every model, and rank by every score.

    Parameters
    ----------
    table : DataFrame
        Of `ichor.cohort.own_table.read_own_table`.
    target : str
        What the event is called.
    models : mapping
        Of `check_models`.
    scores : mapping
        Column -> ``higher`` or ``lower``, the end that is worse.
    folds, repeats, inner_folds, threshold, target_sensitivity
        As in `ichor.evaluation.nested_validation.nested_cross_validation`.
    seed, bootstrap : int
        As in `ichor.evaluation.evaluate.evaluate`.

    Raises
    ------
    StudyError
        If there is neither a model nor a score.
    """
    if not models and not scores:
        raise StudyError("table_study: neither models nor scores are named.")
    known = table[table[LABEL].notna()].reset_index(drop=True)
    known[LABEL] = known[LABEL].astype(int)
    parts, choices = [], []
    for name, candidates in models.items():
        result = nested_cross_validation(
            known,
            LABEL,
            candidates,
            folds=folds,
            inner_folds=inner_folds,
            repeats=repeats,
            seed=seed_for(seed, "table study"),  # the same for every model, and so the folds where rows are the same
            threshold=threshold,
            target_sensitivity=target_sensitivity,
            known_at_admission=list(known.columns),  # `check_models` has seen to it
        )
        parts.append(result.predictions.assign(model=name))
        choices.append(_chosen(result.choices, name, len(candidates)))
    columns = ["repeat", "fold", PATIENT, LABEL, "probability", "positive", "model"]
    nested = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    nested = nested[nested["probability"].notna()]
    predictions = _predictions(nested, target)
    settings = {"seed": seed, "bootstrap": bootstrap, "net_benefit_thresholds": ()}
    metrics, _, curves = evaluate(predictions, None, **settings)
    metrics = metrics[(metrics["center"] == "all") & metrics["quantity"].isin(OF_RISKS)]
    ranked = _ranked(known, predictions, scores)
    more = [metrics, _decisions(nested, target), _score_metrics(ranked, scores, target)]
    answers = ranked.groupby("model")[PATIENT].nunique()
    return TableStudy(
        table=known,
        left_out=len(table) - len(known),
        predictions=predictions,
        metrics=pd.concat([part for part in more if len(part)], ignore_index=True),
        curves=pd.concat([curves[curves["center"] == "all"], _score_curves(ranked, scores, target)], ignore_index=True),
        comparisons=_comparisons(ranked, list(models), list(scores)),
        repeats=seed_spread(member_predictions(predictions, None)),
        choices=pd.concat(choices, ignore_index=True)
        if choices
        else pd.DataFrame(columns=["model", "setting", "times"]),
        absent={name: len(known) - int(answers.get(name, 0)) for name in [*models, *scores]},
    )


def _chosen(choices: pd.DataFrame, name: str, number: int) -> pd.DataFrame:
    taken = choices.loc[choices["chosen"].astype(bool), "candidate"] if number > 1 else pd.Series(dtype=object)
    counted = taken.value_counts()
    return pd.DataFrame({"model": name, "setting": list(counted.index), "times": list(counted)})


def _predictions(nested: pd.DataFrame, target: str) -> pd.DataFrame:
    named = {"task": TASK, "target": target, "split": SPLIT, "center": "table", "role": "test", "time": "baseline"}
    rows = nested.rename(columns={"repeat": "seed"})[["model", PATIENT, LABEL, "probability", "seed"]]
    rows = rows.astype({LABEL: int, "probability": float, "seed": int})
    return tables.validate("predictions", rows.assign(**named)[tables.columns("predictions")], "predictions")


def _ranked(known: pd.DataFrame, predictions: pd.DataFrame, scores: Mapping[str, str]) -> pd.DataFrame:
    """One row per patient and model or score: model, patient, label, probability (a score's value, worse = higher)."""
    means = predictions.groupby(["model", PATIENT], as_index=False, sort=False)["probability"].mean()
    parts = [means]
    for name, worse in scores.items():
        own = known.loc[known[name].notna(), [PATIENT, name]].rename(columns={name: "probability"})
        parts.append(own.assign(model=name, probability=own["probability"] * (1 if worse == "higher" else -1)))
    return pd.concat(parts, ignore_index=True).merge(known[[PATIENT, LABEL]], on=PATIENT)


def _decisions(nested: pd.DataFrame, target: str) -> pd.DataFrame:
    """Sensitivity and the like: a patient is positive who was so in more than half of the repeats."""
    out = []
    for model, rows in nested[nested["positive"].notna()].groupby("model", sort=False):
        votes = rows.astype({"positive": float}).groupby([PATIENT, LABEL], as_index=False)["positive"].mean()
        labels = votes[LABEL].to_numpy(dtype=int)
        found = proportions(confusion(labels, votes["positive"].to_numpy() > 0.5))
        out += [
            _named(model, target) | metric_row(name, found[name], len(labels), int(labels.sum()))
            for name in AT_THRESHOLD
        ]
    return tables.frame("metrics", out) if out else tables.empty("metrics")


def _named(model: str, target: str) -> dict:
    return {"task": TASK, "target": target, "model": model, "split": SPLIT, "center": "all"}


def _score_metrics(ranked: pd.DataFrame, scores: Mapping[str, str], target: str) -> pd.DataFrame:
    out = []
    for name in scores:
        labels, values = _of(ranked, name)
        out.append(_named(name, target) | metric_row("auc", auc(labels, values), len(labels), int(labels.sum())))
    return tables.frame("metrics", out) if out else tables.empty("metrics")


def _score_curves(ranked: pd.DataFrame, scores: Mapping[str, str], target: str) -> pd.DataFrame:
    out = []
    for name in scores:
        labels, values = _of(ranked, name)
        points = zip(*thin(*roc_curve(labels, values)), strict=True)
        row = _named(name, target) | {"curve": "roc", "low": math.nan, "high": math.nan, "n": len(labels)}
        out += [row | {"x": float(x), "y": float(y)} for x, y in points]
    return tables.frame("curves", out) if out else tables.empty("curves")


def _of(ranked: pd.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray]:
    own = ranked[ranked["model"] == name]
    return own[LABEL].to_numpy(dtype=int), own["probability"].to_numpy(dtype=float)


def _comparisons(ranked: pd.DataFrame, models: list[str], scores: list[str]) -> pd.DataFrame:
    wanted = [("scores", model, score) for model in models for score in scores]
    wanted += [("among_scores", *pair) for pair in combinations(scores, 2)]
    wanted += [("among_models", *pair) for pair in combinations(models, 2)]
    out = [
        {"family": family, "model_a": first, "model_b": second} | compare_pair(ranked, first, second)
        for family, first, second in wanted
    ]
    table = pd.DataFrame(out, columns=[c for c in COLUMNS if c not in ("p_holm", "verdict")])
    table["p_holm"] = math.nan
    for _, group in table.groupby(["family", table["model_b"].where(table["family"] == "scores", "")], sort=False):
        table.loc[group.index, "p_holm"] = holm(group["p"].to_numpy(dtype=float))
    table["verdict"] = [verdict(row, NO_GAIN) for row in table.to_dict("records")]
    return table[COLUMNS]
