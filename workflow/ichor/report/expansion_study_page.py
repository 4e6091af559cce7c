"""The page of an expansion study: sentences first, then tables 1 and 3, the tests, and whether the risks are right."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from ichor import __version__
from ichor.disk_space import whole_file
from ichor.evaluation.expansion_study import ExpansionStudy
from ichor.evaluation.printed_expansion import SOURCE
from ichor.evaluation.study_arms import StudyModel
from ichor.report import calibration, forest, names, numbers, palette, performance, quantities, svg
from ichor.report import study_frames as frames
from ichor.report.performance import Group
from ichor.report.study_sentences import sentences
from ichor.report.templates import TEMPLATES, environment

TABLE_3 = ("auc", "accuracy", "sensitivity", "specificity", "npv", "ppv")
REACHED = ("auc", "reachable_auc", "reachable_share", "reachable_image_auc", "reachable_image_share")
WIDE, NARROW = 760.0, 356.0
PANEL_TITLE = 170.0  # pixels above a calibration curve
DEVELOPMENT = "Development patients (what the models were made from: optimistic)"


def labels_of(study: ExpansionStudy, models: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """Model -> name for people: an arm by what it does, any other model by its name in the config."""
    found = {name: names.MODELS.get(name) or names.words(name) for name in models}
    arms = {model.name: model.words for model in study.models if model.part == "arm"}
    return found | {name: words if words[:2].isupper() else names.words(words) for name, words in arms.items()}


def write_expansion_study(
    out: Path,
    study: ExpansionStudy,
    patients: pd.DataFrame,
    *,
    title: str,
    simulated: bool,
    models: Mapping[str, Mapping[str, object]],
) -> dict[str, list[str]]:
    """Write the page.

    Parameters
    ----------
    out : Path
        ``index.html``.
    study : ExpansionStudy
        Tables of the study.
    patients : DataFrame
        Of `ichor.evaluation.study_patients.study_patients`.
    title : str
        Title of the study.
    simulated : bool
        Whether the patients are simulated; page and figures say so.
    models : mapping
        Settings of the models, as the config orders them.

    Returns
    -------
    dict
        Heading -> the sentences of the page.
    """
    labels = labels_of(study, models)
    looks = _looks(study, labels, models)
    external = _groups(study)
    development = Group(DEVELOPMENT, "external", "development", study.fitted)
    said = sentences(study, labels, simulated)
    context = {
        "title": title,
        "simulated": simulated,
        "version": __version__,
        "source": SOURCE,
        "alarms": said.pop("Alarm", []),
        "findings": said,
        "tiles": _tiles(study),
        "table_one": frames.table_one(patients),
        "printed_patients": frames.printed_patients(patients),
        "forest": [
            Markup(forest.draw(forest.lines_of(external, looks), simulated=simulated, **drawn).render(css=css))
            for drawn, css in ((_forest(WIDE), "wide-only"), (_forest(NARROW), "narrow-only"))
        ],
        "table_3": performance.table([development, *external], looks, TABLE_3),
        "printed": frames.printed(study.table_3, labels),
        "comparisons": {
            family: frames.comparisons(study.comparisons[study.comparisons["family"] == family], labels)
            for family in ("arms", "floors")
        },
        "calibration": frames.calibration(study.calibration, labels),
        "panels": _panels(study, looks, simulated),
        "reached": performance.table(external, looks, REACHED) if simulated else None,
        "glossary": [quantities.quantity(name) for name in (*TABLE_3, *frames.CALIBRATED)],
        "css": Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        "svg_css": Markup(svg.RULES),
        "js": Markup((TEMPLATES / "page.js").read_text(encoding="utf-8")),
    }
    text = environment().get_template("expansion_study.html.j2").render(context)
    with whole_file(out) as part:
        part.write_text(text.lstrip(), encoding="utf-8", newline="\n")
    return ({"Alarm": context["alarms"]} if context["alarms"] else {}) | said


def _looks(study: ExpansionStudy, labels: dict[str, str], models: Mapping) -> dict:
    metrics = study.metrics[study.metrics["model"].isin([model.name for model in study.models])]
    order = {
        model.name: {"kind": _drawn_as(model), "label": labels[model.name]} for model in study.models
    }  # arms first, floors last
    return palette.looks(metrics, {"expansion": order})


def _drawn_as(model: StudyModel) -> str:
    return "volume" if model.part == "floor" else "vit"  # open symbols and dashes, or full ones


def _forest(width: float) -> dict:
    return {"title": "AUC by arm and center", "axis": "AUC with 95 % interval (dashed: chance)", "width": width}


def _groups(study: ExpansionStudy) -> list[Group]:
    """External patients together and by center."""
    own = study.metrics[~study.metrics["model"].str.contains("|", regex=False)]
    rows = own[~own["center"].isin(["pooled", "next"])]
    cohorts = study.table_3[study.table_3["cohort"] != "development"].drop_duplicates("cohort", keep="first")
    places = sorted(zip(cohorts["cohort"], cohorts["center"], strict=True))  # "external" before "external 1"
    return [
        Group(
            "All external patients" if center == "all" else f"{cohort.capitalize()}: {center}",
            "external",
            center,
            rows[rows["center"] == center],
        )
        for cohort, center in places
    ]


def _tiles(study: ExpansionStudy) -> list[dict]:
    whole = study.table_3.drop_duplicates("cohort").set_index("cohort")
    tiles = [
        ("Development patients", numbers.count(whole.loc["development", "n"]) if "development" in whole.index else "–"),
        ("External patients", numbers.count(whole.loc["external", "n"])),
        ("with expansion", numbers.count(whole.loc["external", "events"])),
        ("External centers", numbers.count(sum(name.startswith("external ") for name in whole.index))),
        ("Arms", numbers.count(sum(model.part == "arm" for model in study.models))),
        ("Other models", numbers.count(sum(model.part != "arm" for model in study.models))),
    ]
    return [{"name": name, "value": value} for name, value in tiles]


def _panels(study: ExpansionStudy, looks: dict, simulated: bool) -> list[Markup]:
    """Calibration of each arm on all external patients; beside it, where it was corrected, what it was without."""
    curves = study.curves[study.curves["center"] == "all"]
    found = []
    for model in (model for model in study.models if model.part == "arm"):
        look = looks["expansion", model.name]
        second = next((name for name in curves["model"].unique() if name.startswith(f"{model.name}|")), None)
        other = {"without": "not corrected", "with": "corrected"}.get(second.partition("|")[2]) if second else None
        label = look.label if svg.text_width(look.label) < PANEL_TITLE else names.words(model.arm)
        shown = [(model.name, label)] + ([(second, f"The same, {other}")] if second else [])
        for name, title in shown:
            own = curves[curves["model"] == name]
            grouped, smooth = (own[own["curve"] == kind] for kind in ("calibration", "calibration_smooth"))
            if len(grouped) or len(smooth):
                found.append(Markup(calibration.draw(grouped, smooth, look, title=title, simulated=simulated).render()))
    return found


def write_findings(said: Mapping[str, list[str]], out: Path, simulated: bool) -> None:
    """Write the page's sentences as plain text."""
    lines = (
        ["Simulated patients: no number here says anything about a real person or hospital.", ""] if simulated else []
    )
    for heading, found in said.items():
        lines += [heading, *(f"  {line}" for line in found), ""]
    with whole_file(out) as part:
        part.write_text("\n".join(lines), encoding="utf-8", newline="\n")
