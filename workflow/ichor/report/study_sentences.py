"""What an expansion study shows and what it does not, in plain sentences made from its numbers."""

import pandas as pd

from ichor.evaluation.expansion_study import ExpansionStudy
from ichor.evaluation.printed_expansion import GAIN
from ichor.evaluation.study_comparisons import FEWEST
from ichor.report import numbers
from ichor.report.numbers import estimate

ASKED = {
    "none": "no balancing",
    "synthetic 1:2": "synthetic cases 1:2",
    "synthetic 1:1": "synthetic cases 1:1",
    "synthetic tune": "synthetic cases with the ratio chosen on tune rows",
    "oversample": "HE cases repeated",
    "class_weights": "class weights",
    "focal": "focal loss",
}
"""Arms of the experiment; one that a study does not have is named."""


def sentences(study: ExpansionStudy, labels: dict[str, str], simulated: bool) -> dict[str, list[str]]:
    """Sentences by heading, in the order of the page.

    Parameters
    ----------
    study : ExpansionStudy
        Tables of the study.
    labels : dict
        Model -> name for people.
    simulated : bool
        Whether the patients are simulated.

    Returns
    -------
    dict
        Heading -> sentences; headings without any are left out. ``Alarm`` comes first where there is one.
    """
    arms, floors = (study.comparisons[study.comparisons["family"] == name] for name in ("arms", "floors"))
    whole = arms[arms["cohort"] == "external"]
    found = {
        "Alarm": [alarm(row, labels) for row in study.alarms.to_dict("records")],
        "Does balancing help?": [compared(row, study, labels) for row in whole.to_dict("records")]
        + by_center(arms[arms["cohort"] != "external"], labels)
        + paper(),
        "Which arm would have been taken?": choice(study, labels),
        "How does it stand beside the other models?": beside(floors[floors["cohort"] == "external"], labels),
        "Are the risks right?": calibration(study, labels),
        "How much could be reached?": reachable(study, labels) if simulated else [],
        "What is not in this study": absent(study, labels),
    }
    if whole.empty:
        found["Does balancing help?"] = ["There is nothing to compare: fewer than two arms, or none without balancing."]
    return {heading: lines for heading, lines in found.items() if lines}


def compared(row: dict, study: ExpansionStudy, labels: dict[str, str]) -> str:
    """One arm against the arm without balancing, on all external patients."""
    opening = (
        f"With {_with(study, row['model_a'], labels)} the external AUC was "
        f"{estimate(row['auc_a'], row['auc_a_low'], row['auc_a_high'])} against {numbers.plain(row['auc_b'])} without"
    )
    if row["verdict"] == "too_few":
        return f"{opening}: {too_few(row)}."
    return f"{opening}; difference {difference(row)}: {_verdict(row)}."


def _with(study: ExpansionStudy, model: str, labels: dict[str, str]) -> str:
    """What an arm did, in running text, with the number of synthetic cases where it is known."""
    label = labels.get(model, model)
    name = label if label[:2].isupper() else f"{label[0].lower()}{label[1:]}"
    made = study.facts.get(model, {}).get("synthetic")
    if made:
        return f"{numbers.count(made)} synthetic {'case' if made == 1 else 'cases'} ({name})"
    return name


def of(row: pd.Series, quantity: str) -> str:
    """A quantity of a row of `ichor.evaluation.expansion_study.estimates`, with its interval."""
    return estimate(row[quantity], row[f"{quantity}_low"], row[f"{quantity}_high"])


def difference(row: dict) -> str:
    """A difference of two AUCs with its interval and adjusted p value."""
    p = numbers.p_value(row["p_holm"])
    between = estimate(row["difference"], row["low"], row["high"])
    return f"{between}, p {p if p.startswith('<') else f'= {p}'} after Holm"


def _verdict(row: dict) -> str:
    gain = f"a gain of {numbers.plain(min(GAIN))}, the smaller of the paper’s two,"
    return {
        "gain": "a gain is shown",
        "harm": "a loss is shown",
        "undecided": f"no gain was shown; {gain} is not excluded either",
        "none": f"no gain was shown, and {gain} is unlikely",
    }[row["verdict"]]


