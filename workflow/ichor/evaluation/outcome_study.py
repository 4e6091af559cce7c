"""The experiments of Chen et al. (2023) and Cobo et al. (2024): every outcome model on the same patients of a study.

Tables in, tables out. What is estimated and how is that of `ichor.evaluation.evaluate`; here it is arranged as the
papers' tables, with what they leave out: all models on the same rows, models chosen on tune rows, centers, seeds, and
what the best of them still does not know.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ichor.errors import StudyError
from ichor.evaluation import missed_signal
from ichor.evaluation.discrimination import auc
from ichor.evaluation.evaluate import evaluate, with_families
from ichor.evaluation.expansion_study import FIT_ROLES, estimates
from ichor.evaluation.measures import metric_row
from ichor.evaluation.outcome_comparisons import compare_models
from ichor.evaluation.outcome_models import OutcomeModel, choose, outcome_models
from ichor.evaluation.predictions import check_predictions, one_per_patient
from ichor.evaluation.seed_spread import member_predictions, seed_spread

TASK = "outcome"
FAMILIES = ("external", "loco", "cv")
"""Schemes of validation; the first that a study has is reported."""
QUANTITIES = tuple(
    "auc auprc sensitivity specificity ppv npv accuracy calibration_slope calibration_intercept observed_expected "
    "brier reachable_auc reachable_share reachable_image_auc reachable_image_share".split()
)
SHARE_TO_DEFINE = 0.8
"""Part of the test patients that a model must have predicted to take part in saying which patients are compared: our
choice. One score that nobody has the items for would else leave no patient to compare the others on."""
LEADS = ("fusion", "image", "tabular", "score")
"""The first of these parts that the study has is the one whose chosen model is held against all others."""


class NoTestPatients(StudyError):
    """No model of a target has a prediction of a test patient."""


@dataclass
class OutcomeStudy:
    """All tables of one target.

    Attributes
    ----------
    target, split : str
        What is predicted, and ``external``, ``loco`` or ``cv``.
    models : list of OutcomeModel
        Those with predictions of test patients.
    left_out : dict
        Model -> why nothing of it can be reported.
    performance : DataFrame
        A row per cohort (``development``: the patients the models were made from; ``center``: those of one center;
        ``tested``: all test patients together; ``pooled``: random-effects mean over centers; ``next``: a center not
        seen), ``rows`` and model; per quantity its estimate, ``_low``, ``_high``; ``reasons`` of those undefined.
        ``rows``: ``same`` (patients that all models with enough predictions have predicted) or ``own`` (all patients of
        that model).
    comparisons : DataFrame
        `ichor.evaluation.outcome_comparisons.compare_models` of the ``same`` rows and `lead`.
    metrics, curves : DataFrame
        Of the ``same`` rows, in the schemas of these tables, split `split` alone.
    fitted : DataFrame
        Metrics of the patients that the models were made from.
    choice : dict
        Part -> chosen on tune rows, see `ichor.evaluation.outcome_models.choose`.
    seeds : DataFrame
        `ichor.evaluation.seed_spread.seed_spread`.
    missed : DataFrame
        `ichor.evaluation.missed_signal.missed_variables`, of simulated patients.
    added : DataFrame
        Columns model, other, statistic, p, n: whether a chosen model of another part knows something that the lead
        does not.
    same : dict
        ``n events tested``: patients of the ``same`` rows, their events, and test patients that any model predicted;
        ``apart``: models that did not define them -> number of test patients they predicted.
    """

    target: str
    split: str
    models: list[OutcomeModel]
    left_out: dict[str, str]
    performance: pd.DataFrame
    comparisons: pd.DataFrame
    metrics: pd.DataFrame
    curves: pd.DataFrame
    fitted: pd.DataFrame
    choice: dict[str, dict]
    seeds: pd.DataFrame
    missed: pd.DataFrame
    added: pd.DataFrame
    same: dict

    @property
    def lead(self) -> str | None:
        """The model that is held against all others: chosen on tune rows."""
        return _lead(self.choice)

    def part(self, name: str) -> str:
        """What a model reads."""
        return next(model.part for model in self.models if model.name == name)


def outcome_study(
    predictions: pd.DataFrame,
    *,
    target: str,
    models: Mapping[str, Mapping[str, object]],
    bundles: Mapping[str, Mapping[str, object]],
    details: pd.DataFrame | None = None,
    truth: pd.DataFrame | None = None,
    variables: pd.DataFrame | None = None,
    seed: int,
    bootstrap: int = 500,
    threshold: str = "youden",
    target_sensitivity: float = 0.8,
) -> OutcomeStudy:
    """Make the tables of one target from the predictions of its models.

    Parameters
    ----------
    predictions : DataFrame
        Table ``predictions``; rows of other tasks, targets and models are left out, and of other schemes than the
        first of `FAMILIES` that there is.
    target : str
        ``poor_outcome`` or ``death``.
    models : mapping
        Name -> complete settings of the models of this target.
    bundles : mapping
        Name -> what the model's bundle says of itself; read for ``reason``.
    details : DataFrame, optional
        Table ``prediction_details``, for the spread over seeds.
    truth : DataFrame, optional
        Table ``truth`` of simulated patients.
    variables : DataFrame, optional
        Patient (index) -> what is known at admission, held against what the lead misses of the true risk.
    seed, bootstrap, threshold, target_sensitivity
        As in `ichor.evaluation.evaluate.evaluate`.

    Raises
    ------
    NoTestPatients
        If no model has a prediction of a test patient.
    """
    mine = (predictions["task"] == TASK) & (predictions["target"] == target) & predictions["model"].isin(list(models))
    checked = check_predictions(predictions[mine], "predictions")
    tested = set(checked.loc[checked["role"] == "test", "model"])
    if not tested:
        raise NoTestPatients(
            f"outcome_study: no model has a prediction of a test patient for {target}; its label may be missing in "
            "every patient (results/status.tsv says why), or no center is tested (validation.schemes)."
        )
    split = _family(checked)
    checked = checked[(checked["split"] == split) | checked["split"].str.startswith(f"{split}-")]
    named = outcome_models({name: spec for name, spec in models.items() if name in tested})
    settings = {
        "seed": seed,
        "bootstrap": bootstrap,
        "net_benefit_thresholds": (),
        "threshold": threshold,
        "target_sensitivity": target_sensitivity,
    }
    checked, same = _same_rows(checked, named)
    shared = checked[checked["same"] | (checked["role"] != "test")].drop(columns="same")
    checked = checked.drop(columns="same")
    metrics, curves = _of_split(shared, truth, split, settings)
    fitted, _, _ = evaluate(checked, truth, roles=FIT_ROLES, **settings | {"bootstrap": 0})
    fitted = fitted[(fitted["center"] == "all") & (fitted["split"] == split)]
    choice = choose(one_per_patient(checked), named)
    rows = _of_test(shared, split)
    study = OutcomeStudy(
        target=target,
        split=split,
        models=named,
        left_out={n: str(bundles.get(n, {}).get("reason") or "no predictions") for n in models if n not in tested},
        performance=_performance(named, metrics, fitted, _of_test(checked, split)),
        comparisons=compare_models(rows, named, _lead(choice)),
        metrics=metrics,
        curves=curves,
        fitted=fitted,
        choice=choice,
        seeds=seed_spread(member_predictions(checked, _details_of(details, target, split, tested))),
        missed=pd.DataFrame(columns=missed_signal.COLUMNS),
        added=pd.DataFrame(columns=["model", "other", "statistic", "p", "n"]),
        same=same,
    )
    study.added = _added(rows, study)
    study.missed = _missed(rows, study, truth, variables)
    return study


def _lead(choice: dict[str, dict]) -> str | None:
    return next((choice[part]["model"] for part in LEADS if part in choice), None)


def _family(checked: pd.DataFrame) -> str:
    found = {name.partition("-")[0] for name in checked.loc[checked["role"] == "test", "split"]}
    return next((name for name in FAMILIES if name in found), sorted(found)[0])


def _of_split(rows: pd.DataFrame, truth, split: str, settings: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Metrics and curves of the scheme; parts of it (``loco-a``) are put together."""
    metrics, _, curves = evaluate(rows, truth, **settings)
    return tuple(table[table["split"] == split].reset_index(drop=True) for table in (metrics, curves))


