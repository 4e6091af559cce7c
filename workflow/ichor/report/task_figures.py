"""All figures of one task and target, drawn from the metrics and curves tables."""

from dataclasses import dataclass, field

import pandas as pd

from ichor.report import calibration, forest, names, numbers, performance, roc, utility
from ichor.report.palette import Look
from ichor.report.svg import Canvas

WIDE, NARROW = 760.0, 356.0  # pixels: the page's column on a desk and on a phone


@dataclass
class SchemeFigures:
    """Figures of one scheme of validation: the first panel of each kind stands in the page, the rest can be opened."""

    forest: Canvas | None = None
    forest_narrow: Canvas | None = None
    roc: list[Canvas] = field(default_factory=list)
    calibration: list[Canvas] = field(default_factory=list)
    calibration_more: list[tuple[str, list[Canvas]]] = field(default_factory=list)
    utility: list[Canvas] = field(default_factory=list)


def of_scheme(
    name: str, metrics: pd.DataFrame, curves: pd.DataFrame, looks: dict[tuple[str, str], Look], *, simulated: bool
) -> SchemeFigures:
    """Draw the figures of one scheme.

    Parameters
    ----------
    name : str
        Scheme: external, loco, cv.
    metrics, curves : DataFrame
        Rows of one task and target.
    looks : dict
        Appearance of the models of this task.
    simulated : bool
        Whether to stamp the figures.
    """
    groups = performance.groups(metrics, name)
    out = SchemeFigures()
    lines = forest.lines_of(groups, looks)
    if lines:
        title, axis = (
            f"AUC by model: {performance.describe(name)[0].lower()}",
            "AUC with 95 % interval (dashed: chance)",
        )
        out.forest, out.forest_narrow = (
            forest.draw(lines, title=title, axis=axis, simulated=simulated, width=width) for width in (WIDE, NARROW)
        )
    for group in groups:
        own = curves[(curves["split"] == group.split) & (curves["center"] == group.center)]
        if group.center not in ("pooled", "next") and len(own):
            _panels(out, group, own, looks, simulated)
    return out


def _panels(
    out: SchemeFigures,
    group: performance.Group,
    curves: pd.DataFrame,
    looks: dict[tuple[str, str], Look],
    simulated: bool,
) -> None:
    kinds = {kind: curves[curves["curve"] == kind] for kind in ("roc", "calibration", "calibration_smooth")}
    if len(kinds["roc"]):
        out.roc.append(roc.draw(kinds["roc"], looks, aucs(group), title=group.heading, simulated=simulated))
    panels = []
    for (_, model), look in looks.items():
        grouped, smooth = (kinds[k][kinds[k]["model"] == model] for k in ("calibration", "calibration_smooth"))
        if len(grouped) or len(smooth):
            panels.append(calibration.draw(grouped, smooth, look, title=look.label, simulated=simulated))
    if panels and not out.calibration:
        out.calibration = panels
    elif panels:
        out.calibration_more.append((group.heading, panels))
    benefit = curves[curves["curve"].isin(["net_benefit", "net_benefit_treat_all"])]
    if len(benefit):
        out.utility.append(utility.draw(benefit, looks, title=group.heading, simulated=simulated))


def aucs(group: performance.Group) -> dict[str, str]:
    """Model -> AUC with its interval, as text."""
    rows = group.rows[group.rows["quantity"] == "auc"]
    return {
        row.model: f"{numbers.plain(row.estimate)} ({numbers.interval(row.low, row.high) or 'no interval'})"
        for row in rows.itertuples()
    }


def reachable(
    metrics: pd.DataFrame, looks: dict[tuple[str, str], Look], *, simulated: bool, width: float = WIDE
) -> Canvas | None:
    """Forest plot of the share of the reachable signal, first scheme only; None when no row tells it."""
    found = performance.schemes(metrics)
    groups = performance.groups(metrics, found[0]) if found else []
    lines = forest.lines_of(groups, looks, "reachable_share")
    if not any(not numbers.missing(line.estimate) for _, of_group in lines for line in of_group):
        return None
    return forest.draw(
        lines,
        title=f"Share of the reachable signal: {names.heading(*performance.questions(metrics)[0])}",
        axis="Share of the reachable signal (0: chance, 1: as good as the true risk)",
        simulated=simulated,
        reference=1.0,
        bounds=(-1.0, 2.0),
        width=width,
    )
