"""The page of a trajectory study: sentences, then models over all visits and by visit, tests, calibration."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from ichor import __version__
from ichor.disk_space import whole_file
from ichor.evaluation.study_comparisons import FEWEST
from ichor.evaluation.trajectory_study import ALL, FEWEST_AT_STEP, TrajectoryStudy
from ichor.evaluation.visit_measures import TASK
from ichor.report import calibration, names, numbers, palette, performance, quantities, roc, svg, utility
from ichor.report.outcome_frames import frame, value
from ichor.report.performance import Group
from ichor.report.study_frames import VERDICTS
from ichor.report.templates import TEMPLATES, environment
from ichor.report.trajectory_study_sentences import sentences

RANKED = ("auc", "auprc", "balanced_accuracy", "accuracy", "sensitivity", "ppv", "f1", "specificity", "npv")
CALIBRATED = ("observed_expected", "calibration_intercept", "calibration_slope", "brier")
WEIGHTED = ("auc_ipcw", "brier_ipcw", "observed_expected_ipcw", "prevalence_ipcw")
BY_VISIT = ("auc", "auprc", "brier", "observed_expected")
UNITS = {"h": "hours", "d": "days"}


class VisitGroup(Group):
    """Visits in the place of patients."""

    @property
    def size(self) -> str:
        """Visits, and those that are followed by the event in time."""
        row = self.rows[self.rows["quantity"] == "auc"].iloc[0]
        return f"{numbers.count(row['n'])} visits with a known outcome, {numbers.count(row['events'])} before the event"


def write_trajectory_study(
    out: Path, study: TrajectoryStudy, *, title: str, models: Mapping[str, Mapping], settings: Mapping[str, object]
) -> list[str]:
    """Write the page, and return its sentences.

    Parameters
    ----------
    out : Path
        ``index.html``.
    study : TrajectoryStudy
        What was found.
    title : str
        Title of the study.
    models : mapping
        Complete settings of the models.
    settings : mapping
        ``trajectory_study`` of the config.
    """
    labels = {name: names.MODELS.get(name) or names.words(name) for name in models}
    looks = palette.looks(study.metrics, {TASK: {name: {**models[name], "label": labels[name]} for name in models}})
    said = sentences(study, labels, models)
    whole, *steps = _groups(study)
    aucs = whole.rows[whole.rows["quantity"] == "auc"].set_index("model")["estimate"]
    event = f"{settings['ended']}: {', '.join(str(found) for found in settings['events'])}"
    curves = study.curves
    context = {
        "title": title,
        "event": event,
        "horizon": f"{settings['horizon']:g} {UNITS[settings['unit']]}",
        "version": __version__,
        "findings": said,
        "folds": settings["folds"],
        "repeats": settings["repeats"],
        "inner_folds": settings["inner_folds"],
        "tiles": _tiles(study),
        "roc": Markup(
            roc.draw(
                curves[curves["curve"] == "roc"], looks, {name: numbers.plain(aucs[name]) for name in aucs.index},
                title="All visits", simulated=False, side=400,
            ).render()
        ),
        "benefit": Markup(utility.draw(curves, looks, title="All visits", simulated=False, width=400).render()),
        "legend": list(looks.values()),
        "ranked": performance.table([whole], looks, RANKED),
        "calibrated": performance.table([whole], looks, CALIBRATED),
        "weighted": performance.table([whole], looks, WEIGHTED),
        "by_visit": performance.table(steps, looks, BY_VISIT),
        "fewest": FEWEST_AT_STEP,
        "panels": _panels(study, looks),
        "tests": _tests(study, labels),
        "repeats_table": _repeats(study, labels),
        "columns": _columns(settings),
        "glossary": [quantities.quantity(name) for name in (*RANKED, *CALIBRATED, *WEIGHTED)],
        "css": Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        "svg_css": Markup(svg.RULES),
        "js": Markup((TEMPLATES / "page.js").read_text(encoding="utf-8")),
    }  # fmt: skip
    text = environment().get_template("trajectory_study.html.j2").render(context)
    with whole_file(out) as part:
        part.write_text(text.lstrip(), encoding="utf-8", newline="\n")
    return said


def _groups(study: TrajectoryStudy) -> list[Group]:
    """All visits together, then each visit that has a line of its own."""
    out = []
    for step in study.metrics["step"].drop_duplicates():
        rows = study.metrics[study.metrics["step"] == step].drop(columns="step")
        heading = "All visits" if step == ALL else f"Visit {step.removeprefix('visit')}"
        out.append(VisitGroup(heading, "cv", "all", rows))
    return out


def _tiles(study: TrajectoryStudy) -> list[dict]:
    counts = study.counts
    tiles = [
        ("Patients", counts["patients"]),
        ("with the event", counts["events"]),
        ("Visits", counts["visits"]),
        ("with a known outcome", counts["known"]),
        ("of these before the event", counts["visit_events"]),
    ]
    return [{"name": name, "value": numbers.count(found)} for name, found in tiles]


def _tests(study: TrajectoryStudy, labels: dict[str, str]) -> list[dict]:
    titles = {
        "networks": "Each network against each other model. Adjusted by Holm for the comparisons of a network.",
        "among_networks": "Networks among themselves. Adjusted by Holm for this table.",
        "among_others": "The other models among themselves. Adjusted by Holm for this table.",
    }
    size = "Visits / patients / with the event"
    heads = ["A", "B", "AUC of A", "AUC of B", "A minus B", "p", "p, Holm", "What it shows", "Brier, A minus B", size]
    out = []
    for family, title in titles.items():
        rows = []
        for row in study.comparisons[study.comparisons["family"] == family].to_dict("records"):
            cells: list = [labels[row["model_a"]], labels[row["model_b"]], numbers.plain(row["auc_a"], 3)]
            cells += [numbers.plain(row["auc_b"], 3), value(row["difference"], row["low"], row["high"], 3)]
            cells += [numbers.p_value(row["p"]), numbers.p_value(row["p_holm"]), VERDICTS[row["verdict"]]]
            cells.append(value(row["brier_difference"], row["brier_low"], row["brier_high"], 4))
            cells.append(" / ".join(numbers.count(row[name]) for name in ("visits", "patients", "events")))
            rows.append(cells)
        if rows:
            note = (
                f" A verdict needs {FEWEST} patients of either outcome. A Brier score below 0 in the difference is A’s."
            )
            out.append({"title": title + note, "table": frame(heads, rows, (size,))})
    return out


def _repeats(study: TrajectoryStudy, labels: dict[str, str]) -> dict | None:
    rows = [
        [
            labels[row["model"]],
            numbers.count(row["repeats"]),
            f"{numbers.plain(row['auc_mean'], 3)}, SD {numbers.plain(row['auc_sd'], 3)}",
            numbers.interval(row["auc_least"], row["auc_most"], 3),
        ]
        for row in study.repeats.to_dict("records")
    ]
    return frame(["Model", "Repeats", "AUC of one repeat", "From, to"], rows, ("Repeats",))


def _columns(settings: Mapping[str, object]) -> dict | None:
    read = {"visit": "last known value at the visit", "patient": "of the patient"}
    rows = [
        [name, column["type"], read[column["of"]], "natural logarithm" if column.get("log") else "as it is"]
        for name, column in settings["columns"].items()
    ]
    return frame(["Column", "Holds", "Known", "Read"], rows)


def _panels(study: TrajectoryStudy, looks: dict) -> list[Markup]:
    found = []
    for (_, model), look in looks.items():
        own = study.curves[study.curves["model"] == model]
        grouped, smooth = (own[own["curve"] == kind] for kind in ("calibration", "calibration_smooth"))
        if len(grouped):
            found.append(Markup(calibration.draw(grouped, smooth, look, title=look.label, simulated=False).render()))
    return found


def write_findings(said: list[str], out: Path) -> None:
    """Write the page's sentences as plain text."""
    with whole_file(out) as part:
        part.write_text("\n".join([*said, ""]), encoding="utf-8", newline="\n")


def write_tables(study: TrajectoryStudy, paths: Mapping[str, str]) -> None:
    """Write ``performance`` (a row per visit, model and quantity), ``comparisons`` and ``repeats`` as TSV."""
    columns = ["step", "model", "quantity", "estimate", "low", "high", "n", "events", "reason"]
    found = {
        "performance": study.metrics[columns],
        "comparisons": study.comparisons,
        "repeats": study.repeats,
    }
    for name, path in paths.items():
        table: pd.DataFrame = found[name]
        table.to_csv(path, sep="\t", index=False, float_format="%.6g", lineterminator="\n")