def too_few(row: dict) -> str:
    """Why two AUCs were not compared."""
    return (
        f"{numbers.count(row['events'])} events among {numbers.count(row['n'])} patients are too few to decide "
        f"({FEWEST} with and {FEWEST} without the event are asked for)"
    )


def by_center(rows: pd.DataFrame, labels: dict[str, str]) -> list[str]:
    """One sentence for each external center."""
    out = []
    for (cohort, center), own in rows.groupby(["cohort", "center"], sort=True):
        where, records = f"{cohort.capitalize()} ({center}) by itself", own.to_dict("records")
        decided = [row for row in records if row["verdict"] != "too_few"]
        if not decided:
            out.append(f"{where}: {too_few(records[0])}.")
            continue
        said = ", ".join(
            f"{labels[row['model_a']]} {estimate(row['difference'], row['low'], row['high'])}" for row in decided
        )
        words = {"gain": "a gain", "harm": "a loss"}
        shown = [
            f"{words[row['verdict']]} is shown for {labels[row['model_a']]}"
            for row in decided
            if row["verdict"] in words
        ]
        end = "; ".join(shown) or "neither a gain nor a loss is shown"
        out.append(f"{where}, differences in AUC from no balancing: {said}; {end}.")
    return out


def paper() -> list[str]:
    """What the paper printed, for orientation."""
    return [
        "For orientation: on other patients, Yu et al. printed external AUCs of 0.79 and 0.78 with synthetic cases at "
        "1:2 against 0.71 and 0.73 without. The figures are not comparable with these: patients, scanners and labels "
        "differ, and it is not known whether 1:2 was chosen before the external patients were seen."
    ]


def choice(study: ExpansionStudy, labels: dict[str, str]) -> list[str]:
    """The arm chosen on tune rows, the ratio taken, and the would-be winner."""
    told, out = study.choice, []
    external = study.table_3[study.table_3["cohort"] == "external"].set_index("model")
    chosen, winner = told.get("chosen"), told.get("winner")
    if chosen:
        out.append(
            f"The {numbers.count(told['n'])} tune patients ({numbers.count(told['events'])} events) choose "
            f"“{labels[chosen]}” by the least log loss; its AUC on them is "
            f"{estimate(told['auc'], told['low'], told['high'])}, on the external patients "
            f"{of(external.loc[chosen], 'auc')}. The latter is the result that counts."
        )
    else:
        out.append("No arm could be chosen: there are no tune patients with both outcomes that all arms predicted.")
    if winner and winner == chosen:
        out.append("The same arm is the best one on the external patients.")
    elif winner:
        out.append(
            f"The best external AUC, {of(external.loc[winner], 'auc')}, is that of “{labels[winner]}”. It is "
            "optimistic: it was picked on the very patients that it is stated for."
        )
    for model in study.models:
        facts = study.facts.get(model.name, {})
        if model.part == "arm" and (model.balance or {}).get("ratio") == "tune" and facts.get("ratio"):
            taken = "that nothing be added" if facts["ratio"] == "none" else f"the ratio {facts['ratio']}"
            out.append(f"For “{labels[model.name]}” the tune rows chose {taken}.")
        if facts.get("missing"):
            fewer = f"{numbers.count(facts['missing'])} synthetic cases fewer than its ratio asks for"
            out.append(f"“{labels[model.name]}” had {fewer}.")
    return out


def beside(rows: pd.DataFrame, labels: dict[str, str]) -> list[str]:
    """The chosen arm against every other model; those with too few patients in one sentence."""
    records = rows.to_dict("records")
    few = [row for row in records if row["verdict"] == "too_few"]
    out = [against(row, labels) for row in records if row["verdict"] != "too_few"]
    if few:
        others = ", ".join(f"“{labels[row['model_b']]}”" for row in few)
        out.append(f"Against {others}: {too_few(min(few, key=lambda row: row['events']))}.")
    return out


