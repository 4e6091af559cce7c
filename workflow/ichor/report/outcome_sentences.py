"""What an outcome study shows and what it does not, in plain sentences made from its numbers."""

import pandas as pd

from ichor.evaluation.outcome_models import OutcomeModel
from ichor.evaluation.outcome_study import OutcomeStudy
from ichor.evaluation.printed_outcome import GAIN
from ichor.evaluation.study_comparisons import FEWEST
from ichor.report import names, numbers
from ichor.report.study_sentences import difference, estimate, of, too_few, why_left_out

AIM = 0.85
"""Share of the reachable signal that a fusion model should find on simulated patients: our aim."""
OVERFITTED = 0.10
"""Fall in AUC from the patients that a model was made from to others, from which on it is told: our choice."""
SHOWN_VARIABLES = 3
LEVEL = 0.05
PARTS = {
    "fusion": "image and record",
    "image": "the image alone",
    "tabular": "the record alone or measures of the image",
    "score": "a published score",
}


def sentences(
    study: OutcomeStudy, labels: dict[str, str], simulated: bool, gate: pd.DataFrame, ordinal: pd.DataFrame
) -> dict[str, list[str]]:
    """Sentences by heading, in the order of the page.

    Parameters
    ----------
    study : OutcomeStudy
        Tables of one target.
    labels : dict
        Model -> name for people.
    simulated : bool
        Whether the patients are simulated.
    gate : DataFrame
        `ichor.evaluation.gate_weights.gate_weights`.
    ordinal : DataFrame
        `ichor.evaluation.outcome_patients.ordinal_figures`.

    Returns
    -------
    dict
        Heading -> sentences; headings without any are left out.
    """
    found = {
        "Does image with record beat what there is already?": _answer(study, labels),
        "Who was compared, and what was chosen": _compared(study, labels),
        "How much of what can be known was found?": _reached(study, labels) if simulated else [],
        "What the best model still lacks": _lacks(study, labels, simulated),
        "Would another training say the same?": _seeds(study, labels),
        "What the networks say of themselves": _gates(gate, labels) + _ordinals(ordinal, labels),
        "What is not in this study": _absent(study, labels),
    }
    return {heading: lines for heading, lines in found.items() if lines}


def _lead_rows(study: OutcomeStudy) -> pd.DataFrame:
    rows = study.comparisons
    return rows[(rows["family"] == "lead") & (rows["cohort"] == "tested")]


def _answer(study: OutcomeStudy, labels: dict[str, str]) -> list[str]:
    """The chosen model against the best of each other kind, every score, and by center."""
    if study.lead is None:
        return ["Nothing could be chosen: no tune patients with both outcomes were predicted by all models of a kind."]
    rows = _lead_rows(study)
    part = study.part(study.lead)
    out = [] if part == "fusion" else [f"There is no model of image and record; the first word is with {PARTS[part]}."]
    chosen = [told["model"] for kind, told in study.choice.items() if kind != part]
    scores = [model.name for model in study.models if model.part == "score"]
    out += _in_short(_of_models(rows, list(dict.fromkeys([*chosen, *scores]))), labels)
    out += [_against(row, labels, study) for row in _of_models(rows, chosen)]
    out += _summary(_of_models(rows, scores), labels, "published scores")
    known = [*chosen, *scores]
    out += _summary(rows[~rows["model_b"].isin(known)].to_dict("records"), labels, "other models")
    return out + _by_center(study, labels, chosen)


def _of_models(rows: pd.DataFrame, wanted: list[str]) -> list[dict]:
    return [row for row in rows.to_dict("records") if row["model_b"] in wanted]


def _in_short(rows: list[dict], labels: dict[str, str]) -> list[str]:
    """Whether the lead stands above image alone, record alone and every score, and for which a test shows it."""
    rows = [row for row in rows if not numbers.missing(row["difference"])]
    if not rows:
        return []
    below = [labels[row["model_b"]] for row in rows if row["difference"] <= 0]
    shown = [labels[row["model_b"]] for row in rows if row["verdict"] == "gain"]
    lead = labels[rows[0]["model_a"]]
    if below:
        first = f"The AUC of “{lead}” is not above that of {', '.join(f'“{name}”' for name in below)}"
    else:
        first = f"The AUC of “{lead}” is above those of the chosen models of other kinds and of every score"
    if len(shown) == len(rows):
        return [f"In short: {first}, and a test shows so for each."]
    return [
        f"In short: {first}; a test shows it better than {', '.join(f'“{name}”' for name in shown) or 'none of them'}."
    ]


def _against(row: dict, labels: dict[str, str], study: OutcomeStudy) -> str:
    kind = PARTS[study.part(row["model_b"])]
    opening = (
        f"“{labels[row['model_a']]}” {estimate(row['auc_a'], row['auc_a_low'], row['auc_a_high'])} against "
        f"“{labels[row['model_b']]}” {numbers.plain(row['auc_b'])}, the chosen model of {kind}"
    )
    if row["verdict"] == "too_few":
        return f"{opening}: {too_few(row)}."
    return f"{opening}; difference {difference(row)}: {_verdict(row)}."


