"""Tables of the expansion study's page: columns and rows as text, ready for the template."""

import pandas as pd

from ichor.report import names, numbers, quantities

CALIBRATED = ("observed_expected", "calibration_intercept", "calibration_slope", "brier")
VERDICTS = {
    "gain": "gain shown",
    "harm": "loss shown",
    "none": "no gain shown, unlikely",
    "undecided": "no gain shown, not excluded",
    "too_few": "too few to decide",
}


def table_one(patients: pd.DataFrame) -> dict | None:
    """Table 1."""
    if patients.empty:
        return None
    places = patients.drop_duplicates("cohort")
    cohorts = list(places["cohort"])
    rows = []
    for variable, level, part in _variables(patients):
        by_cohort = part.set_index("cohort")
        cells = [_variable(variable, level, part["unit"].iloc[0], part["kind"].iloc[0])]
        cells += [_described(by_cohort.loc[name]) for name in cohorts]
        cells.append("" if variable == "patients" else numbers.plain(by_cohort["standardized_difference"].iloc[-1]))
        rows.append({"cells": cells})
    heads = [
        f"{cohort.capitalize()}: {center}" if cohort.startswith("external ") else cohort.capitalize()
        for cohort, center in zip(cohorts, places["center"], strict=True)
    ]
    columns = [{"name": name, "num": number > 0} for number, name in enumerate(["Variable", *heads, "SMD"])]
    return {"columns": columns, "rows": rows}


def printed_patients(patients: pd.DataFrame) -> dict | None:
    """Table 1 as printed, beside ours."""
    cohorts = [name for name in ("development", "external 1", "external 2") if name in set(patients["cohort"])]
    rows = []
    for variable, level, part in _variables(patients):
        if not (part["printed"] != "").any():
            continue
        by_cohort = part.set_index("cohort")
        cells: list = [_variable(variable, level, part["unit"].iloc[0], part["kind"].iloc[0])]
        for name in cohorts:
            cells += [_described(by_cohort.loc[name]), by_cohort.loc[name, "printed"]]
        rows.append({"cells": cells})
    heads = ["Variable"]
    for name in cohorts:
        heads += [name.capitalize(), f"Printed: {'train' if name == 'development' else name}"]
    return {"columns": [{"name": head, "num": head != "Variable"} for head in heads], "rows": rows} if rows else None


def _variables(patients: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Variable, level (or nothing) and its rows, in the order of the table."""
    levels = patients["level"].map(lambda level: "" if numbers.missing(level) else str(level))
    grouped = patients.assign(level=levels).groupby(["variable", "level"], sort=False)
    return [(variable, level, part) for (variable, level), part in grouped]


def _variable(variable: str, level: str, unit: object, kind: str) -> str:
    if variable == "patients":
        return "Patients with a label"
    name = {"followup_iph_ml": "Parenchymal volume at follow-up"}.get(variable, names.variable(variable))
    if kind == "category" and level and level not in ("1", "1.0"):
        return f"{name}: {names.words(level).lower()}"
    return name if numbers.missing(unit) or not unit or kind == "category" else f"{name}, {unit}"


def _described(row: pd.Series) -> dict:
    """Median or number, below it quartiles or percent and how many are not known."""
    text, _, rest = str(row["text"] or numbers.DASH).partition(" [" if row["kind"] == "number" else " (")
    small = [rest.rstrip("])").replace("-", " to ")] if rest else []
    small += [f"{numbers.count(row['missing'])} unknown"] if row["missing"] else []
    return {"text": text, "small": small, "code": False}


def printed(table: pd.DataFrame, labels: dict[str, str]) -> dict | None:
    """Our figures and the printed ones of the same arm, side by side."""
    if "printed_auc" not in table or not table["printed_auc"].notna().any():
        return None
    shown = ("auc", "sensitivity", "specificity", "npv", "ppv")
    rows = []
    for row in table[table["printed_auc"].notna()].to_dict("records"):
        where = "Development / train" if row["cohort"] == "development" else f"{row['cohort'].capitalize()}"
        cells: list = [where, labels[row["model"]], f"ViT-{row['printed_arm']}"]
        for name in shown:
            ours = numbers.interval(row[f"{name}_low"], row[f"{name}_high"])
            cells.append({"text": numbers.plain(row[name]), "small": [ours] if ours else [], "code": False})
            theirs = [numbers.interval(row["printed_low"], row["printed_high"])] if name == "auc" else []
            cells.append({"text": numbers.plain(row[f"printed_{name}"]), "small": theirs, "code": False})
        rows.append({"cells": cells})
    heads = ["Patients", "Arm", "In the paper"]
    for name in shown:
        said = quantities.quantity(name).name
        heads += [said, f"{said}, printed"]
    return {"columns": [{"name": name, "num": False} for name in heads], "rows": rows}


def comparisons(frame: pd.DataFrame, labels: dict[str, str]) -> dict | None:
    """Tests of one family, a row each."""
    rows = []
    for row in frame.to_dict("records"):
        where = "All external patients" if row["center"] == "all" else f"{row['cohort'].capitalize()}: {row['center']}"
        between = numbers.interval(row["low"], row["high"])
        difference = {"text": numbers.plain(row["difference"]), "small": [between] if between else [], "code": False}
        cells = [where, labels[row["model_a"]], labels[row["model_b"]], difference]
        cells += [numbers.p_value(row["p"]), numbers.p_value(row["p_holm"]), VERDICTS[row["verdict"]]]
        rows.append({"cells": [*cells, f"{numbers.count(row['n'])} / {numbers.count(row['events'])}"]})
    if not rows:
        return None
    heads = ("Patients", "A", "B", "AUC of A minus B", "p", "p, Holm", "What it shows", "Patients / events")
    return {"columns": [{"name": name, "num": name == heads[-1]} for name in heads], "rows": rows}


def calibration(frame: pd.DataFrame, labels: dict[str, str]) -> dict | None:
    """Calibration of every model, all external patients first."""
    if frame.empty:
        return None
    rows = []
    order = frame.assign(place=frame["cohort"].map(lambda name: (name != "external", name)))
    for row in order.sort_values("place", kind="stable").to_dict("records"):
        where = "All external patients" if row["center"] == "all" else f"{row['cohort'].capitalize()}: {row['center']}"
        cells: list = [where, labels[row["model"]], row["correction"]]
        for name in CALIBRATED:
            digits = quantities.quantity(name).digits
            between = numbers.interval(row[f"{name}_low"], row[f"{name}_high"], digits)
            small = [between] if between else []
            cells.append({"text": numbers.plain(row[name], digits), "small": small, "code": False})
        rows.append({"cells": cells})
    heads = ["Patients", "Model", "Correction", *(quantities.quantity(name).name for name in CALIBRATED)]
    return {"columns": [{"name": name, "num": False} for name in heads], "rows": rows}
