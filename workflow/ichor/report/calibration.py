"""Calibration curves: how often the event happens among patients with a given predicted risk."""

import pandas as pd

from ichor.report import numbers
from ichor.report.axes import Panel, thin
from ichor.report.palette import Look
from ichor.report.svg import Canvas

TICKS = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


def draw(grouped: pd.DataFrame, smooth: pd.DataFrame, look: Look, *, title: str, simulated: bool) -> Canvas:
    """Calibration panel of one model in one task, target, split and center.

    Parameters
    ----------
    grouped : DataFrame
        Rows with ``curve == "calibration"``: x mean predicted risk of a group, y observed share, low and high its
        95 % interval, n its size.
    smooth : DataFrame
        Rows with ``curve == "calibration_smooth"``: x predicted risk, y smoothed observed share, low and high its band.
    look : Look
        Appearance of the model.
    title : str
        Heading of the panel.
    simulated : bool
        Whether to stamp the panel.
    """
    groups = "; ".join(
        f"predicted {numbers.plain(row.x)}, observed {numbers.plain(row.y)}" for row in grouped.itertuples()
    )
    panel = Panel(
        title, "Predicted risk", "Observed share of events", (0, 1), (0, 1),
        label=f"Calibration curve. {title}: {groups or 'no groups'}.", simulated=simulated,
        width=210, height=210,
    )  # fmt: skip
    panel.axes(TICKS, TICKS)
    panel.canvas.path(panel.points([0, 1], [0, 1]), "guide")
    _smooth(panel, smooth, look)
    largest = grouped["n"].max() if len(grouped) and not numbers.missing(grouped["n"].max()) else 1
    for row in grouped.itertuples():
        if numbers.missing(row.x) or numbers.missing(row.y):
            continue
        x, y = panel.points([row.x], [row.y])[0]
        if not (numbers.missing(row.low) or numbers.missing(row.high)):
            ends = panel.points([row.x, row.x], [row.low, row.high])
            panel.canvas.path(ends, "", f"fill:none;stroke:{look.color};stroke-width:1.4")
        n = row.n if not numbers.missing(row.n) else largest
        tip = f"{numbers.count(row.n)} patients: predicted {numbers.plain(row.x)}, observed {numbers.plain(row.y)}"
        between = numbers.interval(row.low, row.high)
        panel.canvas.marker(
            x, y, look.marker, look.color, 2.5 + 2.5 * (n / largest) ** 0.5, tip + (f" ({between})" if between else "")
        )
    return panel.canvas


def _smooth(panel: Panel, smooth: pd.DataFrame, look: Look) -> None:
    if smooth.empty:
        return
    smooth = smooth.sort_values("x")
    band = smooth.dropna(subset=["low", "high"])
    if len(band) > 1:
        edge = panel.points(band["x"], band["high"]) + panel.points(band["x"], band["low"])[::-1]
        panel.canvas.path(edge, "", f"fill:{look.color};opacity:.14;stroke:none", close=True)
    dash = f";stroke-dasharray:{look.dash}" if look.dash else ""
    line = thin(panel.points(smooth["x"], smooth["y"]))
    panel.canvas.path(line, "", f"fill:none;stroke:{look.color};stroke-width:2{dash}")