def against(row: dict, labels: dict[str, str]) -> str:
    """The chosen arm against a model that is no arm, on all external patients."""
    end = {"gain": "it ranks better", "harm": "it ranks worse"}.get(row["verdict"], "it is not shown to rank better")
    return (
        f"“{labels[row['model_a']]}” {numbers.plain(row['auc_a'])} against “{labels[row['model_b']]}” "
        f"{numbers.plain(row['auc_b'])}; difference {difference(row)}: {end}."
    )


def calibration(study: ExpansionStudy, labels: dict[str, str]) -> list[str]:
    """What the correction for the changed share of events does, and whether the chosen arm is calibrated."""
    rows = study.calibration[study.calibration["cohort"] == "external"]
    out = []
    for model in [m.name for m in study.models if m.part == "arm"]:
        own = rows[rows["model"] == model].set_index("correction")
        if {"with", "without"} <= set(own.index):
            without, corrected = (of(own.loc[name], "observed_expected") for name in ("without", "with"))
            out.append(
                f"“{labels[model]}”: for each event that was predicted, {without} happened without, and {corrected} "
                "with the correction for the changed share of events."
            )
    chosen = study.choice.get("chosen")
    own = rows[(rows["model"] == chosen) & (rows["correction"] != "without")]
    if len(own) and not numbers.missing(own.iloc[0]["calibration_slope_low"]):
        row = own.iloc[0]
        low, high = row["calibration_slope_low"], row["calibration_slope_high"]
        spread = "too extreme" if high < 1 else "too timid" if low > 1 else ""
        end = f"its risks are {spread}" if spread else "a wrong spread of its risks is not shown"
        out.append(f"Calibration slope of “{labels[chosen]}”: {of(row, 'calibration_slope')}: {end}.")
    return out


def reachable(study: ExpansionStudy, labels: dict[str, str]) -> list[str]:
    """What simulated patients let a model reach, and the chosen arm's share of it."""
    chosen = study.choice.get("chosen")
    external = study.table_3[study.table_3["cohort"] == "external"].set_index("model")
    if chosen is None or "reachable_auc" not in external or numbers.missing(external.loc[chosen, "reachable_auc"]):
        return []
    row = external.loc[chosen]
    out = [
        "These patients are simulated. Their true risk itself has an external AUC of "
        f"{numbers.plain(row['reachable_auc'])}; no model can do better but by luck."
    ]
    if not numbers.missing(row.get("reachable_image_auc")):
        out.append(
            f"What the scan shows of that risk has {numbers.plain(row['reachable_image_auc'])}; “{labels[chosen]}” "
            f"finds {of(row, 'reachable_image_share')} of the way from chance to there."
        )
    return out


def alarm(row: dict, labels: dict[str, str]) -> str:
    """An external AUC that published models do not reach."""
    where = "external patients" if row["center"] == "all" else row["center"]
    return (
        f"Possible leak: “{labels.get(row['model'], row['model'])}” reaches an AUC of {numbers.plain(row['estimate'])} "
        f"on {where}, above what expansion models reach on real patients of other hospitals. Before anything else, "
        "look for patients on both sides of the split and for predictors that know the outcome."
    )


def absent(study: ExpansionStudy, labels: dict[str, str]) -> list[str]:
    """Models without predictions, and arms of the experiment that were not asked for."""
    out = [f"“{labels.get(name, name)}” is left out: {why_left_out(why)}" for name, why in study.left_out.items()]
    have = [model.arm for model in study.models if model.part == "arm"]
    lacking = [words for arm, words in ASKED.items() if not any(own.startswith(arm) for own in have)]
    if lacking:
        out.append(f"Arms that this study does not have: {', '.join(lacking)}.")
    return out


def why_left_out(reason: str) -> str:
    """Meaning of the reason code that a bundle begins its reason with."""
    said = numbers.short_why(reason.partition(":")[0])
    return said if said.endswith(".") else f"{said}."
