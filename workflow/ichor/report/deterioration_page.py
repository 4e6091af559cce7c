"""The page of deterioration: arms, early and late, groups of risk, subgroups, scores over the days."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from ichor import __version__
from ichor.disk_space import whole_file
from ichor.evaluation.deterioration_study import EARLY, LATE, TASK, WHOLE, DeteriorationStudy
from ichor.report import calibration, names, numbers, palette, performance, quantities, roc, svg, task_figures, utility
from ichor.report.deterioration_frames import DECIDED, RANKED, tables_of
from ichor.report.deterioration_sentences import sentences
from ichor.report.risk_group_figures import draw_events, draw_scores
from ichor.report.shap_summary import shap_summary
from ichor.report.templates import TEMPLATES, environment

NOTHING = (
    "No model predicts a held-out patient: nobody has a label of deterioration, or too few have one to fit anything. "
    "The reasons are counted in results/status.tsv and in the report."
)
CONTENTS = (
    ("findings", "What is shown"),
    ("performance", "Performance"),
    ("arms", "Record, report, both"),
    ("parts", "Early and late"),
    ("groups", "Groups of risk"),
    ("subgroups", "Subgroups"),
    ("glossary", "How to read it"),
)


def write_deterioration(
    out: Path,
    study: DeteriorationStudy | None,
    *,
    title: str,
    simulated: bool,
    metrics: pd.DataFrame,
    curves: pd.DataFrame,
    models: Mapping[str, Mapping],
    rule: Mapping,
    explained: Mapping[str, str] | None = None,
    shap: pd.DataFrame | None = None,
) -> dict[str, list[str]]:
    """Write the page, and return its sentences by heading.

    Parameters
    ----------
    out : Path
        ``index.html``.
    study : DeteriorationStudy, optional
        Results of the held-out patients; without, the page says that there are none.
    title : str
        Title of the study.
    simulated : bool
        Whether to stamp page and figures.
    metrics, curves : DataFrame
        Tables of the evaluation; rows of other tasks, targets and splits are left out.
    models : mapping
        Config entries of the task's models.
    rule : mapping
        ``cohort.deterioration`` of the config.
    explained : mapping, optional
        Name -> page that explains a model, relative to `out`.
    shap : DataFrame, optional
        Table ``shap`` of the models of the record.
    """
    if study is None:
        said, own = {"Nothing to show": [NOTHING]}, {"contents": CONTENTS[:1], "nothing": NOTHING, "tiles": []}
    else:
        said, own = _content(study, metrics, curves, models, rule, simulated, shap)
    context = own | {
        "title": title,
        "simulated": simulated,
        "version": __version__,
        "definition": definition(rule),
        "explained": dict(explained or {}),
        "css": Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        "svg_css": Markup(svg.RULES),
        "js": Markup((TEMPLATES / "page.js").read_text(encoding="utf-8")),
    }
    text = environment().get_template("deterioration.html.j2").render(context)
    with whole_file(out) as part:
        part.write_text(text.lstrip(), encoding="utf-8", newline="\n")
    return said


def _content(
    study: DeteriorationStudy,
    metrics: pd.DataFrame,
    curves: pd.DataFrame,
    models: Mapping[str, Mapping],
    rule: Mapping,
    simulated: bool,
    shap: pd.DataFrame | None,
) -> tuple[dict[str, list[str]], dict]:
    """Sentences, and what the template needs of the results."""
    metrics, curves = (_of_study(table, study.split) for table in (metrics, curves))
    looks = palette.looks(pd.DataFrame({"task": TASK, "model": list(study.arms)}), {TASK: models})
    labels = {model: look.label for (_, model), look in looks.items()}
    said = sentences(study, labels, metrics[metrics["center"] == "all"], rule["early_h"], rule["window_h"])
    heading, explanation = performance.describe(performance.scheme(study.split))
    return said, {
        "nothing": "",
        "contents": CONTENTS,
        "findings": said,
        "scheme": heading,
        "explanation": explanation,
        "shown": labels[study.model],
        "looks": list(looks.values()),
        "tiles": _tiles(study, looks),
        "shap": None if shap is None else shap_summary(shap, study.split, labels),
        "figures": _figures(study, curves, metrics, looks, rule, simulated),
        "tables": tables_of(study, metrics, looks, labels, rule),
        "glossary": [quantities.quantity(name) for name in (*RANKED, *DECIDED) if name in set(metrics["quantity"])],
    }


def definition(rule: Mapping) -> str:
    """The configured definition in words."""
    from_name = {
        "ich": "NIHSS 4 points or more above, or GCS 2 points or more below, the score at admission",
        "ischemic": "NIHSS 2 points or more, or its motor part 1 point or more, above the score at admission",
    }
    chosen = rule["definition"]
    words = from_name.get(chosen) if isinstance(chosen, str) else None
    if words is None:
        parts = [f"{names.variable(name)} worse by {points:g} or more" for name, points in chosen.items()]
        words = f"{' or '.join(parts)} than at admission"
    dead = ", or death" if rule["death_counts"] else ""
    return f"{words}{dead}, after the baseline scan and within {rule['window_h']:g} h of onset"


def _of_study(table: pd.DataFrame, split: str) -> pd.DataFrame:
    return table[(table["task"] == TASK) & (table["target"] == WHOLE) & (table["split"] == split)]


def _tiles(study: DeteriorationStudy, looks: dict) -> list[dict]:
    n, events = study.labels.get(WHOLE, (0, 0))
    early, late = (study.labels.get(target, (0, 0))[1] for target in (EARLY, LATE))
    tiles = [
        ("Held-out patients", numbers.count(n)),
        ("Deteriorated", f"{numbers.count(events)} ({numbers.percent(events, n)})"),
        ("Early, late", f"{numbers.count(early)}, {numbers.count(late)}"),
        ("Models", numbers.count(len(looks))),
    ]
    return [{"name": name, "value": found} for name, found in tiles]


def _figures(study: DeteriorationStudy, curves: pd.DataFrame, metrics: pd.DataFrame, looks, rule, simulated) -> dict:
    points = curves[curves["center"] == "all"]
    group = performance.Group("All held-out patients", study.split, "all", metrics[metrics["center"] == "all"])
    receiver = points[points["curve"] == "roc"]
    drawn = {"roc": "", "events": "", "scores": "", "utility": "", "calibration": []}
    if len(receiver):
        drawn["roc"] = _svg(roc.draw(receiver, looks, task_figures.aucs(group), title="ROC", simulated=simulated))
    for (_, model), look in looks.items():
        own = points[points["model"] == model]
        grouped, smooth = (own[own["curve"] == kind] for kind in ("calibration", "calibration_smooth"))
        if len(grouped):
            panel = calibration.draw(grouped, smooth, look, title=look.label, simulated=simulated)
            drawn["calibration"].append(_svg(panel))
    benefit = points[points["curve"].isin(["net_benefit", "net_benefit_treat_all"])]
    if len(benefit):
        drawn["utility"] = _svg(utility.draw(benefit, looks, title="Decision curves", simulated=simulated, width=560))
    if len(study.curves):
        drawn["events"] = _svg(events_figure(study.curves, rule, simulated))
    if len(study.scores):
        drawn["scores"] = _svg(
            draw_scores(study.scores, name="NIHSS", title="NIHSS by group of risk", simulated=simulated)
        )
    return drawn


def events_figure(curves: pd.DataFrame, rule: Mapping, simulated: bool) -> svg.Canvas:
    """Kaplan-Meier figure of the groups of risk."""
    return draw_events(
        curves,
        window_h=float(rule["window_h"]),
        early_h=float(rule["early_h"]),
        title="Deterioration by group of risk",
        simulated=simulated,
    )


def _svg(canvas: svg.Canvas) -> Markup:
    return Markup(canvas.render())


def write_findings(said: Mapping[str, list[str]], out: Path) -> None:
    """Write the page's sentences as plain text."""
    lines = [text for heading, found in said.items() for text in (heading, *found, "")]
    with whole_file(out) as part:
        part.write_text("\n".join(lines), encoding="utf-8", newline="\n")