def _verdict(row: dict) -> str:
    return {
        "gain": "it ranks patients better",
        "harm": "it ranks patients worse",
        "undecided": f"that it ranks better is not shown; a gain of {numbers.plain(GAIN, 3)}, that of Chen et al. over "
        "the image, is not excluded either",
        "none": f"that it ranks better is not shown, and a gain of {numbers.plain(GAIN, 3)}, that of Chen et al. over "
        "the image, is unlikely",
    }[row["verdict"]]


def _summary(rows: list[dict], labels: dict[str, str], kind: str) -> list[str]:
    """Which of several models the lead beats, in one sentence."""
    if not rows:
        return []
    words = {"gain": "better than", "harm": "worse than", "too_few": "undecided"}
    said = {}
    for row in rows:
        where = words.get(row["verdict"], "not shown to differ from")
        value = "" if row["verdict"] == "too_few" else f" ({numbers.plain(row['difference'])})"
        said.setdefault(where, []).append(f"{labels[row['model_b']]}{value}")
    parts = [f"{where} {', '.join(found)}" for where, found in said.items() if where != "undecided"]
    parts += [f"undecided for want of patients against {', '.join(said['undecided'])}"] if "undecided" in said else []
    return [f"Of the {kind}, with the difference in AUC: {'; '.join(parts)}."]


def _by_center(study: OutcomeStudy, labels: dict[str, str], chosen: list[str]) -> list[str]:
    rows = study.comparisons[(study.comparisons["family"] == "lead") & (study.comparisons["cohort"] == "center")]
    out = []
    few = []
    for center, own in rows[rows["model_b"].isin(chosen)].groupby("center", sort=True):
        decided = [row for row in own.to_dict("records") if row["verdict"] != "too_few"]
        if not decided:
            few.append(center)
            continue
        said = ", ".join(
            f"{estimate(row['difference'], row['low'], row['high'])} over {labels[row['model_b']]}" for row in decided
        )
        out.append(f"{center} by itself: {said}.")
    if few:
        has = "has" if len(few) == 1 else "have"
        out.append(
            f"{', '.join(few)} alone {has} too few patients of either outcome to compare ({FEWEST} are asked for)."
        )
    return out


def _compared(study: OutcomeStudy, labels: dict[str, str]) -> list[str]:
    same = study.same
    out = [
        f"All figures but those marked otherwise are of the same {numbers.count(same['n'])} test patients "
        f"({numbers.count(same['events'])} with {names.event(study.target)}), of {numbers.count(same['tested'])} that "
        "any model predicted: those for whom every model has an answer."
    ]
    for name, n in same["apart"].items():
        out.append(
            f"“{labels[name]}” answers for {numbers.count(n)} test patients only and did not take part in this choice "
            "of patients; its figures are of those of them it has an answer for."
        )
    for part, told in study.choice.items():
        several = sum(model.part == part and not model.post_baseline for model in study.models) > 1
        if several and "loss" in told:
            out.append(
                f"Of the models of {PARTS[part]}, {numbers.count(told['n'])} tune patients "
                f"({numbers.count(told['events'])} events) choose “{labels[told['model']]}” by the least log loss "
                f"(AUC on them {numbers.plain(told['auc'])})."
            )
    late = [labels[model.name] for model in study.models if model.post_baseline]
    if late:
        known = "knows" if len(late) == 1 else "know"
        named = ", ".join(f"“{name}”" for name in late)
        out.append(f"{named} {known} what happened after admission: shown, never chosen.")
    return out


def _reached(study: OutcomeStudy, labels: dict[str, str]) -> list[str]:
    rows = _whole(study)
    if study.lead not in rows.index or "reachable_auc" not in rows:
        return []
    row = rows.loc[study.lead]
    if numbers.missing(row["reachable_auc"]) or numbers.missing(row["reachable_share"]):
        return []
    share = row["reachable_share"]
    reached = "it is reached" if share >= AIM else "it is not reached"
    low, high = row["reachable_share_low"], row["reachable_share_high"]
    if share >= AIM and not numbers.missing(low) and low < AIM:
        reached += ", and the interval holds less, too"
    if share < AIM and not numbers.missing(high) and high >= AIM:
        reached += ", and the interval does not exclude it"
    out = [
        f"These patients are simulated. Their true risk itself has an AUC of {numbers.plain(row['reachable_auc'])}; "
        f"“{labels[study.lead]}” finds {of(row, 'reachable_share')} of the way from chance to there. The aim is "
        f"{numbers.plain(AIM)}: {reached}."
    ]
    best = rows["reachable_share"].idxmax()
    if best != study.lead:
        out.append(
            f"The largest share of all models, {of(rows.loc[best], 'reachable_share')}, is that of “{labels[best]}”; "
            "it was picked on these patients and is optimistic."
        )
    return out


