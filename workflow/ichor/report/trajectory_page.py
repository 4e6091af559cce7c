"""The page of the time courses: who is at risk at each step, what each model knows by then, and what weights change."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from ichor import __version__
from ichor.disk_space import whole_file
from ichor.report import calibration, names, numbers, palette, performance, quantities, svg, utility
from ichor.report import trajectory_frames as frames
from ichor.report.step_figures import draw_by_step
from ichor.report.templates import TEMPLATES, anchor, environment
from ichor.report.trajectory_sentences import contradicting, of_target

WIDE, NARROW = 620.0, 270.0  # pixels: plot areas on a desk and on a phone
GLOSSARY = (*frames.PAPER, *frames.CALIBRATED, "auc_change", "auc_ipcw", "prevalence_ipcw", "reachable_share")


def write_trajectory(
    out: Path,
    *,
    title: str,
    simulated: bool,
    performance_by_step: pd.DataFrame,
    counts: pd.DataFrame,
    contradictions: pd.DataFrame,
    comparisons: pd.DataFrame,
    curves: pd.DataFrame,
    models: Mapping[str, Mapping],
    explained: Mapping[str, str] | None = None,
) -> dict[str, list[str]]:
    """Write the page, and return its sentences by heading.

    Parameters
    ----------
    out : Path
        ``index.html``.
    title : str
        Title of the study.
    simulated : bool
        Whether to stamp page and figures.
    performance_by_step, counts, contradictions : DataFrame
        Tables ``trajectory_performance``, ``trajectory_counts`` and ``contradictions``.
    comparisons, curves : DataFrame
        Tables of the evaluation; rows of other tasks are left out.
    models : mapping
        Config entries of the task's models.
    explained : mapping, optional
        Name -> page that explains a model, relative to `out`.
    """
    looks = palette.looks(
        pd.DataFrame({"task": names.COURSES, "model": performance_by_step["model"].drop_duplicates()}),
        {names.COURSES: models},
    )
    schemes = [
        _scheme(split, performance_by_step, counts, contradictions, comparisons, curves, looks, simulated)
        for split in shown_splits(performance_by_step)
    ]
    first = schemes[0] if schemes else {"findings": {}}
    present = set(performance_by_step["quantity"])
    context = {
        "title": title,
        "simulated": simulated,
        "version": __version__,
        "schemes": schemes,
        "findings": first["findings"],
        "looks": list(looks.values()),
        "tiles": _tiles(schemes[0]["split"], performance_by_step, counts, looks) if schemes else [],
        "explained": dict(explained or {}),
        "glossary": [quantities.quantity(name) for name in dict.fromkeys(GLOSSARY) if name in present],
        "css": Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        "svg_css": Markup(svg.RULES),
        "js": Markup((TEMPLATES / "page.js").read_text(encoding="utf-8")),
    }
    text = environment().get_template("trajectory.html.j2").render(context)
    with whole_file(out) as part:
        part.write_text(text.lstrip(), encoding="utf-8", newline="\n")
    return first["findings"]


def shown_splits(rows: pd.DataFrame) -> list[str]:
    """One split per scheme, external first: the scheme itself where its parts were put together, else its first."""
    found: dict[str, list[str]] = {}
    for split in rows["split"].drop_duplicates():
        found.setdefault(performance.scheme(split), []).append(split)
    ordered = sorted(found, key=names.split_order)
    return [name if name in found[name] else min(found[name], key=names.split_order) for name in ordered]


def _scheme(
    split: str,
    rows: pd.DataFrame,
    counts: pd.DataFrame,
    contradictions: pd.DataFrame,
    comparisons: pd.DataFrame,
    curves: pd.DataFrame,
    looks: dict,
    simulated: bool,
) -> dict:
    own = rows[rows["split"] == split].assign(task=names.COURSES)
    counted = counts_of(counts, split)
    pairs = comparisons[
        (comparisons["task"] == names.COURSES) & (comparisons["split"] == split) & (comparisons["center"] == "all")
    ]
    points = curves[(curves["task"] == names.COURSES) & (curves["split"] == split) & (curves["center"] == "all")]
    clashes = counts_of(contradictions, split)
    targets = [
        _target(target, own[own["target"] == target], counted, pairs, points, looks, simulated)
        for target in frames.target_order(own)
    ]
    findings = {target["heading"]: target["sentences"] for target in targets}
    said = contradicting(clashes, looks)
    heading, explanation = performance.describe(performance.scheme(split))
    return {
        "split": split,
        "heading": heading,
        "explanation": explanation,
        "targets": targets,
        "at_risk": frames.at_risk(counted),
        "contradictions": frames.contradictions(clashes, looks),
        "contradicting": said,
        "findings": findings | ({"Answers that contradict each other": said} if said else {}),
    }


def counts_of(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """Rows of a split; a scheme that was put together has the rows of all its parts, added up by step."""
    own = table[table["split"] == split]
    if len(own) or split not in ("loco", "cv"):
        return own
    parts = table[table["split"].str.startswith(f"{split}-")]
    if parts.empty:
        return parts
    keys = [name for name in ("target", "implied", "model", "step") if name in table]
    rules = {name: "sum" for name in parts.columns.difference([*keys, "split"])}
    rules |= {
        name: how for name, how in (("position", "min"), ("time_h", "median"), ("largest", "max")) if name in rules
    }
    return parts.groupby(keys, sort=False, as_index=False).agg(rules).assign(split=split)


def _target(
    target: str,
    rows: pd.DataFrame,
    counts: pd.DataFrame,
    comparisons: pd.DataFrame,
    curves: pd.DataFrame,
    looks: dict,
    simulated: bool,
) -> dict:
    steps = list(rows.sort_values("position")["step"].drop_duplicates())
    heading = names.event(target)
    heading = heading.removeprefix("a ")
    heading = heading[:1].upper() + heading[1:]
    pairs = comparisons[comparisons["target"] == f"{target}@{steps[-1]}"]
    pairs = pairs.loc[[_with_network(row, looks) for row in pairs.itertuples()]]
    return {
        "id": anchor(target),
        "heading": heading,
        "sentences": of_target(rows, comparisons, counts[counts["target"] == target], looks),
        "figure": _by_step_figure(rows, steps, looks, heading, simulated),
        "tables": frames.tables_of(rows, looks),
        "last": names.step(steps[-1]),
        "comparisons": performance.comparisons(pairs, looks)["models"],
        "steps": [
            _curves(step, curves[curves["target"] == f"{target}@{step}"], looks, simulated) for step in steps[::-1]
        ],
    }


def _by_step_figure(rows: pd.DataFrame, steps: list[str], looks: dict, heading: str, simulated: bool) -> Markup:
    """The figure twice: for a desk and for a phone, of which the page shows one."""
    aucs = rows[rows["quantity"] == "auc"]
    drawn = {
        css: draw_by_step(aucs, steps, looks, title=heading, simulated=simulated, width=width)
        for css, width in (("wide-only", WIDE), ("narrow-only", NARROW))
    }
    return Markup("".join(canvas.render(css=css) for css, canvas in drawn.items()))


def _with_network(row, looks: dict) -> bool:
    found = [looks.get((names.COURSES, model)) for model in (row.model_a, row.model_b)]
    return any(look is not None and look.network for look in found)


def _curves(step: str, curves: pd.DataFrame, looks: dict, simulated: bool) -> dict:
    """Calibration and decision curves of one step."""
    panels = []
    for (_, model), look in looks.items():
        own = curves[curves["model"] == model]
        grouped, smooth = (own[own["curve"] == kind] for kind in ("calibration", "calibration_smooth"))
        if len(grouped):
            panels.append(
                Markup(calibration.draw(grouped, smooth, look, title=look.label, simulated=simulated).render())
            )
    benefit = curves[curves["curve"].isin(["net_benefit", "net_benefit_treat_all"])]
    drawn = (
        utility.draw(benefit, looks, title=names.step(step), simulated=simulated, width=560) if len(benefit) else None
    )
    return {"step": names.step(step), "panels": panels, "utility": Markup(drawn.render()) if drawn else ""}


def _tiles(split: str, rows: pd.DataFrame, counts: pd.DataFrame, looks: dict) -> list[dict]:
    counted = counts_of(counts, split)
    first = counted.sort_values("position").iloc[0] if len(counted) else None
    tiles = [
        ("Test patients", numbers.DASH if first is None else numbers.count(first["patients"])),
        ("Steps", numbers.count(rows["step"].nunique())),
        ("Questions", numbers.count(rows["target"].nunique())),
        ("Models", numbers.count(len(looks))),
    ]
    return [{"name": name, "value": found} for name, found in tiles]


def write_findings(said: Mapping[str, list[str]], out: Path) -> None:
    """Write the page's sentences as plain text."""
    lines = [text for heading, found in said.items() for text in (heading, *found, "")]
    with whole_file(out) as part:
        part.write_text("\n".join(lines), encoding="utf-8", newline="\n")
