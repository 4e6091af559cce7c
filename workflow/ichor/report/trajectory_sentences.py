"""What the courses show and what they do not, in plain sentences made from intervals."""

import pandas as pd

from ichor.report import findings, names, numbers
from ichor.report.numbers import estimate
from ichor.report.palette import Look
from ichor.report.trajectory_frames import CHANGE

Looks = dict[tuple[str, str], Look]


def of_target(rows: pd.DataFrame, comparisons: pd.DataFrame, counts: pd.DataFrame, looks: Looks) -> list[str]:
    """Sentences on one target of one split.

    Parameters
    ----------
    rows : DataFrame
        Rows of ``trajectory_performance`` of the split and target.
    comparisons : DataFrame
        Rows of the comparisons table of the split, all its rows together, of ``<target>@<step>``.
    counts : DataFrame
        Rows of ``trajectory_counts`` of the split and target.
    looks : dict
        Appearance of the models, networks first.
    """
    if rows.empty:
        return []
    steps = list(rows.sort_values("position")["step"].drop_duplicates())
    models = [look for (_, model), look in looks.items() if model in set(rows["model"])]
    networks = [look for look in models if look.network] or models
    target = rows["target"].iloc[0]
    pairs = comparisons[comparisons["target"] == f"{target}@{steps[-1]}"]
    out = [_at_risk(counts, target)]
    for look in networks:
        own = rows[rows["model"] == look.model].set_index(["step", "quantity"])
        beside = findings.beside_floor(look, pairs, names.COURSES, looks)
        if beside:
            beside = f"At {names.step(steps[-1]).lower()} {beside[0].lower()}{beside[1:]}"
        out.append(" ".join(part for part in (_ranks(look, own, steps), _reached(own, steps), beside) if part))
    return [line for line in [*out, _lost(rows, counts)] if line]


def _at_risk(counts: pd.DataFrame, target: str) -> str:
    if counts.empty:
        return ""
    first, last = counts.sort_values("position").iloc[[0, -1]].to_dict("records")
    said = (
        f"Alive and followed: {numbers.count(first['at_risk'])} test patients at {names.step(first['step']).lower()}, "
        f"{numbers.count(last['at_risk'])} at {names.step(last['step']).lower()}; {names.event(target)} is known of "
        f"{numbers.count(first['known'])} and {numbers.count(last['known'])} of them."
    )
    common = max(last["events"], last["known"] - last["events"])
    if last["known"]:
        said += (
            f" Whoever gives all of them the same answer is right in {numbers.percent(common, last['known'])} at "
            f"{names.step(last['step']).lower()}: accuracy and F1 have to be read beside that."
        )
    return said


def _ranks(look: Look, rows: pd.DataFrame, steps: list[str]) -> str:
    """AUC at the first and last step, and whether it changed on the same patients."""
    known = [step for step in steps if (step, "auc") in rows.index and not numbers.missing(rows.loc[(step, "auc")].low)]
    if not known:
        return f"{look.label}: no AUC has an interval, so nothing is said about it."
    said = [
        f"{estimate(*_value(rows, step, 'auc'))} at {names.step(step).lower()}" for step in {known[0]: 0, known[-1]: 0}
    ]
    text = f"{look.label}: AUC {', '.join(said)}."
    if (known[-1], CHANGE) not in rows.index:
        return text
    change, low, high = _value(rows, known[-1], CHANGE)
    if numbers.missing(low):
        return text
    n = numbers.count(rows.loc[(known[-1], CHANGE)].n)
    verdict = "it rises" if low > 0 else "it falls" if high < 0 else "no change is shown"
    return f"{text} On the {n} patients of both steps {verdict}: {estimate(change, low, high)}."


def _reached(rows: pd.DataFrame, steps: list[str]) -> str:
    if (steps[-1], "reachable_share") not in rows.index:
        return ""
    share, low, high = _value(rows, steps[-1], "reachable_share")
    if numbers.missing(share):
        return ""
    return (
        f"Of the signal that could be reached at {names.step(steps[-1]).lower()} it found {estimate(share, low, high)}."
    )


def _value(rows: pd.DataFrame, step: str, quantity: str) -> tuple[float, float, float]:
    row = rows.loc[(step, quantity)]
    return row["estimate"], row["low"], row["high"]


def _lost(rows: pd.DataFrame, counts: pd.DataFrame) -> str:
    """What leaving out the lost does to the share of events, at the first step at which somebody is unknown."""
    gone = counts[counts["unknown"] > 0].sort_values("position")
    shares = rows[rows["quantity"].isin(["prevalence", "prevalence_ipcw"])].drop_duplicates(["step", "quantity"])
    wide = shares.pivot(index="step", columns="quantity", values="estimate")
    for row in gone.to_dict("records"):
        if row["step"] in wide.index and wide.loc[row["step"]].notna().all() and wide.shape[1] == 2:
            plain, weighted = (numbers.plain(wide.loc[row["step"], name]) for name in ("prevalence", "prevalence_ipcw"))
            weights = (
                "with weights for those who were lost it is the same"
                if plain == weighted
                else f"with weights for those who were lost it is {weighted}"
            )
            return (
                f"At {names.step(row['step']).lower()} the outcome of {numbers.count(row['unknown'])} of "
                f"{numbers.count(row['at_risk'])} patients at risk is unknown. Without them the share with "
                f"{names.event(row['target'])} is {plain}; {weights}."
            )
    return ""


def contradicting(found: pd.DataFrame, looks: Looks) -> list[str]:
    """Which models give answers that contradict each other."""
    if found.empty:
        return []
    labels = {model: look.label for (_, model), look in looks.items()}
    sums = found.groupby("model", sort=False)[["n", "risks", "decisions"]].sum()
    never = [labels.get(model, model) for model in labels if model in sums.index and not sums.loc[model, "risks"]]
    out = []
    if never:
        out.append(f"No probability contradicts another in {findings.joined(never)}.")
    for model in (model for model in labels if model in sums.index and sums.loc[model, "risks"]):
        row, own = sums.loc[model], found[found["model"] == model]
        out.append(
            f"{labels[model]}: {numbers.count(row['risks'])} of {numbers.count(row['n'])} pairs of answers contradict "
            f"each other, by up to {numbers.plain(own['largest'].max())}."
        )
    if sums["decisions"].sum():
        out.append(
            "Classes at the thresholds can contradict each other even then, because each target has a threshold of its "
            f"own: {numbers.count(sums['decisions'].sum())} of {numbers.count(sums['n'].sum())} pairs, all models "
            "together."
        )
    return out
