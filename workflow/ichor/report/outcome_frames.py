"""Tables of the outcome study's page: columns and rows as text, ready for the template."""

import pandas as pd

from ichor.evaluation.outcome_patients import OutcomePatients
from ichor.evaluation.outcome_study import OutcomeStudy
from ichor.evaluation.printed_outcome import printed_of
from ichor.reasons import Reason
from ichor.report import names, numbers
from ichor.report.plain_table import frame, value
from ichor.report.study_frames import VERDICTS

TESTS = {
    "student_t": "t",
    "welch_t": "t, Welch",
    "mann_whitney": "Mann-Whitney",
    "chi_square": "χ²",
    "fisher_exact": "Fisher",
    "fisher_freeman_halton": "Fisher",
}


def by_outcome(table: pd.DataFrame) -> dict | None:
    """Patients without and with the outcome."""
    rows = []
    for row in table.to_dict("records"):
        test = "" if numbers.missing(row["test"]) else TESTS.get(row["test"], names.words(row["test"]))
        missing = row["missing"]
        rows.append(
            [
                _variable(row["variable"], row["level"], row["unit"]),
                *(row[name] or numbers.DASH for name in ("all", "without", "with")),
                numbers.count(missing) if not numbers.missing(missing) else "",
                test,
                numbers.p_value(row["p"]) if test else "",
            ]
        )
    return frame(["Variable", "All", "Without", "With", "Unknown", "Test", "p"], rows, ("Unknown",))


def _variable(name: str, level: object, unit: object = None) -> str:
    points = str(name).removesuffix("_points")
    if points != name:
        return f"{_score(points)}, per point"
    said = names.variable(name)
    if not numbers.missing(level) and str(level) not in ("", "1", "1.0", "yes"):
        return f"{said}: {names.words(level).lower()}"
    return said if numbers.missing(unit) or not unit else f"{said}, {unit}"


def _score(name: str) -> str:
    return names.MODELS.get(name) or names.MODELS.get(f"{name}_score") or names.words(name)


def odds_ratios(alone: pd.DataFrame, together: pd.DataFrame) -> dict | None:
    """Univariable and multivariable odds ratios side by side."""
    if alone.empty:
        return None
    key = ["feature", "level"]
    other = {}
    if len(together):
        filled = together.assign(level=together["level"].map(_text))
        other = {tuple(row[name] for name in key): row for row in filled.to_dict("records")}
    rows = []
    for row in alone.to_dict("records"):
        both = other.get((row["feature"], _text(row["level"])))
        cells: list = [_variable(row["feature"], row["level"]), row["per"], _ratio(row)]
        cells += [numbers.p_value(row["p"]), f"{numbers.count(row['n'])} / {numbers.count(row['events'])}"]
        cells += [_ratio(both), numbers.p_value(both["p"]), numbers.plain(both["vif"], 1)] if both else ["", "", ""]
        rows.append(cells)
    size = "Patients / events"
    heads = ["Variable", "Per", "Odds ratio alone", "p", size, "Odds ratio together", "p together", "VIF"]
    return frame(heads, rows, (size, "VIF"))


def _text(level: object) -> str:
    return "" if numbers.missing(level) else str(level)


def _ratio(row: dict) -> dict:
    found = value(row["odds_ratio"], row["low"], row["high"])
    if numbers.missing(row["odds_ratio"]) and not numbers.missing(row.get("reason")):
        found["small"] = ["no finite estimate" if row["reason"] == Reason.PERFECT_PREDICTION else "not estimated"]
    return found


def rates(patients: OutcomePatients) -> list[dict]:
    """Rates by points of each score: ``score`` and ``table``."""
    out = []
    if patients.rates.empty:
        return out
    for score, own in patients.rates.groupby("score", sort=False):
        printed = own["printed_n"].notna().any()
        rows = []
        for row in own.to_dict("records"):
            cells = [str(int(row["points"])), f"{numbers.count(row['events'])} / {numbers.count(row['n'])}"]
            cells.append(value(row["rate"], row["low"], row["high"]))
            if printed:
                theirs = row["printed_events"], row["printed_n"]
                known = not numbers.missing(theirs[1])
                counts = f"{numbers.count(theirs[0])} / {numbers.count(theirs[1])}" if known else ""
                share = numbers.plain(theirs[0] / theirs[1]) if known else numbers.DASH
                cells.append({"text": share, "small": [counts] if known else [], "code": False})
            rows.append(cells)
        heads = ["Points", "With outcome / patients", "Rate"] + (["Printed by Chen et al."] if printed else [])
        out.append({"score": _score(score), "table": frame(heads, rows)})
    return out


