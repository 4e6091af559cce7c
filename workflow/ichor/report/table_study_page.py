"""The page of a table study: sentences, then models and scores, tests, calibration, and what the table holds."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from ichor import __version__
from ichor.cohort.own_table import LABEL
from ichor.disk_space import whole_file
from ichor.evaluation.study_comparisons import FEWEST
from ichor.evaluation.table_study import NO_GAIN, TableStudy
from ichor.report import calibration, names, numbers, palette, performance, quantities, roc, svg
from ichor.report.outcome_frames import frame, value
from ichor.report.performance import Group
from ichor.report.study_frames import VERDICTS
from ichor.report.study_sentences import difference, estimate, too_few
from ichor.report.templates import TEMPLATES, environment

RANKED = ("auc", "auprc", "sensitivity", "specificity", "ppv", "npv", "accuracy")
CALIBRATED = ("observed_expected", "calibration_intercept", "calibration_slope", "brier")


def write_table_study(
    out: Path,
    study: TableStudy,
    *,
    title: str,
    event: str,
    models: Mapping[str, Mapping],
    settings: Mapping[str, object],
) -> list[str]:
    """Write the page, and return its sentences.

    Parameters
    ----------
    out : Path
        ``index.html``.
    study : TableStudy
        What was found.
    title, event : str
        Title of the study, and what the event is, in words.
    models : mapping
        Config entries of the models.
    settings : mapping
        ``folds repeats inner_folds columns scores`` of ``table_study``.
    """
    labels = labels_of(models, settings["scores"])
    looks = _looks(study, labels, models)
    said = sentences(study, labels, settings)
    group = Group("All patients", "cv", "all", study.metrics)
    curves = study.curves[study.curves["curve"] == "roc"]
    aucs = study.metrics[study.metrics["quantity"] == "auc"].set_index("model")["estimate"]
    context = {
        "title": title,
        "event": event,
        "version": __version__,
        "findings": said,
        "folds": settings["folds"],
        "repeats": settings["repeats"],
        "tiles": _tiles(study, event),
        "roc": Markup(
            roc.draw(
                curves, looks, {name: numbers.plain(aucs[name]) for name in aucs.index}, title="All models and scores",
                simulated=False, side=400,
            ).render()
        ),
        "legend": list(looks.values()),
        "ranked": performance.table([group], looks, RANKED),
        "calibrated": performance.table([group], looks, CALIBRATED),
        "panels": _panels(study, looks),
        "tests": _tests(study, labels),
        "repeats_table": _repeats(study, labels),
        "choices": _choices(study, labels),
        "columns": _columns(study, settings),
        "glossary": [quantities.quantity(name) for name in (*RANKED, *CALIBRATED)],
        "css": Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        "svg_css": Markup(svg.RULES),
        "js": Markup((TEMPLATES / "page.js").read_text(encoding="utf-8")),
    }  # fmt: skip
    text = environment().get_template("table_study.html.j2").render(context)
    with whole_file(out) as part:
        part.write_text(text.lstrip(), encoding="utf-8", newline="\n")
    return said


def labels_of(models: Mapping[str, Mapping], scores: Mapping[str, str]) -> dict[str, str]:
    """Model or score -> name for people; a score says that it is taken as it stands."""
    found = {name: names.MODELS.get(name) or names.words(name) for name in models}
    return found | {name: f"{column_name(name)}, as it stands" for name in scores}


def column_name(name: str) -> str:
    """Name of a user's column: as written where it says nothing to us."""
    known = names.VARIABLES.get(name) or names.ABBREVIATIONS.get(name)
    return known or name


def _looks(study: TableStudy, labels: dict[str, str], models: Mapping[str, Mapping]) -> dict:
    """Models full and solid, scores open and dashed."""
    order = {name: {"kind": "vit" if name in models else "volume", "label": labels[name]} for name in labels}
    return palette.looks(study.metrics, {"outcome": order})


