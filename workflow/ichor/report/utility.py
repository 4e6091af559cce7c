"""Decision curves: net benefit of acting on a model, against treating everyone and no one."""

import pandas as pd

from ichor.report import numbers
from ichor.report.axes import Panel, nice_ticks, thin
from ichor.report.palette import Look
from ichor.report.svg import Canvas


def draw(
    curves: pd.DataFrame, looks: dict[tuple[str, str], Look], *, title: str, simulated: bool, width: float = 258
) -> Canvas:
    """Decision-curve panel of one task, target, split and center.

    Parameters
    ----------
    curves : DataFrame
        Rows with ``curve`` ``net_benefit`` or ``net_benefit_treat_all`` (the same for every model): x threshold
        (risk, 0 to 1), y net benefit (true positives per patient; Vickers and Elkin 2006).
    looks : dict
        Appearance of the models.
    title : str
        Heading of the panel.
    simulated : bool
        Whether to stamp the panel.
    width : float
        Width of the plot area in pixels.
    """
    everyone = curves[curves["curve"] == "net_benefit_treat_all"]
    everyone = everyone[everyone["model"] == everyone["model"].iloc[0]].sort_values("x") if len(everyone) else everyone
    own = curves[curves["curve"] == "net_benefit"]
    top = max([v for v in [*own["y"], *everyone["y"]] if not numbers.missing(v)] or [0.1]) * 1.08
    top = max(top, 0.05)
    bottom = -0.25 * top
    right = _right(own)
    panel = Panel(
        title, "Risk from which one would act", "Net benefit per patient", (0, right), (bottom, top),
        label=f"Decision curves. {title}.", simulated=simulated, width=width, height=210,
    )  # fmt: skip
    x_ticks, x_digits = nice_ticks(0, right)
    y_ticks, y_digits = nice_ticks(bottom, top)
    panel.axes(x_ticks, y_ticks, (x_digits, y_digits))
    panel.canvas.path(panel.points([0, right], [0, 0]), "axis")
    panel.canvas.text(panel.x(right) - 3, panel.y(0) + 13, "treat no one", "muted small", "end")
    everyone = everyone[(everyone["y"] >= bottom) & (everyone["x"] <= right)]
    line = panel.points(everyone["x"], everyone["y"])
    panel.canvas.path(thin(line), "guide", "stroke-width:1.4")
    if line:
        x, y = line[-1]
        near = x + 110 > panel.x(right)
        panel.canvas.text(x + (-5 if near else 4), y - 6, "treat everyone", "muted small", "end" if near else "start")
    for key, look in reversed(looks.items()):
        part = own[(own["task"] == key[0]) & (own["model"] == key[1])].sort_values("x")
        part = part[(part["y"] >= bottom) & (part["x"] <= right)]
        dash = f";stroke-dasharray:{look.dash}" if look.dash else ""
        style = f"fill:none;stroke:{look.color};stroke-width:{2.2 if look.network else 1.7}{dash}"
        panel.canvas.path(thin(panel.points(part["x"], part["y"])), "", style)
    return panel.canvas


def _right(curves: pd.DataFrame) -> float:
    """End of the axis: a little beyond the highest threshold at which a model still treats someone."""
    active = curves.loc[curves["y"] != 0, "x"]
    right = float(active.max()) if len(active) else 1.0
    return min(max(0.2, -(-(right + 0.02) // 0.1) * 0.1), 1.0)
