"""Key findings in plain sentences. Each says what an interval supports, never what a point estimate suggests."""

import pandas as pd

from ichor.report import names, numbers
from ichor.report.palette import Look
from ichor.report.performance import questions

FEW_EVENTS = 20  # below this, an AUC interval spans most of what matters; the sentence says so
FEW_CENTERS = 3  # with fewer, the spread between centers is a guess


def cohort(tables: dict[str, pd.DataFrame]) -> list[str]:
    """How many patients of how many centers there are, and how many were set aside."""
    scans, status = tables["scans"], tables["status"]
    centers = sorted({*scans["center"].unique(), *tables["patients"]["center"].unique()})
    both = {*tables["patients"]["patient"]} & {*scans.loc[scans["time_point"] == "baseline", "patient"]}
    aside = status[status["outcome"] == "set_aside"]
    found = scans["patient"].nunique()
    of_them = "all" if found == len(both) else numbers.count(len(both))
    unrecorded = status.loc[status["reason"] == "no_record", "subject"].nunique()
    without = f", and {numbers.count(unrecorded)} have no clinical record" if unrecorded else ""
    noun = "center" if len(centers) == 1 else "centers"
    sentences = [
        f"{numbers.count(len(centers))} {noun} brought {numbers.count(found)} patients with an accepted scan; "
        f"{of_them} of them have a baseline scan{without}."
    ]
    if len(aside):
        sentences.append(
            f"{numbers.count(len(aside))} files, series, scans, labels or estimates were set aside, each with a reason "
            f"({numbers.count(aside['reason'].nunique())} different ones)."
        )
    return sentences


def segmentation(agreement: pd.DataFrame, growth_ml: float | None = None) -> list[str]:
    """What limits of agreement and quartiles say about the predicted volumes (first split, all centers)."""
    if agreement.empty:
        return []
    split = min(agreement["split"].unique(), key=names.split_order)
    row = agreement[(agreement["split"] == split) & (agreement["center"] == "all") & (agreement["label"] == "iph")]
    if row.empty or numbers.missing(row.iloc[0]["dice_median"]):
        return []
    row = row.iloc[0]
    sentences = [
        f"Parenchymal hematoma: in half of the {numbers.count(row['n_dice'])} scans with a reference mask the Dice "
        f"coefficient lies between {numbers.plain(row['dice_q1'])} and {numbers.plain(row['dice_q3'])}."
    ]
    if not numbers.missing(row["loa_low_ml"]):
        low, high = row["loa_low_ml"], row["loa_high_ml"]
        words = (
            f"A predicted volume differs from the reference by {numbers.interval(low, high, 1)} mL in about 95 of 100 "
            "scans (limits of agreement)"
        )
        if growth_ml:
            wide = max(abs(low), abs(high)) >= growth_ml
            words += (
                f"; that reaches the {numbers.plain(growth_ml, 0)} mL that count as expansion, so measured labels of "
                "single patients carry this error." if wide else
                f"; that stays below the {numbers.plain(growth_ml, 0)} mL that count as expansion."
            )  # fmt: skip
        sentences.append(words if words.endswith(".") else words + ".")
    return sentences


def models(
    metrics: pd.DataFrame, comparisons: pd.DataFrame, looks: dict[tuple[str, str], Look], auc_alarm: float | None = None
) -> list[dict]:
    """Findings of each task and target: {heading, sentences, alarm}."""
    out = []
    for task, target in questions(metrics):
        own = metrics[(metrics["task"] == task) & (metrics["target"] == target)]
        split = min(own["split"].unique(), key=names.split_order)
        own = own[own["split"] == split]
        pairs = comparisons[
            (comparisons["task"] == task)
            & (comparisons["target"] == target)
            & (comparisons["split"] == split)
            & (comparisons["center"] == "all")
        ]
        sentences, alarms = [], []
        for (of_task, model), look in looks.items():
            if of_task != task or model not in set(own["model"]):
                continue
            rows = own[own["model"] == model].set_index(["center", "quantity"])
            if look.network or not any(v.network for (t, _), v in looks.items() if t == task):
                sentences.append(_one(look, rows, pairs, task, looks, target))
            alarms += _alarm(look, rows, task, split, auc_alarm)
        where = "Test patients: " + names.split(split).lower() if split == "external" else names.split(split)
        out.append({"heading": names.heading(task, target), "where": where, "sentences": sentences, "alarms": alarms})
    return out


def _one(look: Look, rows: pd.DataFrame, pairs: pd.DataFrame, task: str, looks: dict, target: str) -> list[str]:
    return [
        s
        for s in (
            _chance(look, rows, target),
            beside_floor(look, pairs, task, looks),
            _calibration(rows),
            _elsewhere(rows),
            _reachable(rows),
        )
        if s
    ]


def _pick(rows: pd.DataFrame, center: str, quantity: str) -> pd.Series | None:
    return rows.loc[(center, quantity)] if (center, quantity) in rows.index else None


def _known(row: pd.Series | None) -> bool:
    return row is not None and not (numbers.missing(row["low"]) or numbers.missing(row["high"]))


