"""The experiment of Yu et al. (2025): what balancing the training set does for a study's external patients.

Tables in, tables out. What is estimated and how is that of `ichor.evaluation.evaluate`; here it is arranged as the
paper's tables 1 and 3, with what the paper leaves out: tests between the arms, an arm chosen on tune rows, calibration.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ichor.errors import StudyError
from ichor.evaluation import printed_expansion as printed
from ichor.evaluation.discrimination import auc
from ichor.evaluation.evaluate import evaluate
from ichor.evaluation.intervals import Estimate
from ichor.evaluation.plausibility import leakage_alarms
from ichor.evaluation.predictions import check_predictions, one_per_patient
from ichor.evaluation.prior_arms import LEAST, corrections
from ichor.evaluation.study_arms import StudyModel, study_models
from ichor.evaluation.study_comparisons import compare_arms

TASK, TARGET, SPLIT = "expansion", "expansion", "external"
QUANTITIES = tuple(
    "auc accuracy sensitivity specificity npv ppv calibration_slope calibration_intercept observed_expected brier "
    "reachable_share reachable_image_share reachable_auc reachable_image_auc".split()
)
CALIBRATION = ("observed_expected", "calibration_intercept", "calibration_slope", "brier")
FIT_ROLES = ("train", "tune")


@dataclass
class ExpansionStudy:
    """All tables of the study.

    Attributes
    ----------
    models : list of StudyModel
        Those with predictions, arms first.
    left_out : dict
        Model -> why nothing of it can be reported.
    table_3 : DataFrame
        A row per cohort (``development``: the patients the models were made from; ``external 1``, ...: each external
        center; ``external``: these together) and model; per quantity its estimate, ``_low`` and ``_high``; ``reasons``
        of those that are undefined; ``printed_...``: the paper's figures of the arm.
    comparisons : DataFrame
        `ichor.evaluation.study_comparisons.compare_arms`.
    calibration : DataFrame
        A row per cohort, model and ``correction`` (``none needed``, ``with``, ``without``).
    metrics, curves : DataFrame
        Of the external patients, in the schemas of these tables; what `ichor.evaluation.prior_arms.corrections` adds
        is named ``<model>|without`` or ``<model>|with``.
    fitted : DataFrame
        Metrics of the patients that the models were made from.
    choice : dict
        ``chosen``: the arm with the least log loss on the tune rows, with ``loss auc low high n events`` there;
        ``winner``: the arm with the best AUC on the external rows, which nobody could have chosen in time.
    alarms : DataFrame
        External AUCs that are too good to be true, on real patients.
    """

    models: list[StudyModel]
    left_out: dict[str, str]
    table_3: pd.DataFrame
    comparisons: pd.DataFrame
    calibration: pd.DataFrame
    metrics: pd.DataFrame
    curves: pd.DataFrame
    fitted: pd.DataFrame
    choice: dict
    alarms: pd.DataFrame
    facts: dict[str, dict] = field(default_factory=dict)
    """Model -> ratio that was taken, cases added, synthetic ones among them, and how many were missing."""


def expansion_study(
    predictions: pd.DataFrame,
    *,
    models: Mapping[str, Mapping[str, object]],
    bundles: Mapping[str, Mapping[str, object]],
    truth: pd.DataFrame | None = None,
    simulated: bool,
    seed: int,
    bootstrap: int = 500,
    threshold: str = "youden",
    target_sensitivity: float = 0.8,
    auc_alarm: float = 0.85,
) -> ExpansionStudy:
    """Make the study's tables from the predictions of its models.

    Parameters
    ----------
    predictions : DataFrame
        Table ``predictions`` with the rows of task ``expansion`` and split ``external``; others are left out.
    models : mapping
        Name -> complete settings of the models that the study asked for.
    bundles : mapping
        Name -> what the model's bundle says of itself; read for ``prior_logit``, ``prior_logit_seen``, ``balance``
        (ratio taken, cases added) and ``reason``.
    truth : DataFrame, optional
        Table ``truth`` of simulated patients.
    simulated : bool
        Whether the patients are simulated: then no AUC is too good to be true, and the reachable one is told.
    seed, bootstrap, threshold, target_sensitivity
        As in `ichor.evaluation.evaluate.evaluate`.
    auc_alarm : float
        External AUC above which, on real patients, a leak is suspected.

    Returns
    -------
    ExpansionStudy
        An absent model is left out and named; no model at all is an error.

    Raises
    ------
    StudyError
        If no model has a prediction of an external patient.
    """
    checked = check_predictions(predictions, "predictions")
    mine = (checked["task"] == TASK) & (checked["target"] == TARGET) & (checked["split"] == SPLIT)
    checked = checked[mine & checked["model"].isin(list(models))]
    tested = set(checked.loc[checked["role"] == "test", "model"])
    if not tested:
        raise StudyError(
            "expansion_study: no model has a prediction of an external patient; it needs two kinds of centers in the "
            "centers sheet (role development and external) and labels of expansion in both."
        )
    left_out = {n: str(bundles.get(n, {}).get("reason") or "no predictions") for n in models if n not in tested}
    named = study_models({name: spec for name, spec in models.items() if name in tested})
    checked = checked[checked["model"].isin(tested)]
    settings = {
        "seed": seed,
        "bootstrap": bootstrap,
        "net_benefit_thresholds": (),
        "threshold": threshold,
        "target_sensitivity": target_sensitivity,
    }
    metrics, _, curves = evaluate(checked, truth, **settings)
    fitted, _, _ = evaluate(checked, truth, roles=FIT_ROLES, **settings)
    rows = one_per_patient(checked)
    centers = sorted(rows.loc[rows["role"] == "test", "center"].unique())
    cohorts = _cohorts(metrics, fitted, centers)
    choice = _choice(rows, named, metrics)
    corrected = corrections(checked, named, bundles)
    other, _, other_curves = evaluate(corrected, None, **settings) if len(corrected) else (metrics[:0], 0, curves[:0])
    return ExpansionStudy(
        models=named,
        left_out=left_out,
        table_3=_table_3(named, cohorts),
        comparisons=compare_arms(rows[rows["role"] == "test"], named, choice.get("chosen")),
        calibration=_calibration(named, metrics, other, centers),
        metrics=pd.concat([metrics, other], ignore_index=True) if len(other) else metrics,
        curves=pd.concat([curves, other_curves], ignore_index=True) if len(other_curves) else curves,
        fitted=fitted[fitted["center"] == "all"],
        choice=choice,
        alarms=metrics[:0] if simulated else leakage_alarms(metrics[metrics["center"] != "pooled"], alarm=auc_alarm),
        facts={model.name: _facts(bundles.get(model.name, {})) for model in named},
    )


def _facts(bundle: Mapping[str, object]) -> dict:
    told = bundle.get("balance") or {}
    return {name: told[name] for name in ("ratio", "added", "synthetic", "missing") if told.get(name)}


def _cohorts(metrics: pd.DataFrame, fitted: pd.DataFrame, centers: list[str]) -> list[tuple[str, str, pd.DataFrame]]:
    """Cohort, its center or ``all``, and the metrics table's rows of it."""
    found = [("development", "all", fitted[fitted["center"] == "all"])]
    found += [(cohort, center, metrics[metrics["center"] == center]) for cohort, center in external_names(centers)]
    return [*found, ("external", "all", metrics[metrics["center"] == "all"])]


