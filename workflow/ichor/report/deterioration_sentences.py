"""What the deterioration study shows and what it does not, in plain sentences made from intervals."""

import pandas as pd

from ichor.evaluation.deterioration_study import EARLY, FUSION, LATE, RECORD, TEXT, WHOLE, DeteriorationStudy
from ichor.report import numbers
from ichor.report.numbers import estimate

LEVEL = 0.05
FEWEST = 20
READS = {FUSION: "record and report", TEXT: "the report alone", RECORD: "the record alone"}


def sentences(
    study: DeteriorationStudy, labels: dict[str, str], metrics: pd.DataFrame, early_h: float, window_h: float
) -> dict[str, list[str]]:
    """Heading -> sentences; headings without anything to say are left out.

    Parameters
    ----------
    study : DeteriorationStudy
        Results.
    labels : dict
        Model -> name for people.
    metrics : DataFrame
        Rows of the metrics table of the study's split and target, center ``all``.
    early_h, window_h : float
        Of ``cohort.deterioration``, hours.
    """
    labels = {model: f"“{label}”" for model, label in labels.items()}
    found = {
        "Does the report add to the record?": fusion(study, labels, metrics),
        "Early and late": parts(study, labels, early_h, window_h),
        "Groups of risk": groups(study, labels, early_h, window_h),
        "Is it the same for all patients?": subgroups(study, labels),
    }
    return {heading: lines for heading, lines in found.items() if lines}


def fusion(study: DeteriorationStudy, labels: dict[str, str], metrics: pd.DataFrame) -> list[str]:
    """Whether a model of record and report ranks better than every model of one of them, or why that is not shown."""
    if FUSION not in study.arms.values():
        return ["No model reads record and report together, so nothing is said of what reports add."]
    out, whole = [], study.parts[study.parts["target"] == WHOLE].set_index("model")
    for model, rows in study.comparisons.groupby("model_a", sort=False):
        better = [labels[row.model_b] for row in rows.itertuples() if row.p_holm < LEVEL and row.difference > 0]
        worse = [labels[row.model_b] for row in rows.itertuples() if row.p_holm < LEVEL and row.difference < 0]
        open_ = [row for row in rows.itertuples() if not row.p_holm < LEVEL]
        own = whole.loc[model]
        said = f"{labels[model]} reads record and report: AUC {estimate(own['auc'], own['low'], own['high'])}."
        if better:
            said += f" It ranks patients better than {numbers.list_of(better)} (DeLong’s test, p corrected by Holm)."
        if worse:
            said += f" It ranks them worse than {numbers.list_of(worse)}."
        if not open_ and not worse:
            said += " So report and record together are above either alone."
        out.append(said)
        if open_:
            out.append(_not_shown(open_, labels, metrics))
    return out


def _not_shown(rows: list, labels: dict[str, str], metrics: pd.DataFrame) -> str:
    """Comparisons that decide nothing, with their intervals, and how much the patients could have shown."""
    parts = []
    for row in rows:
        gap = estimate(row.difference, row.low, row.high)
        higher = "higher" if row.difference > 0 else "not higher"
        parts.append(f"{labels[row.model_b]} ({READS[row.arm_b]}): its AUC is {higher}, by {gap}")
    n, events = rows[0].n, rows[0].events
    said = f"A difference is not shown from {'; '.join(parts)}."
    fewer = min(events, n - events)
    said += f" There are {numbers.count(n)} held-out patients with both answers; {numbers.count(events)} deteriorated."
    if fewer < FEWEST:
        said += f" With fewer than {FEWEST} of one kind no difference of a useful size can be told from chance."
    reachable = metrics[metrics["quantity"] == "reachable_auc"]["estimate"].dropna()
    if len(reachable):
        best = max(row.auc_b for row in rows)
        said += (
            f" The true risk reaches an AUC of {numbers.plain(reachable.iloc[0])} on them, so there is "
            f"{numbers.plain(max(reachable.iloc[0] - best, 0.0))} to gain beyond the best of these models."
        )
    return said


def parts(study: DeteriorationStudy, labels: dict[str, str], early_h: float, window_h: float) -> list[str]:
    """How well the shown model tells early and late deterioration."""
    own = study.parts[study.parts["model"] == study.model].set_index("target")
    said = [f"Early is until {early_h:g} h since onset, late from then to {window_h:g} h."]
    for target, words in ((EARLY, "early deterioration"), (LATE, "late deterioration (among those free of it so far)")):
        row = own.loc[target]
        if numbers.missing(row["auc"]):
            said.append(f"Of {words} no AUC can be given ({numbers.why(row['reason'])})")
            continue
        said.append(
            f"{labels[study.model]} ranks {words} with an AUC of {estimate(row['auc'], row['low'], row['high'])} "
            f"({numbers.count(row['events'])} of {numbers.count(row['n'])} patients)."
        )
    n, events = study.labels.get(WHOLE, (0, 0))
    said.append(
        f"All of this is of held-out patients: {numbers.count(events)} of {numbers.count(n)} with a label deteriorated."
    )
    return said


def groups(study: DeteriorationStudy, labels: dict[str, str], early_h: float, window_h: float) -> list[str]:
    """Risk of the groups at both horizons, and the log-rank test."""
    if not len(study.summary):
        return [f"The risks of {labels[study.model]} on the tune rows have no two thirds to cut at: no groups."]
    risks = study.summary[study.summary["quantity"].str.startswith("risk_")]
    at_end = risks[risks["quantity"] == f"risk_{window_h:g}"]
    known = at_end[at_end["estimate"].notna()]
    said = []
    if len(known):
        parts = [
            f"{row.group} {numbers.percent(row.estimate, 1)} ({numbers.interval(100 * row.low, 100 * row.high, 0)} %)"
            for row in known.itertuples()
        ]
        said.append(f"Deteriorated by {window_h:g} h, by group of risk of {labels[study.model]}: {', '.join(parts)}.")
    rank = study.log_rank[study.log_rank["model"] == study.model].iloc[0]
    if numbers.missing(rank["p"]):
        said.append("The groups cannot be tested against each other.")
    else:
        words = "differ" if rank["p"] < LEVEL else "are not shown to differ"
        said.append(f"The groups {words} (log-rank test, p {numbers.p_value(rank['p'])}).")
    if study.untimed:
        unknown = numbers.count(study.untimed)
        said.append(f"{unknown} patients deteriorated at a time that is not known; they are not in the curves.")
    return said


def subgroups(study: DeteriorationStudy, labels: dict[str, str]) -> list[str]:
    """Interactions that remain after correction, and how many were tested."""
    pairs = study.subgroups.drop_duplicates("subgroup") if len(study.subgroups) else study.subgroups
    tested = pairs[pairs["p"].notna()] if len(pairs) else pairs
    if not len(tested):
        return ["No subgroup has enough patients of both kinds for a test of interaction."]
    found = tested[tested["p_holm"] < LEVEL]
    if len(found):
        names_ = numbers.list_of(
            [f"{row.subgroup.lower()} (p {numbers.p_value(row.p_holm)})" for row in found.itertuples()]
        )
        return [
            f"The risk of {labels[study.model]} means something else by {names_}, of {len(tested)} subgroups tested."
        ]
    return [
        f"Of {len(tested)} subgroups tested none is shown to differ in what the risk of {labels[study.model]} means "
        f"(smallest p {numbers.p_value(tested['p_holm'].min())}, corrected). Small subgroups can hide a difference."
    ]
