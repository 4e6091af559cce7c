"""What a trajectory study shows and what it does not, in plain sentences made from its numbers."""

from collections.abc import Mapping

import pandas as pd

from ichor.evaluation.trajectory_study import ALL, TrajectoryStudy
from ichor.evaluation.visit_comparisons import NO_GAIN
from ichor.models import registry
from ichor.report import numbers
from ichor.report.study_sentences import too_few

BRIER = " by the Brier score (interval of the difference by patient)"


def sentences(study: TrajectoryStudy, labels: dict[str, str], models: Mapping[str, Mapping]) -> list[str]:
    """What was found: the order of the models, whether a network earns its place, each network against each other.

    Parameters
    ----------
    study : TrajectoryStudy
        What was found.
    labels : dict
        Model -> name for people.
    models : mapping
        Model -> complete settings.
    """
    whole = study.metrics[study.metrics["step"] == ALL]
    aucs = whole[whole["quantity"] == "auc"].sort_values("estimate", ascending=False, kind="stable")
    order = ", ".join(f"{labels[row.model]} {_estimate(row.estimate, row.low, row.high)}" for row in aucs.itertuples())
    out = [f"AUC over all visits, by patient: {order}."] if order else []
    against = study.comparisons[study.comparisons["family"] == "networks"]
    for name in labels:
        if registry.family(models[name]["kind"]) == "sequence":
            out += _of_network(against[against["model_a"] == name], labels)
    out += _slopes(whole[whole["quantity"] == "calibration_slope"], labels)
    return out + _left_out(study, labels)


def _estimate(found: float, low: float, high: float, digits: int = 3) -> str:
    between = numbers.interval(low, high, digits)
    return numbers.plain(found, digits) + (f" ({between})" if between else "")


def _compared(row: dict, labels: dict[str, str]) -> str:
    opening = (
        f"“{labels[row['model_a']]}” {numbers.plain(row['auc_a'], 3)} against “{labels[row['model_b']]}” "
        f"{numbers.plain(row['auc_b'], 3)}"
    )
    if row["verdict"] == "too_few":
        return f"{opening}: {too_few(row | {'n': row['patients']})}."
    p = numbers.p_value(row["p_holm"])
    said = (
        f"{_estimate(row['difference'], row['low'], row['high'])}, p {p if p.startswith('<') else f'= {p}'} after Holm"
    )
    gain = f"a gain of {numbers.plain(NO_GAIN)}"
    ends = {
        "gain": "the network ranks visits better",
        "harm": "the network ranks visits worse",
        "undecided": f"no difference is shown; {gain} is not excluded either",
        "none": f"no difference is shown, and {gain} is unlikely",
    }
    return f"{opening}; difference {said}: {ends[row['verdict']]}."


def _of_network(rows: pd.DataFrame, labels: dict[str, str]) -> list[str]:
    """Whether a network earns its place beside the simpler models, the best of them first."""
    if rows.empty:
        return []
    best = rows.loc[rows["auc_b"].idxmax()].to_dict()
    network = f"“{labels[best['model_a']]}”"
    out = [f"The best of the simpler models on this table is “{labels[best['model_b']]}”. {_compared(best, labels)}"]
    others = rows[rows["model_b"] != best["model_b"]]
    for verdict, words in (("gain", "ranks visits better than"), ("harm", "ranks visits worse than")):
        out.append(_listed(f"{network} {words}", others[others["verdict"] == verdict], labels))
    alike = others[others["verdict"].isin(["none", "undecided"])]
    out.append(_listed(f"{network} is not shown to differ in AUC from", alike, labels))
    out.append(
        _listed("Its risks are nearer to what happened than those of", rows[rows["brier_high"] < 0], labels, BRIER)
    )
    out.append(_listed("Its risks are farther from it than those of", rows[rows["brier_low"] > 0], labels, BRIER))
    return [" ".join(line for line in out if line)]


def _listed(opening: str, rows: pd.DataFrame, labels: dict[str, str], closing: str = "") -> str:
    named = ", ".join(f"“{labels[name]}”" for name in rows["model_b"])
    return f"{opening} {named}{closing}." if named else ""


def _slopes(rows: pd.DataFrame, labels: dict[str, str]) -> list[str]:
    out = []
    for row in rows.dropna(subset=["low", "high"]).itertuples():
        if row.high < 1 or row.low > 1:
            how = "extreme" if row.high < 1 else "timid"
            found = _estimate(row.estimate, row.low, row.high, 2)
            out.append(f"Risks of “{labels[row.model]}” are too {how}: calibration slope {found}.")
    return out


def _left_out(study: TrajectoryStudy, labels: dict[str, str]) -> list[str]:
    counts, out = study.counts, []
    if counts["cut"]:
        out.append(
            f"Of {numbers.count(counts['visits'])} visits {numbers.count(counts['cut'])} have a follow-up that ends "
            "before the horizon, and no known outcome; the measures with weights make up for them."
        )
    if counts["late_visits"]:
        out.append(f"Left out: {numbers.count(counts['late_visits'])} visits at or after the end of follow-up.")
    if counts["patients_without_followup"]:
        out.append(f"Left out: {numbers.count(counts['patients_without_followup'])} patients without follow-up.")
    gone = ", ".join(f"{labels[name]} {numbers.count(n)}" for name, n in study.absent.items() if n)
    if gone:
        out.append(f"Visits without an answer: {gone}; comparisons are of visits that both models answered.")
    return out
