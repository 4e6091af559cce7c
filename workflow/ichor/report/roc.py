"""ROC curves: sensitivity against false alarms at every threshold."""

import pandas as pd

from ichor.report import numbers
from ichor.report.axes import Panel, thin
from ichor.report.palette import Look
from ichor.report.svg import Canvas

TICKS = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


def draw(
    curves: pd.DataFrame,
    looks: dict[tuple[str, str], Look],
    aucs: dict[str, str],
    *,
    title: str,
    simulated: bool,
    side: float = 258,
) -> Canvas:
    """ROC panel of one task, target, split and center.

    Parameters
    ----------
    curves : DataFrame
        Rows of the curves table with ``curve == "roc"``: x is 1 − specificity, y is sensitivity.
    looks : dict
        Appearance of the models.
    aucs : dict
        Model -> AUC with interval as text, said in the figure's description.
    title : str
        Heading of the panel.
    simulated : bool
        Whether to stamp the panel.
    side : float
        Width and height of the plot area in pixels.
    """
    said = ", ".join(f"{looks[t, m].label} AUC {aucs.get(m, numbers.DASH)}" for t, m in _models(curves, looks))
    panel = Panel(
        title, "1 − specificity (false alarms)", "Sensitivity", (0, 1), (0, 1),
        label=f"ROC curves. {title}: {said or 'no curve'}.", simulated=simulated, width=side, height=side,
    )  # fmt: skip
    panel.axes(TICKS, TICKS)
    panel.canvas.path(panel.points([0, 1], [0, 1]), "guide")
    for task, model in reversed(_models(curves, looks)):
        look = looks[task, model]
        part = curves[(curves["task"] == task) & (curves["model"] == model)]
        dash = f";stroke-dasharray:{look.dash}" if look.dash else ""
        width = 2.2 if look.network else 1.7
        style = f"fill:none;stroke:{look.color};stroke-width:{width};stroke-linejoin:round{dash}"
        panel.canvas.path(thin(panel.points(part["x"], part["y"])), "", style)
    return panel.canvas


def _models(curves: pd.DataFrame, looks: dict[tuple[str, str], Look]) -> list[tuple[str, str]]:
    present = set(zip(curves["task"], curves["model"], strict=True))
    return [key for key in looks if key in present]