def _chance(look: Look, rows: pd.DataFrame, target: str) -> str:
    row = _pick(rows, "all", "auc")
    if not _known(row):
        reason = numbers.why(None if row is None else row["reason"])
        return f"{look.label}: the AUC has no interval, so nothing is said about it. {reason}"
    size = f"AUC {numbers.plain(row['estimate'])}, 95 % interval {numbers.interval(row['low'], row['high'])}; "
    size += f"{numbers.count(row['n'])} patients, {numbers.count(row['events'])} events"
    what = names.event(target)
    if row["low"] > 0.5:
        said = f"{look.label} ranks patients by their risk of {what} better than chance ({size})."
    elif row["high"] < 0.5:
        said = f"{look.label} ranks patients by their risk of {what} worse than chance ({size})."
    else:
        said = f"{look.label} cannot be told from chance in ranking patients by their risk of {what} ({size})."
    if not numbers.missing(row["events"]) and min(row["events"], row["n"] - row["events"]) < FEW_EVENTS:
        said += " The smaller outcome group has fewer than 20 patients: read the interval, not the estimate."
    return said


def beside_floor(look: Look, pairs: pd.DataFrame, task: str, looks: dict) -> str:
    """How a network ranks beside each model of the clinical floor, by the intervals of `pairs`; empty for others."""
    if not look.network:
        return ""
    verdicts: dict[str, list[str]] = {"better": [], "worse": [], "open": []}
    for row in pairs[(pairs["model_a"] == look.model) | (pairs["model_b"] == look.model)].itertuples():
        forward = row.model_a == look.model
        other = looks.get((task, row.model_b if forward else row.model_a))
        if other is None or other.network or numbers.missing(row.low) or numbers.missing(row.high):
            continue
        sign = 1 if forward else -1
        low, high = sorted((sign * row.low, sign * row.high))
        verdict = "better" if low > 0 else "worse" if high < 0 else "open"
        label = (
            other.label if other.label[:2].isupper() or "-" in other.label else other.label[0].lower() + other.label[1:]
        )
        between = f"AUC difference {numbers.plain(sign * row.difference)}, {numbers.interval(low, high)}"
        verdicts[verdict].append(f"{label} ({between})")
    parts = [
        f"It ranks better than {joined(verdicts['better'])}." if verdicts["better"] else "",
        f"It ranks worse than {joined(verdicts['worse'])}." if verdicts["worse"] else "",
        f"No difference is shown, in either direction, from {joined(verdicts['open'])}." if verdicts["open"] else "",
    ]
    return " ".join(part for part in parts if part)


def _calibration(rows: pd.DataFrame) -> str:
    ratio, slope = _pick(rows, "all", "observed_expected"), _pick(rows, "all", "calibration_slope")
    said = []
    if _known(ratio) and not ratio["low"] <= 1 <= ratio["high"]:
        way = "too low" if ratio["low"] > 1 else "too high"
        said.append(f"predicted risks are {way} on average (O/E {numbers.interval(ratio['low'], ratio['high'])})")
    if _known(slope) and not slope["low"] <= 1 <= slope["high"]:
        way = "too extreme" if slope["high"] < 1 else "too timid"
        said.append(f"they are {way} (calibration slope {numbers.interval(slope['low'], slope['high'])})")
    if said:
        text = ", and ".join(said)
        text = text if text.startswith("predicted") else text.replace("they are", "predicted risks are", 1)
        return f"{text[0].upper()}{text[1:]}."
    if _known(ratio) and _known(slope):
        return (
            "Miscalibration is not shown, which does not prove calibration "
            f"(O/E {numbers.interval(ratio['low'], ratio['high'])}; "
            f"slope {numbers.interval(slope['low'], slope['high'])})."
        )
    return ""


def _elsewhere(rows: pd.DataFrame) -> str:
    row = _pick(rows, "next", "auc")
    if not _known(row):
        return ""
    if row["n"] < FEW_CENTERS:
        return f"{numbers.count(row['n'])} centers are too few to say what to expect at another one."
    words = (
        f"At a center not seen, an AUC between {numbers.plain(row['low'])} and {numbers.plain(row['high'])} is to be "
        f"expected, judged from {numbers.count(row['n'])} centers"
    )
    return words + (", so it may do no better than chance there." if row["low"] <= 0.5 else ".")


def _reachable(rows: pd.DataFrame) -> str:
    row = _pick(rows, "all", "reachable_share")
    if not _known(row):
        return ""
    said = f"Share of the reachable signal found: between {numbers.plain(row['low'])} and {numbers.plain(row['high'])}"
    image = _pick(rows, "all", "reachable_image_share")
    if _known(image):
        said += f"; of what the scan shows, {numbers.plain(image['low'])} to {numbers.plain(image['high'])}"
    return f"{said}."


def _alarm(look: Look, rows: pd.DataFrame, task: str, split: str, limit: float | None) -> list[str]:
    row = _pick(rows, "all", "auc")
    if limit is None or task != "expansion" or split != "external" or row is None or numbers.missing(row["estimate"]):
        return []
    if row["estimate"] <= limit:
        return []
    return [
        f"Possible leak: {look.label} reaches an external AUC of {numbers.plain(row['estimate'])}, above the "
        f"{numbers.plain(limit)} that expansion models reach on real patients. "
        "Look for predictors that know the outcome."
    ]


def joined(items: list[str]) -> str:
    """Words of a list with commas and ``and``."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]
