"""AUC of every model from step to step of the time course."""

import pandas as pd

from ichor.report import names, numbers
from ichor.report.axes import BOTTOM, LEFT, TOP, Panel, nice_ticks
from ichor.report.palette import Look
from ichor.report.svg import Canvas, wrap

APART = 0.09  # of a step's width: how far two models' points stand apart
CHANCE = 0.5
NEAR = 0.2  # values that come closer to the value of no information are drawn with it


def draw_by_step(
    rows: pd.DataFrame,
    steps: list[str],
    looks: dict[tuple[str, str], Look],
    *,
    title: str,
    axis: str = "AUC",
    reference: float | None = CHANCE,
    simulated: bool,
    width: float = 300,
) -> Canvas:
    """One quantity of every model at every step; intervals are drawn for networks only.

    Parameters
    ----------
    rows : DataFrame
        Rows of the table ``trajectory_performance`` of one split, target and quantity.
    steps : list of str
        Steps in order, from left to right.
    looks : dict
        Appearance of the models.
    title, axis : str
        Heading, and name of the vertical axis.
    reference : float, optional
        Value of no information, drawn as a dashed line unless all values are far from it.
    simulated : bool
        Whether to stamp the figure.
    width : float
        Width of the plot area, pixels.
    """
    shown = {model: look for (_, model), look in looks.items() if model in set(rows["model"])}
    low, high = _range(rows[rows["model"].isin(shown)], shown, reference)
    said = "; ".join(f"{look.label} {_said(rows[rows['model'] == model], steps)}" for model, look in shown.items())
    panel = Panel(
        title, "", axis, (-0.5, len(steps) - 0.5), (low, high),
        label=f"{axis} by step. {title}: {said or 'nothing'}.", simulated=simulated, width=width, height=240,
    )  # fmt: skip
    ticks, digits = nice_ticks(low, high)
    panel.axes([], ticks, (0, digits))
    for place, step in enumerate(steps):
        for line, words in enumerate(wrap(names.step(step), width / len(steps) - 4, 10.5)):
            panel.canvas.text(panel.x(place), TOP + 240 + 15 + 12 * line, words, "muted small", "middle")
    panel.canvas.text(LEFT, TOP + 240 + BOTTOM - 7, "Step of the time course")
    if reference is not None and low <= reference <= high:
        panel.canvas.path(panel.points([-0.5, len(steps) - 0.5], [reference] * 2), "guide")
    for index, (model, look) in reversed(list(enumerate(shown.items()))):
        shift = APART * (index - (len(shown) - 1) / 2) * min(1.0, 6 / len(shown))
        _draw_model(panel, rows[rows["model"] == model], steps, look, shift)
    return panel.canvas


def _draw_model(panel: Panel, rows: pd.DataFrame, steps: list[str], look: Look, shift: float) -> None:
    own = rows[rows["step"].isin(steps) & rows["estimate"].notna()]
    own = own.assign(x=own["step"].map(steps.index) + shift).sort_values("x")
    dash = f";stroke-dasharray:{look.dash}" if look.dash else ""
    style = f"fill:none;stroke:{look.color};stroke-width:{2.2 if look.network else 1.4}{dash}"
    panel.canvas.path(panel.points(own["x"], own["estimate"]), "", style)
    for row in own.itertuples():
        x, y = panel.x(row.x), panel.y(min(max(row.estimate, panel.y_range[0]), panel.y_range[1]))
        if look.network and not (numbers.missing(row.low) or numbers.missing(row.high)):
            ends = panel.points([row.x, row.x], [row.low, row.high])
            panel.canvas.path(ends, "", f"fill:none;stroke:{look.color};stroke-width:1.2;opacity:.55")
        between = numbers.interval(row.low, row.high)
        tip = f"{look.label}, {names.step(row.step).lower()}: {numbers.plain(row.estimate)}"
        panel.canvas.marker(x, y, look.marker, look.color, 3.2, tip + (f" ({between})" if between else ""))


def _said(rows: pd.DataFrame, steps: list[str]) -> str:
    found = rows.drop_duplicates("step").set_index("step")["estimate"].reindex(steps)
    return ", ".join(f"{names.step(step).lower()} {numbers.plain(value)}" for step, value in found.items())


def _range(rows: pd.DataFrame, looks: dict[str, Look], reference: float | None) -> tuple[float, float]:
    networks = rows[
        rows["model"].map({model: look.network for model, look in looks.items()}).fillna(False).astype(bool)
    ]
    values = [*rows["estimate"], *networks["low"], *networks["high"]]
    values = [float(value) for value in values if not numbers.missing(value)] or [0.0, 1.0]
    if reference is not None and min(values) < reference + NEAR:
        values.append(reference)
    low, high = max(min(values) - 0.03, 0.0), max(values) + 0.03
    return low, max(high if high > 1.03 else min(high, 1.0), low + 0.1)