def _whole(study: OutcomeStudy) -> pd.DataFrame:
    rows = study.performance
    return rows[(rows["cohort"] == "tested") & (rows["rows"] == "same")].set_index("model")


def _lacks(study: OutcomeStudy, labels: dict[str, str], simulated: bool) -> list[str]:
    """Overfitting, what other models add, and what goes with the true risk."""
    out = []
    made = study.performance[study.performance["cohort"] == "development"].set_index("model")["auc"]
    tested = _whole(study)["auc"]
    for told in study.choice.values():
        name = told["model"]
        if study.part(name) == "score" or name not in made or name not in tested:
            continue
        fall = made[name] - tested[name]
        if fall >= OVERFITTED:
            out.append(
                f"“{labels[name]}” has an AUC of {numbers.plain(made[name])} on the patients it was made from and "
                f"{numbers.plain(tested[name])} on the others: it has learned much that holds for the former alone."
            )
    for row in study.added.to_dict("records"):
        if numbers.missing(row["p"]):
            continue
        end = "it knows something that the former lacks" if row["p"] < LEVEL else "that it knows more is not shown"
        p = numbers.p_value(row["p"])
        out.append(
            f"Beside the risk of “{labels[row['model']]}”, that of “{labels[row['other']]}”: {end} "
            f"(likelihood ratio test, p {p if p.startswith('<') else f'= {p}'})."
        )
    missed = study.missed[study.missed["model"] == study.lead] if study.lead else study.missed
    missed = missed[missed["p"] < LEVEL / max(1, len(missed))].head(SHOWN_VARIABLES)
    if simulated and len(missed):
        said = ", ".join(
            f"{names.variable(row.variable)} ({numbers.plain(row.correlation)})" for row in missed.itertuples()
        )
        out.append(
            f"What “{labels[study.lead]}” misses of the true risk goes with {said}: rank correlation with the part of "
            "the risk that it does not have, above 0 where it thinks too little of a high value."
        )
    return out


def _seeds(study: OutcomeStudy, labels: dict[str, str]) -> list[str]:
    return [
        f"“{labels[row['model']]}”: its {numbers.count(row['seeds'])} networks, which differ in their seed alone, have "
        f"AUCs of {numbers.plain(row['auc_least'])} to {numbers.plain(row['auc_most'])} (mean "
        f"{numbers.plain(row['auc_mean'])}, standard deviation {numbers.plain(row['auc_sd'], 3)}), the mean of their "
        f"risks {numbers.plain(row['auc'])}; one patient’s risk has a standard deviation of "
        f"{numbers.plain(row['probability_sd'])} over them."
        for row in study.seeds.to_dict("records")
    ]


def _gates(gate: pd.DataFrame, labels: dict[str, str]) -> list[str]:
    return [
        f"“{labels[row['model']]}” gives the image a weight of {numbers.plain(row['median'])} (quartiles "
        f"{numbers.interval(row['q1'], row['q3'])}) in {numbers.count(row['n'])} test patients, the record the rest."
        for row in gate[gate["center"] == "all"].to_dict("records")
        if row["model"] in labels
    ]


def _ordinals(ordinal: pd.DataFrame, labels: dict[str, str]) -> list[str]:
    out = []
    for model, rows in ordinal.groupby("model", sort=False):
        found = rows.set_index("quantity")
        told = [
            f"{words} {estimate(*(found.loc[name, end] for end in ('estimate', 'low', 'high')))}"
            for name, words in ORDINAL.items()
            if name in found.index and not numbers.missing(found.loc[name, "estimate"])
        ]
        if told and model in labels:
            n = numbers.count(rows["n"].iloc[0])
            out.append(f"“{labels[model]}” reads the GCS group from the scan of {n} test patients: {', '.join(told)}.")
    return out


ORDINAL = {
    "accuracy": "right in",
    "mae": "mean absolute error in groups",
    "rmse": "root mean squared error",
    "weighted_kappa": "weighted kappa",
    "uoc_index": "UOC index (0 is perfect)",
}


def _absent(study: OutcomeStudy, labels: dict[str, str]) -> list[str]:
    out = [f"“{labels.get(name, name)}” is left out: {why_left_out(why)}" for name, why in study.left_out.items()]
    have = {model.part for model in study.models}
    lacking = [words for part, words in PARTS.items() if part not in have]
    return out + ([f"There is no model of {' and none of '.join(lacking)}."] if lacking else [])


def label_of(model: OutcomeModel, name: str) -> str:
    """Name of a model for people, with a mark where it knows more than is known at admission."""
    return f"{name} (knows {', '.join(model.post_baseline)})" if model.post_baseline else name