def _tiles(study: TableStudy, event: str) -> list[dict]:
    events = int(study.table[LABEL].sum())
    tiles = [
        ("Patients", numbers.count(len(study.table))),
        (f"with {event}", numbers.count(events)),
        ("without", numbers.count(len(study.table) - events)),
        ("Outcome not known", numbers.count(study.left_out)),
    ]
    return [{"name": name, "value": found} for name, found in tiles]


def sentences(study: TableStudy, labels: dict[str, str], settings: Mapping[str, object]) -> list[str]:
    """What was found, in plain words."""
    aucs = study.metrics[study.metrics["quantity"] == "auc"].set_index("model")
    out = []
    rows = study.comparisons[study.comparisons["family"] == "scores"]
    first = rows["model_b"].iloc[0] if len(rows) else ""
    for row in rows[rows["model_b"] == first].to_dict("records"):
        opening = (
            f"“{labels[row['model_a']]}” {estimate(row['auc_a'], row['auc_a_low'], row['auc_a_high'])} against "
            f"“{labels[row['model_b']]}” {numbers.plain(row['auc_b'])}"
        )
        out.append(f"{opening}: {too_few(row)}." if row["verdict"] == "too_few" else f"{opening}{_verdict(row)}.")
    for score in rows["model_b"].drop_duplicates():
        out.append(_of_score(rows[rows["model_b"] == score], labels))
    if rows.empty and len(aucs):
        best = aucs["estimate"].idxmax()
        largest = estimate(*aucs.loc[best, ["estimate", "low", "high"]])
        out.append(f"“{labels[best]}” has the largest AUC, {largest}; it was picked among all on these patients.")
    slopes = study.metrics[study.metrics["quantity"] == "calibration_slope"]
    for row in slopes.to_dict("records"):
        if numbers.missing(row["low"]):
            continue
        if row["high"] < 1:
            out.append(f"Risks of “{labels[row['model']]}” are too extreme: calibration slope {_slope(row)}.")
        elif row["low"] > 1:
            out.append(f"Risks of “{labels[row['model']]}” are too timid: calibration slope {_slope(row)}.")
    gone = {name: n for name, n in study.absent.items() if n}
    if gone:
        said = ", ".join(f"{labels[name]} {numbers.count(n)}" for name, n in gone.items())
        out.append(f"Patients without an answer: {said}; comparisons are of patients who have both answers.")
    late = [name for name, column in settings["columns"].items() if column.get("known") == "later"]
    if late:
        out.append(f"Known only after the time of the prediction: {', '.join(late)}; a model reads it only if told to.")
    return out


def _of_score(rows: pd.DataFrame, labels: dict[str, str]) -> str:
    """Which models are shown to rank better than a score."""
    score = labels[rows["model_b"].iloc[0]]
    better = [labels[row["model_a"]] for row in rows.to_dict("records") if row["verdict"] == "gain"]
    if not better:
        return f"No model is shown to rank patients better than “{score}”."
    named = ", ".join(f"“{name}”" for name in better)
    return f"Shown to rank patients better than “{score}”: {named}."


def _slope(row: dict) -> str:
    return estimate(row["estimate"], row["low"], row["high"])


def _verdict(row: dict) -> str:
    ends = {
        "gain": "the model ranks better",
        "harm": "the model ranks worse",
        "undecided": f"no difference is shown; a gain of {numbers.plain(NO_GAIN)} is not excluded either",
        "none": f"no difference is shown, and a gain of {numbers.plain(NO_GAIN)} is unlikely",
    }
    return f"; difference {difference(row)}: {ends[row['verdict']]}"


