"""Plots of how well predicted masks agree with reference masks: Dice by center, volumes, Bland-Altman."""

import math

import pandas as pd

from ichor.report import names, numbers
from ichor.report.axes import TOP, Panel, nice_ticks
from ichor.report.palette import center_color
from ichor.report.svg import Canvas, text_width


def draw_dice(masks: pd.DataFrame, summary: pd.DataFrame, label: str, *, simulated: bool, width: float = 350) -> Canvas:
    """Dice of every scan by center, with median and quartiles.

    Parameters
    ----------
    masks : DataFrame
        Masks table of one split.
    summary : DataFrame
        Agreement table of the same split: columns center, label, n_dice, dice_q1, dice_median, dice_q3.
    label : str
        Column suffix of the label, for example ``"iph"``.
    simulated : bool
        Whether to stamp the figure.
    width : float
        Width in pixels.
    """
    summary = summary[summary["label"] == label]
    centers = [c for c in sorted(summary["center"], key=names.center_order)]
    title = f"{names.LABELS.get(label, label)}: Dice"
    said = "; ".join(
        f"{names.center(row.center)}: median {numbers.plain(row.dice_median)}, quartiles "
        f"{numbers.interval(row.dice_q1, row.dice_q3) or 'not available'}" for row in summary.itertuples()
    )  # fmt: skip
    step, bottom = min(max(220.0 / max(len(centers), 1), 24.0), 44.0), 50.0
    canvas = Canvas(width, max(28 + step * len(centers) + bottom, 298), f"{title}. {said}.", simulated=simulated)
    canvas.text(2, 16, title, "head")
    left = 20 + max([text_width(names.center(c)) for c in centers] + [40])
    right, floor = width - 12, 28 + step * len(centers)
    for value in (0, 0.2, 0.4, 0.6, 0.8, 1.0):
        x = left + (right - left) * value
        canvas.line(x, 26, x, floor, "grid")
        canvas.text(x, floor + 15, f"{value:.1f}", "muted small", "middle")
    canvas.text((left + right) / 2, floor + 32, "Dice coefficient (0 none, 1 full overlap)", anchor="middle")
    for i, center in enumerate(centers):
        own = masks if center == "all" else masks[masks["center"] == center]
        row = summary[summary["center"] == center].iloc[0]
        y, color = 28 + step * (i + 0.5), "var(--ink)" if center == "all" else "var(--net-0)"
        _strip(canvas, own[f"dice_{label}"], row, y, left, right, color)
        canvas.text(left - 8, y + 4, names.center(center), "", "end")
    return canvas


def _strip(canvas: Canvas, dice: pd.Series, row: pd.Series, y: float, left: float, right: float, color: str) -> None:
    values = dice.dropna().to_numpy(float)
    # A golden-ratio sequence spreads the points without a random draw.
    points = [(left + (right - left) * v, y + 16 * ((i * 0.618034) % 1 - 0.5)) for i, v in enumerate(values)]
    canvas.dots(points, f"stroke:{color};stroke-width:3.4;opacity:.38")
    if numbers.missing(row["dice_median"]):
        canvas.text(left + 4, y + 4, f"{numbers.DASH} no scan with a reference", "muted small")
        return
    x1, x2, x = (left + (right - left) * row[q] for q in ("dice_q1", "dice_q3", "dice_median"))
    canvas.rect(x1, y - 9, max(x2 - x1, 1), 18, "", f"fill:none;stroke:{color};stroke-width:1.4", r=2)
    canvas.line(x, y - 11, x, y + 11, "", f"stroke:{color};stroke-width:3")
    tip = f"median {numbers.plain(row['dice_median'])}, quartiles {numbers.interval(row['dice_q1'], row['dice_q3'])}"
    tip = f"{names.center(row['center'])}: {tip}, {numbers.count(row['n_dice'])} scans"
    canvas.region(left, y - 12, right - left, 24, tip)


