"""Decision curves: net benefit of acting on a model, against treating everyone and no one."""

import pandas as pd

from ichor.report import numbers
from ichor.report.axes import Panel, nice_ticks, thin
from ichor.report.palette import Look
from ichor.report.svg import Canvas


def draw(
    curves: pd.DataFrame,
    looks: dict[tuple[str, str], Look],
    event_share: float,
    *,
    title: str,
    simulated: bool,
) -> Canvas:
    """Decision-curve panel of one task, target, split and center.

    Parameters
    ----------
    curves : DataFrame
        Rows with ``curve == "net_benefit"``: x threshold (risk, 0 to 1), y net benefit (true positives per patient).
    looks : dict
        Appearance of the models.
    event_share : float
        Share of events among the patients; net benefit of treating everyone is drawn from it. NaN leaves it out.
    title : str
        Heading of the panel.
    simulated : bool
        Whether to stamp the panel.
    """
    top = max([v for v in [event_share, *curves["y"]] if not numbers.missing(v)] or [0.1]) * 1.08
    bottom = -0.25 * top
    right = min(max([v for v in curves["x"] if not numbers.missing(v)] or [1.0]), 1.0)
    panel = Panel(
        title, "Risk at which one would act (threshold)", "Net benefit per patient", (0, right), (bottom, top),
        label=f"Decision curves. {title}.", simulated=simulated, height=210,
    )  # fmt: skip
    x_ticks, x_digits = nice_ticks(0, right)
    y_ticks, y_digits = nice_ticks(bottom, top)
    panel.axes(x_ticks, y_ticks, (x_digits, y_digits))
    _treat_everyone(panel, event_share, bottom, right)
    panel.canvas.path(panel.points([0, right], [0, 0]), "axis")
    panel.canvas.text(panel.x(right) - 3, panel.y(0) - 4, "treat no one", "muted small", "end")
    for key, look in reversed(looks.items()):
        part = curves[(curves["task"] == key[0]) & (curves["model"] == key[1])].sort_values("x")
        part = part[part["y"] >= bottom]
        dash = f";stroke-dasharray:{look.dash}" if look.dash else ""
        panel.canvas.path(
            thin(panel.points(part["x"], part["y"])), "", f"fill:none;stroke:{look.color};stroke-width:2{dash}"
        )
    return panel.canvas


def _treat_everyone(panel: Panel, event_share: float, bottom: float, right: float) -> None:
    """Net benefit of treating everyone: p − (1 − p) t / (1 − t) (Vickers and Elkin 2006)."""
    if numbers.missing(event_share):
        return
    steps = [right * i / 200 for i in range(200)]
    line = [(t, event_share - (1 - event_share) * t / (1 - t)) for t in steps]
    line = [(t, value) for t, value in line if value >= bottom]
    panel.canvas.path(thin(panel.points([t for t, _ in line], [v for _, v in line])), "guide")
    t, value = line[len(line) // 4]
    panel.canvas.text(panel.x(t) + 6, panel.y(value) - 4, "treat everyone", "muted small")
