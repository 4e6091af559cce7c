"""What an outcome study found of each of its targets, and the tables that it writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from ichor.errors import StudyError
from ichor.evaluation.gate_weights import gate_weights
from ichor.evaluation.outcome_patients import OutcomePatients, admission_variables, ordinal_figures, outcome_patients
from ichor.evaluation.outcome_study import NoTestPatients, OutcomeStudy, outcome_study


@dataclass
class TargetResults:
    """What a study found of one target.

    Attributes
    ----------
    study : OutcomeStudy
        Models.
    patients : OutcomePatients
        Whole-cohort tables.
    gate, ordinal : DataFrame
        `ichor.evaluation.gate_weights.gate_weights`, `ichor.evaluation.outcome_patients.ordinal_figures`.
    models : mapping
        Settings of the models, as the config orders them.
    """

    study: OutcomeStudy
    patients: OutcomePatients
    gate: pd.DataFrame
    ordinal: pd.DataFrame
    models: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def study_results(
    predictions: pd.DataFrame,
    *,
    details: pd.DataFrame,
    cohort: pd.DataFrame,
    models: Mapping[str, Mapping[str, object]],
    targets: Mapping[str, str],
    bundles: Sequence[Mapping[str, object]],
    features: Sequence[str],
    truth: pd.DataFrame | None = None,
    seed: int,
    bootstrap: int = 500,
    **evaluation: object,
) -> tuple[list[TargetResults], dict[str, str]]:
    """Study every target that some model predicts, in the order of the config.

    Parameters
    ----------
    predictions, details, truth : DataFrame
        Tables of these names (``prediction_details``), all models together.
    cohort : DataFrame
        Table ``cohort`` of one split that holds all patients of the study.
    models : mapping
        Name -> complete settings of the outcome models.
    targets : mapping
        Name -> what the model predicts.
    bundles : sequence of mapping
        What the models' bundles say of themselves, one per model and split.
    features : sequence of str
        Variables of the regressions, see `ichor.evaluation.outcome_patients.outcome_patients`.
    seed, bootstrap, evaluation
        As in `ichor.evaluation.outcome_study.outcome_study`.

    Returns
    -------
    found : list of TargetResults
        One per target that has a test patient with a prediction.
    absent : dict
        Every other target -> why there is nothing to say of it.

    Raises
    ------
    StudyError
        If there is no model, or no target with a test patient who has a prediction.
    """
    if not models:
        raise StudyError("outcome_study: the config names no model under models.outcome.")
    unfitted = {str(told["model"]): told for told in reversed(bundles) if told.get("reason")}
    found, absent = [], {}
    for target in dict.fromkeys(targets[name] for name in models):
        mine = {name: spec for name, spec in models.items() if targets[name] == target}
        own = details[(details["target"] == target) & details["model"].isin(list(mine))]
        try:
            study = outcome_study(
                predictions,
                target=target,
                models=mine,
                bundles=unfitted,
                details=own,
                truth=truth,
                variables=admission_variables(cohort),
                seed=seed,
                bootstrap=bootstrap,
                **evaluation,
            )
        except NoTestPatients as error:
            absent[target] = str(error)
            continue
        patients = outcome_patients(cohort, target, features)
        ordinal = ordinal_figures(own, cohort, seed=seed, bootstrap=bootstrap)
        found.append(TargetResults(study, patients, gate_weights(own), ordinal, mine))
    if not found:
        raise StudyError(" ".join(absent.values()))
    return found, absent


def write_tables(results: Sequence[TargetResults], paths: Mapping[str, str]) -> None:
    """Write tables as TSV, all targets in one, with the column ``target`` first.

    Parameters
    ----------
    results : sequence of TargetResults
        One per target.
    paths : mapping
        ``performance comparisons by_outcome odds_ratios rates_by_score seeds missed gates ordinal`` -> file. What there
        is nothing to say of is a table without rows.
    """
    for name, path in paths.items():
        parts = [_table(own, name).assign(target=own.study.target) for own in results]
        table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
        table = table[["target", *(column for column in table if column != "target")]]
        table.to_csv(path, sep="\t", index=False, float_format="%.6g", lineterminator="\n")


def _table(results: TargetResults, name: str) -> pd.DataFrame:
    study, patients = results.study, results.patients
    if name == "odds_ratios":
        both = {"univariable": patients.univariable, "multivariable": patients.multivariable}
        return pd.concat([table.assign(regression=kind) for kind, table in both.items()], ignore_index=True)
    return {
        "performance": study.performance,
        "comparisons": study.comparisons,
        "seeds": study.seeds,
        "missed": study.missed,
        "by_outcome": patients.by_outcome,
        "rates_by_score": patients.rates,
        "gates": results.gate,
        "ordinal": results.ordinal,
    }[name]