def _of_test(rows: pd.DataFrame, split: str) -> pd.DataFrame:
    """Test rows of the scheme, one per patient and model."""
    found = with_families(one_per_patient(rows))
    return found[(found["role"] == "test") & (found["split"] == split)]


def _same_rows(checked: pd.DataFrame, models: list[OutcomeModel]) -> tuple[pd.DataFrame, dict]:
    """Mark the test rows of patients that every model with enough predictions has predicted."""
    test = checked[checked["role"] == "test"]
    predicted = {model.name: set(test.loc[test["model"] == model.name, "patient"]) for model in models}
    everybody = set().union(*predicted.values())
    enough = [name for name, who in predicted.items() if len(who) >= SHARE_TO_DEFINE * len(everybody)]
    shared = set.intersection(*(predicted[name] for name in enough))
    labels = test.drop_duplicates("patient").set_index("patient")["label"].astype(int)
    told = {
        "n": len(shared),
        "events": int(labels[labels.index.isin(shared)].sum()),
        "tested": len(everybody),
        "apart": {name: len(who) for name, who in predicted.items() if name not in enough},
    }
    return checked.assign(same=(checked["role"] == "test") & checked["patient"].isin(shared)), told


def _performance(models, metrics: pd.DataFrame, fitted: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Rows of `OutcomeStudy.performance`; `own` are all test rows, of which the AUC alone is told."""
    centers = sorted(set(metrics["center"]) - {"all", "pooled", "next"})
    places = [("development", "all", "own", fitted)]
    places += [("center", center, "same", metrics) for center in centers]
    places += [("tested", "all", "same", metrics), ("tested", "all", "own", _own_auc(own))]
    places += [(center, center, "same", metrics) for center in ("pooled", "next")]
    thresholds = metrics[(metrics["quantity"] == "threshold") & (metrics["center"] == "all")]
    thresholds = thresholds.drop_duplicates("model").set_index("model")["estimate"]
    out = []
    for cohort, center, rows, table in places:
        for model in models:
            found = table[(table["model"] == model.name) & (table["center"] == center)].set_index("quantity")
            if "auc" not in found.index:
                continue
            row = {"cohort": cohort, "center": center, "rows": rows, "model": model.name, "part": model.part}
            row |= {"post_baseline": " ".join(model.post_baseline), "n": found.loc["auc", "n"]}
            row |= {"events": found.loc["auc", "events"], "threshold": thresholds.get(model.name, math.nan)}
            out.append(row | estimates(found, QUANTITIES))
    table = pd.DataFrame(out)
    known = table.notna().any()
    return table[[c for c in table.columns if known[c] or not c.startswith("reachable")]]


def _own_auc(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of table ``metrics`` with the AUC of each model on all of its test rows."""
    found = []
    for model, part in rows.groupby("model", sort=False):
        labels = part["label"].to_numpy(dtype=int)
        value = auc(labels, part["probability"].to_numpy(dtype=float))
        found.append({"model": model, "center": "all", **metric_row("auc", value, len(labels), int(labels.sum()))})
    return pd.DataFrame(found)


def _added(rows: pd.DataFrame, study: OutcomeStudy) -> pd.DataFrame:
    """Whether the chosen models of the other parts know something that the lead does not."""
    others = [told["model"] for told in study.choice.values() if told["model"] != study.lead]
    found = [{"model": study.lead, "other": name} | missed_signal.adds(rows, study.lead, name) for name in others]
    return pd.DataFrame(found, columns=["model", "other", "statistic", "p", "n"])


def _missed(rows: pd.DataFrame, study: OutcomeStudy, truth, variables) -> pd.DataFrame:
    """What goes with the true risk and not with the predictions of the chosen models."""
    chosen = {told["model"] for told in study.choice.values()}
    if truth is None or variables is None or not chosen:
        return study.missed
    own = truth[(truth["task"] == TASK) & (truth["target"] == study.target)]
    risk = own.drop_duplicates("patient").set_index("patient")["risk"].dropna()
    return missed_signal.missed_variables(rows[rows["model"].isin(chosen)], risk, variables)


def _details_of(details: pd.DataFrame | None, target: str, split: str, models: set[str]) -> pd.DataFrame | None:
    if details is None or details.empty:
        return None
    mine = (details["target"] == target) & details["model"].isin(models)
    return details[mine & ((details["split"] == split) | details["split"].str.startswith(f"{split}-"))]
