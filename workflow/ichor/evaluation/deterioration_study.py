"""What the deterioration page tells of held-out patients: the arms, early and late, subgroups, groups of risk."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ichor.cohort.targets import TARGETS
from ichor.disk_space import whole_file
from ichor.evaluation.discrimination import area, auc
from ichor.evaluation.evaluate import with_families
from ichor.evaluation.multiple_tests import holm
from ichor.evaluation.predictions import one_per_patient
from ichor.evaluation.risk_groups import group_curves, group_summary, with_groups
from ichor.evaluation.score_courses import score_by_group
from ichor.evaluation.study_comparisons import compare_pair
from ichor.evaluation.subgroups import subgroup_table

TASK = "deterioration"
WHOLE, EARLY, LATE = TARGETS[TASK]
FUSION, TEXT, RECORD = "fusion", "text", "record"
ARMS = {"report_record": FUSION, "report_text": TEXT, "tfidf_logistic": TEXT}
"""Kind of model -> what it reads; every other kind reads the record (and what is measured on the scan) alone."""
SCHEMES = ("external", "loco", "cv")
COMPARED = "model_a arm_a model_b arm_b auc_a auc_a_low auc_a_high auc_b difference low high p p_holm n events reason"


@dataclass
class DeteriorationStudy:
    """Results of one scheme's held-out patients.

    Attributes
    ----------
    split : str
        Split, or ``loco`` and ``cv`` for their parts together.
    model : str or None
        Model of the whole window whose risk groups and subgroups are shown: the fusion model with the best AUC on the
        tune rows, or without one the model with the best.
    arms : dict
        Model of the whole window -> ``fusion``, ``text`` or ``record``.
    parts : DataFrame
        ``model target n events auc low high reason``: the whole-window risk of each model against the label of the
        whole window, of its early part, and of its late part among those free of it until then.
    comparisons : DataFrame
        Fusion models against every other one, DeLong's paired test on common patients; Holm over them.
    subgroups, curves, summary, scores : DataFrame
        Of `subgroup_table`, `group_curves`, `group_summary` and `score_by_group`, for `model`.
    log_rank : DataFrame
        A row per model: ``model statistic df p n events reason`` of its groups.
    untimed : int
        Patients who deteriorated at a time that is not known (a center's own label); they are not in the curves.
    """

    split: str
    model: str | None
    arms: dict[str, str]
    parts: pd.DataFrame
    comparisons: pd.DataFrame
    subgroups: pd.DataFrame
    curves: pd.DataFrame
    summary: pd.DataFrame
    scores: pd.DataFrame
    log_rank: pd.DataFrame
    untimed: int = 0
    labels: dict[str, tuple[int, int]] = field(default_factory=dict)


def deterioration_study(
    predictions: pd.DataFrame,
    cohorts: pd.DataFrame,
    courses: pd.DataFrame,
    *,
    models: Mapping[str, Mapping],
    window_h: float,
    early_h: float,
) -> DeteriorationStudy | None:
    """Arrange the predictions of a deterioration in the whole window. Test rows alone are reported.

    Parameters
    ----------
    predictions : DataFrame
        Predictions table; rows of other tasks and targets are left out.
    cohorts : DataFrame
        Tables ``cohort`` of all splits below each other.
    courses : DataFrame
        Table ``time_courses``; may be empty.
    models : mapping
        Config entries of the task's models.
    window_h, early_h : float
        Of ``cohort.deterioration``, hours since onset.

    Returns
    -------
    DeteriorationStudy or None
        None if no model predicts a test patient: nobody has a label, or too few had one to fit anything.
    """
    own = predictions[(predictions["task"] == TASK) & (predictions["target"] == WHOLE)]
    fits = one_per_patient(own) if len(own) else own
    if not len(fits) or not (fits["role"] == "test").any():
        return None
    arms = {name: ARMS.get(models.get(name, {}).get("kind", ""), RECORD) for name in sorted(fits["model"].unique())}
    chosen = choose_model(fits, arms)
    tested = with_families(_with_cohort(with_groups(fits), cohorts))
    split = main_split(tested["split"])
    tested = tested[tested["split"] == split]
    curves, summary, ranks, untimed = _groups(tested, chosen, early_h, window_h)
    shown = tested[tested["model"] == chosen]
    return DeteriorationStudy(
        split=split,
        model=chosen,
        arms=arms,
        parts=_parts(tested),
        comparisons=_comparisons(tested, arms),
        subgroups=subgroup_table(shown),
        curves=curves,
        summary=summary,
        scores=score_by_group(courses, shown[shown["group"].notna()][["patient", "group", "nihss"]]),
        log_rank=ranks,
        untimed=untimed,
        labels=_labels(tested),
    )


def main_split(splits: pd.Series) -> str:
    """Split that is shown: external centers, else left-out centers, else folds; their parts together where they are."""
    found = sorted(splits.unique())
    for scheme in SCHEMES:
        if scheme in found:
            return scheme
        if any(name.startswith(f"{scheme}-") for name in found):
            return next(name for name in found if name.startswith(f"{scheme}-"))
    return found[0]


def choose_model(fits: pd.DataFrame, arms: Mapping[str, str]) -> str:
    """Model that is shown in full: of the fusion models, else of all, the one with the best mean AUC on tune rows."""
    fusion = [name for name, arm in arms.items() if arm == FUSION]
    tune = fits[(fits["role"] == "tune") & fits["model"].isin(fusion or list(arms))]
    areas = {
        name: np.nanmean([area(fold["label"].to_numpy(), fold["probability"].to_numpy()) for _, fold in part])
        for name, rows in tune.groupby("model")
        if len(part := list(rows.groupby("split"))) and rows["label"].nunique() == 2
    }
    return max(areas, key=areas.get) if areas else (fusion or sorted(arms))[0]


def _with_cohort(tested: pd.DataFrame, cohorts: pd.DataFrame) -> pd.DataFrame:
    """Test rows with the patients' variables, times and labels of early and late."""
    known = cohorts.drop(columns=["center", "role", "label"], errors="ignore")
    return tested.merge(known, on=["split", "patient"], how="left", validate="many_to_one")


def _labels(tested: pd.DataFrame) -> dict[str, tuple[int, int]]:
    people = tested.drop_duplicates("patient")
    counts = {}
    for target in TARGETS[TASK]:
        known = people[f"label_{target}"].dropna()
        counts[target] = (len(known), int(known.sum()))
    return counts


def _parts(tested: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for model, own in tested.groupby("model", sort=True):
        for target in TARGETS[TASK]:
            known = own[own[f"label_{target}"].notna()]
            labels = known[f"label_{target}"].to_numpy(dtype=int)
            found = auc(labels, known["probability"].to_numpy(dtype=float))
            rows.append(
                dict(model=model, target=target, n=len(labels), events=int(labels.sum()), auc=found.estimate)
                | dict(low=found.low, high=found.high, reason=found.reason and str(found.reason))
            )
    return pd.DataFrame(rows)


def _comparisons(tested: pd.DataFrame, arms: Mapping[str, str]) -> pd.DataFrame:
    fusion = [name for name, arm in arms.items() if arm == FUSION]
    pairs = [(first, other) for first in fusion for other in arms if arms[other] != FUSION]
    rows = [
        dict(model_a=first, arm_a=arms[first], model_b=other, arm_b=arms[other]) | compare_pair(tested, first, other)
        for first, other in pairs
    ]
    table = pd.DataFrame(rows, columns=[name for name in COMPARED.split() if name != "p_holm"])
    return table.assign(p_holm=holm(table["p"].to_numpy(dtype=float)))[COMPARED.split()]


def _groups(tested: pd.DataFrame, chosen: str, early_h: float, window_h: float):
    """Curves and summary of the chosen model, the log-rank test of every model, and how many have no time.

    Who has label 0 is free of it to the end of the window. To take such patients out at their last score would leave
    those who were examined some hours later to stand for them: on the last day a few would count for all.
    """
    curves, summary, ranks, untimed = group_curves([], [], []), pd.DataFrame(), [], 0
    for model, own in tested.groupby("model", sort=True):
        times = own["deterioration_h"].where(own["label"] == 1, window_h).astype(float)
        usable = times.notna() & own["group"].notna()
        given = (times[usable].to_numpy(), own.loc[usable, "label"].to_numpy(int), own.loc[usable, "group"].to_numpy())
        of_groups, test = group_summary(*given, (early_h, window_h))
        ranks.append({"model": model} | test)
        if model == chosen:
            curves, summary, untimed = group_curves(*given), of_groups, int(times.isna().sum())
    return curves, summary, pd.DataFrame(ranks), untimed


def write_tables(study: DeteriorationStudy | None, paths: Mapping[str, str]) -> None:
    """Write tables of the study (name of the attribute -> path) as TSV; without a study they have no rows."""
    for name, path in paths.items():
        table = pd.DataFrame(columns=["model"]) if study is None else getattr(study, name)
        with whole_file(path) as part:
            table.to_csv(part, sep="\t", index=False, lineterminator="\n", float_format="%.6g")