def comparisons(rows: pd.DataFrame, labels: dict[str, str]) -> dict | None:
    """Tests of one family, a row each."""
    out = []
    for row in rows.to_dict("records"):
        where = "All together" if row["center"] == "all" else row["center"]
        cells: list = [where, labels[row["model_a"]], labels[row["model_b"]]]
        cells += [numbers.plain(row["auc_a"]), numbers.plain(row["auc_b"])]
        cells += [value(row["difference"], row["low"], row["high"]), numbers.p_value(row["p"])]
        cells += [numbers.p_value(row["p_holm"]), VERDICTS[row["verdict"]]]
        out.append([*cells, f"{numbers.count(row['n'])} / {numbers.count(row['events'])}"])
    last = "Patients / events"
    heads = ["Test patients", "A", "B", "AUC of A", "AUC of B", "A minus B", "p", "p, Holm", "What it shows", last]
    return frame(heads, out, (last,))


def printed(study: OutcomeStudy, models: dict, labels: dict[str, str]) -> dict | None:
    """Our figures and the printed ones of models like them."""
    ours = study.performance[(study.performance["cohort"] == "tested") & (study.performance["rows"] == "same")]
    ours = ours.set_index("model")
    out = []
    for model in study.models:
        for theirs in printed_of(models[model.name]) if model.name in ours.index else ():
            row = ours.loc[model.name]
            spread = numbers.interval(theirs.low, theirs.high)
            if not numbers.missing(theirs.deviation):
                spread = f"SD over folds {numbers.plain(theirs.deviation)}"
            cells: list = [labels[model.name], theirs.paper.partition(",")[0], theirs.model]
            cells.append(value(row["auc"], row["auc_low"], row["auc_high"]))
            cells.append({"text": numbers.plain(theirs.auc), "small": [spread], "code": False})
            for name in ("sensitivity", "specificity", "ppv", "npv"):
                cells.append(value(row[name], row[f"{name}_low"], row[f"{name}_high"]))
                cells.append(numbers.plain(getattr(theirs, name)))
            out.append(cells)
    heads = ["Ours", "Paper", "Theirs"]
    for name in ("AUC", "Sensitivity", "Specificity", "PPV", "NPV"):
        heads += [name, f"{name}, printed"]
    return frame(heads, out)


def seeds(study: OutcomeStudy, labels: dict[str, str]) -> dict | None:
    """Spread over seeds."""
    out = [
        [
            labels[row["model"]],
            numbers.count(row["seeds"]),
            value(row["auc"], row["auc_low"], row["auc_high"]),
            f"{numbers.plain(row['auc_mean'])}, SD {numbers.plain(row['auc_sd'], 3)}",
            numbers.interval(row["auc_least"], row["auc_most"]),
            numbers.plain(row["probability_sd"]),
            f"{numbers.count(row['n'])} / {numbers.count(row['events'])}",
        ]
        for row in study.seeds.to_dict("records")
    ]
    last = "Patients / events"
    heads = ["Model", "Networks", "AUC of their mean", "AUC of one network", "From, to", "SD of one risk", last]
    return frame(heads, out, (last,))


def own_rows(study: OutcomeStudy, labels: dict[str, str]) -> dict | None:
    """Each model on all test patients that it predicted."""
    rows = study.performance[(study.performance["cohort"] == "tested") & (study.performance["rows"] == "own")]
    out = [
        [labels[row["model"]], value(row["auc"], row["auc_low"], row["auc_high"]), _counts(row)]
        for row in rows.to_dict("records")
    ]
    return frame(["Model", "AUC", "Patients / events"], out, ("Patients / events",))


def _counts(row: dict) -> str:
    return f"{numbers.count(row['n'])} / {numbers.count(row['events'])}"


def gates(gate: pd.DataFrame, labels: dict[str, str]) -> dict | None:
    """Weight of the image by center."""
    out = [
        [
            labels.get(row["model"], row["model"]),
            names.center(row["center"]),
            {"text": numbers.plain(row["median"]), "small": [numbers.interval(row["q1"], row["q3"])], "code": False},
            numbers.count(row["n"]),
        ]
        for row in gate.to_dict("records")
    ]
    return frame(["Model", "Test patients", "Weight of the image", "Patients"], out, ("Patients",))


def ordinals(ordinal: pd.DataFrame, labels: dict[str, str]) -> dict | None:
    """Ordinal figures of multi-task networks."""
    out = [
        [
            labels.get(row["model"], row["model"]),
            {"uoc_index": "UOC index", "mae": "MAE", "rmse": "RMSE"}.get(row["quantity"], names.words(row["quantity"])),
            value(row["estimate"], row["low"], row["high"]),
            numbers.count(row["n"]),
        ]
        for row in ordinal.to_dict("records")
    ]
    return frame(["Model", "GCS group from the scan", "Estimate", "Patients"], out, ("Patients",))