def _tests(study: TableStudy, labels: dict[str, str]) -> list[dict]:
    titles = {
        "scores": "Each model against each score. DeLong’s paired test, adjusted by Holm for the models of a score.",
        "among_scores": "Scores among themselves. DeLong’s paired test, adjusted by Holm for this table.",
        "among_models": "Models among themselves. DeLong’s paired test, adjusted by Holm for this table.",
    }
    out = []
    for family, title in titles.items():
        rows = []
        for row in study.comparisons[study.comparisons["family"] == family].to_dict("records"):
            cells: list = [labels[row["model_a"]], labels[row["model_b"]], numbers.plain(row["auc_a"])]
            cells += [numbers.plain(row["auc_b"]), value(row["difference"], row["low"], row["high"])]
            cells += [numbers.p_value(row["p"]), numbers.p_value(row["p_holm"]), VERDICTS[row["verdict"]]]
            rows.append([*cells, f"{numbers.count(row['n'])} / {numbers.count(row['events'])}"])
        size = "Patients / events"
        heads = ["A", "B", "AUC of A", "AUC of B", "A minus B", "p", "p, Holm", "What it shows", size]
        if rows:
            note = f" Not made with fewer than {FEWEST} patients of either outcome."
            out.append({"title": title + note, "table": frame(heads, rows, (size,))})
    return out


def _repeats(study: TableStudy, labels: dict[str, str]) -> dict | None:
    rows = [
        [
            labels[row["model"]],
            numbers.count(row["seeds"]),
            f"{numbers.plain(row['auc_mean'])}, SD {numbers.plain(row['auc_sd'], 3)}",
            numbers.interval(row["auc_least"], row["auc_most"]),
            value(row["auc"], row["auc_low"], row["auc_high"]),
        ]
        for row in study.repeats.to_dict("records")
    ]
    heads = ["Model", "Repeats", "AUC of one repeat", "From, to", "AUC of the mean risk"]
    return frame(heads, rows, ("Repeats",))


def _choices(study: TableStudy, labels: dict[str, str]) -> dict | None:
    rows = [[labels[row.model], row.setting, numbers.count(row.times)] for row in study.choices.itertuples()]
    return frame(["Model", "Setting", "Times chosen"], rows, ("Times chosen",))


def _columns(study: TableStudy, settings: Mapping[str, object]) -> dict | None:
    rows = []
    for name in dict.fromkeys([*settings["columns"], *settings["scores"]]):
        known = study.table[name].dropna()
        if settings["columns"].get(name, {"type": "number"})["type"] == "number" and len(known):
            q1, median, q3 = known.astype(float).quantile([0.25, 0.5, 0.75])
            text = f"{median:.4g} [{q1:.4g} to {q3:.4g}]"
        else:
            counted = known.value_counts()
            text = ", ".join(f"{level} {numbers.count(n)}" for level, n in counted.items())
        rows.append([name, text, numbers.count(len(known)), numbers.count(len(study.table) - len(known))])
    return frame(["Column", "Median [quartiles], or counts", "Known", "Unknown"], rows, ("Known", "Unknown"))


def _panels(study: TableStudy, looks: dict) -> list[Markup]:
    found = []
    for (task, model), look in looks.items():
        own = study.curves[(study.curves["task"] == task) & (study.curves["model"] == model)]
        grouped, smooth = (own[own["curve"] == kind] for kind in ("calibration", "calibration_smooth"))
        if len(grouped):
            found.append(Markup(calibration.draw(grouped, smooth, look, title=look.label, simulated=False).render()))
    return found


def write_table_findings(said: list[str], out: Path) -> None:
    """Write the page's sentences as plain text."""
    with whole_file(out) as part:
        part.write_text("\n".join([*said, ""]), encoding="utf-8", newline="\n")


def write_tables(study: TableStudy, paths: Mapping[str, str]) -> None:
    """Write ``performance`` (a row per model and quantity), ``comparisons``, ``repeats`` and ``choices`` as TSV."""
    performance_columns = ["model", "quantity", "estimate", "low", "high", "n", "events", "reason"]
    found = {
        "performance": study.metrics[performance_columns],
        "comparisons": study.comparisons,
        "repeats": study.repeats.rename(columns={"seeds": "repeats"}),
        "choices": study.choices,
    }
    for name, path in paths.items():
        table: pd.DataFrame = found[name]
        table.to_csv(path, sep="\t", index=False, float_format="%.6g", lineterminator="\n")
