"""The page of an outcome study: a part for each target, sentences first, then the papers' tables as ours."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from ichor import __version__
from ichor.disk_space import whole_file
from ichor.evaluation.outcome_results import TargetResults
from ichor.evaluation.outcome_study import OutcomeStudy
from ichor.evaluation.printed_outcome import CHEN, COBO
from ichor.report import calibration, forest, names, numbers, palette, performance, quantities, roc, svg
from ichor.report import outcome_frames as frames
from ichor.report.outcome_sentences import PARTS, label_of, sentences
from ichor.report.performance import Group
from ichor.report.templates import TEMPLATES, environment

TABLE = ("auc", "sensitivity", "specificity", "ppv", "npv", "accuracy", "auprc")
CALIBRATED = ("observed_expected", "calibration_intercept", "calibration_slope", "brier")
REACHED = ("auc", "reachable_auc", "reachable_share", "reachable_image_auc", "reachable_image_share")
WIDE, NARROW = 760.0, 356.0
SPLITS = {
    "external": "patients of centers that took no part in development",
    "loco": "patients of each development center in turn, left out of everything that is learned",
    "cv": "patients of the development centers, in folds",
}


def labels_of(results: TargetResults) -> dict[str, str]:
    """Model -> name for people."""
    found = {name: names.MODELS.get(name) or names.words(name) for name in results.models}
    return found | {model.name: label_of(model, found[model.name]) for model in results.study.models}


def write_outcome_study(
    out: Path,
    results: Sequence[TargetResults],
    *,
    title: str,
    simulated: bool,
    absent: Mapping[str, str] | None = None,
) -> dict[str, dict[str, list[str]]]:
    """Write the page.

    Parameters
    ----------
    out : Path
        ``index.html``.
    results : sequence of TargetResults
        One per target.
    title : str
        Title of the study.
    simulated : bool
        Whether the patients are simulated; page and figures say so.
    absent : mapping, optional
        Further targets -> why there is nothing to say of them.

    Returns
    -------
    dict
        Target -> heading -> the sentences of the page.
    """
    absent = absent or {}
    parts = [_part(own, simulated) for own in results]
    context = {
        "title": title,
        "simulated": simulated,
        "version": __version__,
        "papers": (CHEN, COBO),
        "parts": parts,
        "absent": {names.event(target).capitalize(): why for target, why in absent.items()},
        "glossary": [quantities.quantity(name) for name in (*TABLE, *CALIBRATED)],
        "css": Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        "svg_css": Markup(svg.RULES),
        "js": Markup((TEMPLATES / "page.js").read_text(encoding="utf-8")),
    }
    text = environment().get_template("outcome_study.html.j2").render(context)
    with whole_file(out) as part:
        part.write_text(text.lstrip(), encoding="utf-8", newline="\n")
    said = {own.study.target: part["findings"] for own, part in zip(results, parts, strict=True)}
    return said | {target: {"Nothing can be said": [why]} for target, why in absent.items()}


def _part(results: TargetResults, simulated: bool) -> dict:
    study, labels = results.study, labels_of(results)
    looks = _looks(study, labels)
    groups = _groups(study)
    lead = study.comparisons[study.comparisons["family"] == "lead"]
    pairs = study.comparisons[study.comparisons["family"] == "pairs"]
    return {
        "key": study.target,
        "heading": names.event(study.target).capitalize(),
        "tested": SPLITS.get(study.split, study.split),
        "tiles": _tiles(study),
        "findings": sentences(study, labels, simulated, results.gate, results.ordinal),
        "by_outcome": frames.by_outcome(results.patients.by_outcome),
        "odds_ratios": frames.odds_ratios(results.patients.univariable, results.patients.multivariable),
        "notes": results.patients.notes,
        "rates": frames.rates(results.patients),
        "roc": _roc(study, looks, simulated),
        "legend": list(looks.values()),
        "forest": [
            Markup(forest.draw(forest.lines_of(groups, looks), simulated=simulated, **drawn).render(css=css))
            for drawn, css in ((_forest(WIDE), "wide-only"), (_forest(NARROW), "narrow-only"))
        ],
        "performance": performance.table([_development(study), *groups], looks, TABLE),
        "printed": frames.printed(study, dict(results.models), labels),
        "own_rows": frames.own_rows(study, labels),
        "lead": frames.comparisons(lead, labels),
        "pairs": frames.comparisons(pairs, labels),
        "calibration": performance.table(groups, looks, CALIBRATED),
        "panels": _panels(study, looks, labels, simulated),
        "reached": performance.table(groups, looks, REACHED) if simulated and _known_risk(study) else None,
        "seeds": frames.seeds(study, labels),
        "gates": frames.gates(results.gate, labels),
        "ordinals": frames.ordinals(results.ordinal, labels),
    }


def _known_risk(study: OutcomeStudy) -> bool:
    rows = study.metrics[study.metrics["quantity"] == "reachable_auc"]
    return bool(rows["estimate"].notna().any())


def _looks(study: OutcomeStudy, labels: dict[str, str]) -> dict:
    drawn = {"fusion": "vit", "image": "vit", "tabular": "volume", "score": "volume"}  # full symbols, or open ones
    order = {model.name: {"kind": drawn[model.part], "label": labels[model.name]} for model in study.models}
    return palette.looks(study.metrics, {"outcome": order})


def _forest(width: float) -> dict:
    return {"title": "AUC by model and center", "axis": "AUC with 95 % interval (dashed: chance)", "width": width}


def _groups(study: OutcomeStudy) -> list[Group]:
    """Test patients together, by center, and over the centers."""
    found = []
    for center in sorted(study.metrics["center"].unique(), key=names.center_order):
        heading = "All test patients" if center == "all" else names.center(center)
        found.append(Group(heading, study.split, center, study.metrics[study.metrics["center"] == center]))
    return found


def _development(study: OutcomeStudy) -> Group:
    heading = "Development patients (what the models were made from: optimistic)"
    return Group(heading, study.split, "development", study.fitted)


def _tiles(study: OutcomeStudy) -> list[dict]:
    count = {part: sum(model.part == part for model in study.models) for part in PARTS}
    tiles = [
        ("Test patients", numbers.count(study.same["n"])),
        (f"with {names.event(study.target)}", numbers.count(study.same["events"])),
        ("Centers", numbers.count(len(set(study.metrics["center"]) - set(names.WHOLE)))),
        ("Image networks", numbers.count(count["fusion"] + count["image"])),
        ("Models of the record", numbers.count(count["tabular"])),
        ("Scores", numbers.count(count["score"])),
    ]
    return [{"name": name, "value": found} for name, found in tiles]


def _roc(study: OutcomeStudy, looks: dict, simulated: bool) -> Markup:
    whole = study.metrics[(study.metrics["center"] == "all") & (study.metrics["quantity"] == "auc")]
    said = {row.model: f"{numbers.plain(row.estimate)}" for row in whole.itertuples()}
    curves = study.curves[(study.curves["center"] == "all") & (study.curves["curve"] == "roc")]
    return Markup(roc.draw(curves, looks, said, title="All models", simulated=simulated, side=440).render())


def _panels(study: OutcomeStudy, looks: dict, labels: dict[str, str], simulated: bool) -> list[Markup]:
    """Calibration of the chosen model of each part."""
    curves = study.curves[study.curves["center"] == "all"]
    found = []
    for told in study.choice.values():
        own = curves[curves["model"] == told["model"]]
        grouped, smooth = (own[own["curve"] == kind] for kind in ("calibration", "calibration_smooth"))
        if len(grouped) or len(smooth):
            look, title = looks["outcome", told["model"]], labels[told["model"]]
            found.append(Markup(calibration.draw(grouped, smooth, look, title=title, simulated=simulated).render()))
    return found


def write_outcome_findings(said: Mapping[str, Mapping[str, list[str]]], out: Path, simulated: bool) -> None:
    """Write the page's sentences as plain text, a block for each target."""
    lines = []
    if simulated:
        lines += ["Simulated patients: no number here says anything about a real person or hospital.", ""]
    for target, findings in said.items():
        lines += [names.event(target).capitalize(), ""]
        for heading, found in findings.items():
            lines += [heading, *(f"  {line}" for line in found), ""]
    with whole_file(out) as part:
        part.write_text("\n".join(lines), encoding="utf-8", newline="\n")