def draw_bland_altman(masks: pd.DataFrame, summary: pd.DataFrame, label: str, *, simulated: bool) -> Canvas:
    """Bland-Altman plot: predicted minus reference volume against their mean, all centers in one panel.

    Parameters
    ----------
    masks : DataFrame
        Masks table of one split.
    summary : DataFrame
        Agreement table of the same split; bias and limits of agreement (mL) come from its row ``all``.
    label : str
        Column suffix of the label.
    simulated : bool
        Whether to stamp the figure.
    """
    paired = masks.dropna(subset=[f"{label}_ml", f"reference_{label}_ml"])
    mean = (paired[f"{label}_ml"] + paired[f"reference_{label}_ml"]).to_numpy(float) / 2
    difference = (paired[f"{label}_ml"] - paired[f"reference_{label}_ml"]).to_numpy(float)
    whole = summary[(summary["label"] == label) & (summary["center"] == "all")]
    bias, low, high = (
        float(whole.iloc[0][c]) if len(whole) else math.nan for c in ("bias_ml", "loa_low_ml", "loa_high_ml")
    )
    title = f"{names.LABELS.get(label, label)}: volume"
    reach = max([abs(v) for v in (*difference, low, high) if not numbers.missing(v)] or [1.0]) * 1.12 or 1.0
    x_high = max([*mean, 1.0]) * 1.04
    said = (
        f"bias {numbers.plain(bias, 1)} mL, limits of agreement {numbers.interval(low, high, 1) or 'not available'} mL"
    )
    panel = Panel(
        title, "Mean of predicted and reference (mL)", "Predicted − reference (mL)", (0, x_high), (-reach, reach),
        label=f"Bland-Altman plot. {title}: {said}, {len(paired)} scans.", simulated=simulated, width=300, height=210,
    )  # fmt: skip
    x_ticks, x_digits = nice_ticks(0, x_high)
    y_ticks, y_digits = nice_ticks(-reach, reach)
    panel.axes(x_ticks, y_ticks, (x_digits, y_digits))
    panel.canvas.path(panel.points([0, x_high], [0, 0]), "axis")
    _limits(panel, bias, low, high, x_high)
    for i, center in enumerate(sorted(masks["center"].unique())):
        own = (paired["center"] == center).to_numpy()
        panel.canvas.dots(
            panel.points(mean[own], difference[own]), f"stroke:{center_color(i)};stroke-width:5;opacity:.7"
        )
    return panel.canvas


def draw_volumes(masks: pd.DataFrame, summary: pd.DataFrame, label: str, *, simulated: bool) -> Canvas:
    """Predicted against reference volume, all centers in one panel, with the line on which they are equal.

    Parameters
    ----------
    masks : DataFrame
        Masks table of one split.
    summary : DataFrame
        Agreement table of the same split; concordance and intraclass correlation come from its row ``all``.
    label : str
        Column suffix of the label, for example ``"iph"``.
    simulated : bool
        Whether to stamp the figure.
    """
    predicted, reference = (masks[name].astype(float) for name in (f"{label}_ml", f"reference_{label}_ml"))
    paired = masks[predicted.notna() & reference.notna()]
    whole = summary[(summary["label"] == label) & (summary["center"] == "all")]
    ccc, icc = (float(whole.iloc[0][name]) if len(whole) else math.nan for name in ("ccc", "icc"))
    high = max([*paired[f"{label}_ml"], *paired[f"reference_{label}_ml"], 1.0]) * 1.04
    said = f"CCC {numbers.plain(ccc)}, ICC {numbers.plain(icc)}"
    title = f"{names.LABELS.get(label, label)}: volumes"
    panel = Panel(
        title, "Reference (mL)", "Predicted (mL)", (0, high), (0, high),
        label=f"Predicted against reference volume. {title}: {said}, {len(paired)} scans.", simulated=simulated,
        width=300, height=210,
    )  # fmt: skip
    ticks, digits = nice_ticks(0, high)
    panel.axes(ticks, ticks, (digits, digits))
    panel.canvas.path(panel.points([0, high], [0, high]), "axis")
    for i, center in enumerate(sorted(masks["center"].unique())):
        own = paired[paired["center"] == center]
        points = panel.points(own[f"reference_{label}_ml"].to_numpy(float), own[f"{label}_ml"].to_numpy(float))
        panel.canvas.dots(points, f"stroke:{center_color(i)};stroke-width:5;opacity:.7")
    panel.canvas.text(panel.x(0) + 8, panel.y(high) + 14, said, "muted small")
    return panel.canvas


def _limits(panel: Panel, bias: float, low: float, high: float, x_high: float) -> None:
    for value, words, up in ((low, "lower limit", False), (bias, "bias", True), (high, "upper limit", True)):
        if numbers.missing(value):
            continue
        css = "stroke:var(--accent);stroke-width:1.4" + ("" if words == "bias" else ";stroke-dasharray:5 4")
        panel.canvas.path(panel.points([0, x_high], [value, value]), "", f"fill:none;{css}")
        y = panel.y(value) + (-4 if up else 12)
        if y < TOP:
            y = TOP + 10
        panel.canvas.text(panel.x(x_high) - 3, y, f"{words} {numbers.plain(value, 1)}", "muted small", "end")


def main_split(masks: pd.DataFrame) -> str | None:
    """Split whose masks are shown: each scan appears in every split, and one is enough for a picture."""
    present = sorted(masks["split"].unique(), key=names.split_order) if len(masks) else []
    return present[0] if present else None
