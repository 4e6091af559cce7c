"""Plots of predicted and reference volumes: Bland-Altman, and one against the other."""

import math

import numpy as np
import pandas as pd

from ichor.report import names, numbers
from ichor.report.axes import TOP, Panel, nice_ticks
from ichor.report.palette import center_color
from ichor.report.svg import Canvas
from ichor.segmentation.agreement_intervals import Limits, limits_with_intervals

WIDE = 5.0
"""Volumes whose largest is this many times the median (of those above 0) are drawn on a cube root scale."""
ROUND_ML = (0.0, 0.1, 1.0, 5.0, 15.0, 30.0, 60.0, 100.0, 150.0, 250.0, 400.0, 600.0, 1000.0, 2000.0)
"""Ticks of the cube root scale."""
APART = 0.09
"""Least distance between two of them, as a part of the axis."""


def draw_bland_altman(cases: pd.DataFrame, label: str, *, simulated: bool) -> Canvas:
    """Bland-Altman plot: predicted minus reference volume against their mean, all centers in one panel.

    Bias and limits of agreement have a band each, their 95 % confidence intervals.

    Parameters
    ----------
    cases : DataFrame
        Table ``agreement_cases`` of one split: columns center, label, predicted_ml, reference_ml.
    label : str
        Which label, for example ``"iph"``.
    simulated : bool
        Whether to stamp the figure.
    """
    own = cases[cases["label"] == label]
    predicted, reference = (own[name].to_numpy(float) for name in ("predicted_ml", "reference_ml"))
    mean, difference = (predicted + reference) / 2, predicted - reference
    limits = limits_with_intervals(difference)
    ends = [limits.low, limits.high, *limits.low_interval, *limits.high_interval]
    reach = max([abs(value) for value in (*difference, *ends) if not numbers.missing(value)] or [1.0]) * 1.08 or 1.0
    x_high, x_ticks, x_digits, scale = _volume_axis(mean)
    name = names.LABELS.get(label, label)
    said = (
        f"bias {_stated(limits.bias, limits.bias_interval)} mL, limits of agreement "
        f"{_stated(limits.low, limits.low_interval)} and {_stated(limits.high, limits.high_interval)} mL"
    )
    panel = Panel(
        f"{name}: difference", f"Mean of both (mL{_scale_words(scale)})",
        "Predicted − reference (mL)", (0, x_high), (-reach, reach),
        label=f"Bland-Altman plot. {name}: {said}, {len(own)} scans.", simulated=simulated, width=300, height=210,
        x_scale=scale,
    )  # fmt: skip
    y_ticks, y_digits = nice_ticks(-reach, reach)
    panel.axes(x_ticks, y_ticks, (x_digits, y_digits))
    panel.canvas.path(panel.points([0, x_high], [0, 0]), "axis")
    _bands(panel, limits, x_high)
    _dots(panel, own["center"], sorted(cases["center"].unique()), mean, difference)
    _lines(panel, limits, x_high)
    return panel.canvas


def draw_volumes(cases: pd.DataFrame, summary: pd.DataFrame, label: str, *, simulated: bool) -> Canvas:
    """Predicted against reference volume, all centers in one panel, with the line on which they are equal.

    Parameters
    ----------
    cases : DataFrame
        Table ``agreement_cases`` of one split.
    summary : DataFrame
        Agreement table of the same split; concordance and intraclass correlation come from its row ``all``.
    label : str
        Which label, for example ``"iph"``.
    simulated : bool
        Whether to stamp the figure.
    """
    own = cases[cases["label"] == label]
    predicted, reference = (own[name].to_numpy(float) for name in ("predicted_ml", "reference_ml"))
    whole = summary[(summary["label"] == label) & (summary["center"] == "all")]
    ccc, icc = (float(whole.iloc[0][name]) if len(whole) else math.nan for name in ("ccc", "icc"))
    high, ticks, digits, scale = _volume_axis(np.concatenate([predicted, reference]))
    name = names.LABELS.get(label, label)
    said = f"CCC {numbers.plain(ccc)}, ICC {numbers.plain(icc)}"
    words = _scale_words(scale)
    panel = Panel(
        f"{name}: volumes", f"Reference (mL{words})", f"Predicted (mL{words})", (0, high), (0, high),
        label=f"Predicted against reference volume. {name}: {said}, {len(own)} scans.", simulated=simulated,
        width=300, height=210, x_scale=scale, y_scale=scale,
    )  # fmt: skip
    panel.axes(ticks, ticks, (digits, digits))
    panel.canvas.path(panel.points([0, high], [0, high]), "axis")
    _dots(panel, own["center"], sorted(cases["center"].unique()), reference, predicted)
    panel.canvas.text(panel.x(0) + 8, panel.y(high) + 14, said, "muted small")
    return panel.canvas


def _volume_axis(volumes_ml: np.ndarray) -> tuple[float, list[float], int, object]:
    """Upper end, ticks, decimals and scale of an axis of volumes from 0."""
    high = max([*volumes_ml, 1.0]) * 1.04
    above = volumes_ml[volumes_ml > 0]
    if not len(above) or high <= WIDE * float(np.median(above)):
        return high, *nice_ticks(0, high), None
    ticks: list[float] = []
    for value in ROUND_ML:
        place = np.cbrt(value / high)
        if (
            place <= 1
            and (value.is_integer() or high < 3)
            and (not ticks or place - np.cbrt(ticks[-1] / high) >= APART)
        ):
            ticks.append(value)
    whole = all(float(value).is_integer() for value in ticks)
    return high, ticks, 0 if whole else 1, np.cbrt


def _scale_words(scale: object) -> str:
    return ", cube root scale" if scale is not None else ""


def _stated(value: float, interval: tuple[float, float]) -> str:
    return f"{numbers.plain(value, 1)} ({numbers.interval(*interval, 1) or 'interval not available'})"


def _dots(panel: Panel, centers: pd.Series, order: list[str], x: np.ndarray, y: np.ndarray) -> None:
    opacity = 0.7 if len(x) < 200 else 0.45
    for i, center in enumerate(order):
        own = (centers == center).to_numpy()
        panel.canvas.dots(panel.points(x[own], y[own]), f"stroke:{center_color(i)};stroke-width:4.4;opacity:{opacity}")


def _bands(panel: Panel, limits: Limits, x_high: float) -> None:
    left, right = panel.x(0), panel.x(x_high)
    for low, high in (limits.low_interval, limits.bias_interval, limits.high_interval):
        if not numbers.missing(low):
            top = panel.y(high)
            panel.canvas.rect(left, top, right - left, panel.y(low) - top, "", "fill:var(--accent);opacity:.13")


def _lines(panel: Panel, limits: Limits, x_high: float) -> None:
    for value, words in ((limits.low, "lower limit"), (limits.bias, "bias"), (limits.high, "upper limit")):
        if numbers.missing(value):
            continue
        dash = "" if words == "bias" else ";stroke-dasharray:5 4"
        style = f"fill:none;stroke:var(--accent);stroke-width:1.4{dash}"
        panel.canvas.path(panel.points([0, x_high], [value, value]), "", style)
        y = panel.y(value) + (12 if words == "lower limit" else -4)
        words = f"{words} {numbers.plain(value, 1)}"
        panel.canvas.text(panel.x(x_high) - 3, max(y, TOP + 10), words, "muted small", "end")