def external_names(centers: list[str]) -> list[tuple[str, str]]:
    """Cohort and center: ``external 1``, ``external 2``, ... in alphabetical order of the centers."""
    return [(f"external {number}", center) for number, center in enumerate(sorted(centers), start=1)]


def _table_3(models: list[StudyModel], cohorts: list[tuple[str, str, pd.DataFrame]]) -> pd.DataFrame:
    whole = cohorts[-1][2]  # the threshold of a model stands there, once for all centers
    thresholds = whole[whole["quantity"] == "threshold"].set_index("model")["estimate"]
    out = []
    for cohort, center, metrics in cohorts:
        for model in models:
            own = metrics[metrics["model"] == model.name].set_index("quantity")
            if "auc" not in own.index:
                continue
            row = {"cohort": cohort, "center": center, "model": model.name, "part": model.part, "arm": model.arm}
            row |= {"n": int(own.loc["auc", "n"]), "events": own.loc["auc", "events"]}
            row |= {"threshold": thresholds.get(model.name, math.nan)}
            row |= estimates(own, QUANTITIES) | _printed(cohort, model.arm)
            out.append(row)
    table = pd.DataFrame(out)
    known = table.notna().any()
    return table[[c for c in table.columns if known[c] or not c.startswith("reachable")]]


def estimates(rows: pd.DataFrame, quantities: tuple[str, ...]) -> dict:
    """Quantities of one model and group of patients as columns of one row.

    Parameters
    ----------
    rows : DataFrame
        Rows of table ``metrics``, indexed by quantity.
    quantities : tuple of str
        Those that are wanted.

    Returns
    -------
    dict
        ``<quantity>``, ``<quantity>_low``, ``<quantity>_high`` (NaN where there is none) and ``reasons``.
    """
    found: dict[str, object] = {}
    reasons = []
    for name in quantities:
        given = rows.loc[name] if name in rows.index else None
        for column, suffix in (("estimate", ""), ("low", "_low"), ("high", "_high")):
            found[f"{name}{suffix}"] = math.nan if given is None else given[column]
        if given is not None and isinstance(given["reason"], str):
            reasons.append(f"{name}: {given['reason']}")
    return found | {"reasons": "; ".join(reasons)}


def _printed(cohort: str, arm: str) -> dict:
    theirs = "train" if cohort == "development" else cohort
    for row in printed.TABLE_3:
        if row.cohort == theirs and printed.ARMS[row.arm] == arm:
            return {f"printed_{name}": value for name, value in row._asdict().items() if name != "cohort"}
    return {f"printed_{name}": None for name in printed.Printed._fields if name != "cohort"}


def _choice(rows: pd.DataFrame, models: list[StudyModel], metrics: pd.DataFrame) -> dict:
    """Arm with the least log loss on the tune rows, the simplest of equals, and the one that was best externally.

    The log loss, by which a network's ratio is chosen too, is steadier than an AUC where a dozen events decide.
    """
    arms = [model.name for model in models if model.part == "arm"]
    external = metrics[(metrics["center"] == "all") & (metrics["quantity"] == "auc")].set_index("model")["estimate"]
    external = external.reindex(arms).dropna()
    found = {"winner": external.idxmax()} if len(external) else {}
    tune = rows[(rows["role"] == "tune") & rows["model"].isin(arms)]
    tune = tune[tune.groupby("patient")["model"].transform("nunique") == len(arms)]  # the same patients for all
    if tune.empty or tune["label"].nunique() < 2:
        return found
    given = tune["probability"].where(tune["label"] == 1, 1 - tune["probability"]).astype(float)
    losses = (-np.log(given.clip(lower=LEAST))).groupby(tune["model"]).mean().reindex(arms)
    best = losses.idxmin()  # the first of equals: arms stand simplest first
    own = tune[tune["model"] == best]
    value = auc(own["label"].to_numpy(), own["probability"].to_numpy())
    counts = {"n": len(own), "events": int(own["label"].sum())}
    return found | {"chosen": best, "loss": float(losses[best]), "auc": value.estimate} | _interval(value) | counts


def _interval(value: Estimate) -> dict:
    return {"low": value.low, "high": value.high}


def _calibration(
    models: list[StudyModel], metrics: pd.DataFrame, other: pd.DataFrame, centers: list[str]
) -> pd.DataFrame:
    """Rows of each network with and without correction for the changed share of events, floors as they are."""
    out = []
    shown = [*external_names(centers), ("external", "all")]
    for cohort, center in shown:
        for model in models:
            names = [(model.name, "as predicted")]
            pairs = other.loc[other["model"].str.startswith(f"{model.name}|"), "model"].unique() if len(other) else []
            if len(pairs):
                second = pairs[0].partition("|")[2]
                first = "with" if second == "without" else "without"
                names = [(model.name, first), (pairs[0], second)]
            for name, correction in names:
                source = other if "|" in name else metrics
                own = source[(source["model"] == name) & (source["center"] == center)].set_index("quantity")
                if "auc" not in own.index:
                    continue
                row = {"cohort": cohort, "center": center, "model": model.name, "part": model.part, "arm": model.arm}
                row |= {"correction": correction, "n": int(own.loc["auc", "n"]), "events": own.loc["auc", "events"]}
                out.append(row | estimates(own, CALIBRATION))
    return pd.DataFrame(out)


def write_tables(study: ExpansionStudy, patients: pd.DataFrame, paths: Mapping[str, str]) -> None:
    """Write ``table_1`` (`patients`), ``table_3``, ``comparisons`` and ``calibration`` as TSV."""
    found = {
        "table_1": patients,
        "table_3": study.table_3,
        "comparisons": study.comparisons,
        "calibration": study.calibration,
    }
    for name, path in paths.items():
        found[name].to_csv(path, sep="\t", index=False, float_format="%.6g", lineterminator="\n")
