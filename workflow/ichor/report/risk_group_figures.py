"""Figures of groups of risk: when the event came in each, and how a score went on."""

import numpy as np
import pandas as pd

from ichor.evaluation.risk_groups import GROUPS
from ichor.report import numbers
from ichor.report.axes import BOTTOM, LEFT, TOP, Panel, nice_ticks
from ichor.report.svg import Canvas

LABELS = {"low": "Low risk", "intermediate": "Intermediate risk", "high": "High risk"}
COLORS = {"low": "var(--net-2)", "intermediate": "var(--floor-1)", "high": "var(--accent)"}
DASHES = {"low": "2 3", "intermediate": "7 4", "high": ""}
MARKERS = {"low": "diamond", "intermediate": "ring", "high": "circle"}
TABLE_TOP, TABLE_ROW = 20, 15  # of the numbers at risk, below the axis' name; pixels
DAY_H, MARKS = 24.0, 6


def draw_events(
    curves: pd.DataFrame, *, window_h: float, early_h: float, title: str, simulated: bool, width: float = 560
) -> Canvas:
    """Share of each group that had the event, by time, with the numbers at risk below the axis.

    Parameters
    ----------
    curves : DataFrame
        Of `ichor.evaluation.risk_groups.group_curves`, time in hours since onset.
    window_h, early_h : float
        End of the window, and of its early part (a dashed line).
    title : str
        Heading.
    simulated : bool
        Whether to stamp the figure.
    width : float
        Width of the plot area, pixels.
    """
    present = [name for name in GROUPS if (curves["group"] == name).any()]
    own = {name: curves[curves["group"] == name] for name in present}
    highest = max([float(np.nanmax(curve[["risk", "high"]].to_numpy())) for curve in own.values()] or [0.0])
    top = min(1.0, max(0.2, highest + 0.08))
    panel = Panel(
        title, "Days since onset", "Share that deteriorated", (0.0, window_h), (0.0, top),
        label=f"Kaplan-Meier curves. {title}: " + "; ".join(
            f"{LABELS[name]}: {numbers.percent(curve['risk'].iloc[-1], 1)} in the end" for name, curve in own.items()
        ),
        simulated=simulated, width=width, height=250,
    )  # fmt: skip
    ticks, digits = nice_ticks(0.0, top)
    panel.axes([], ticks, (0, max(digits, 1)))
    days = _days(window_h)
    for day in days:
        x = panel.x(day * DAY_H)
        panel.canvas.line(x, panel.y(0), x, panel.y(top), "grid")
        panel.canvas.text(x, panel.y(0) + 16, f"{day:g}", "muted small", "middle")
    panel.canvas.path(panel.points([early_h, early_h], [0, top]), "guide")
    panel.canvas.text(panel.x(early_h) + 4, panel.y(top) + 11, "late", "muted small")
    panel.canvas.text(panel.x(early_h) - 4, panel.y(top) + 11, "early", "muted small", "end")
    for name, curve in own.items():
        _draw_curve(panel, name, curve, window_h)
    return _with_numbers_at_risk(panel, own, days)


def _days(window_h: float) -> list[float]:
    whole = int(window_h // DAY_H)
    step = max(1, -(-whole // (MARKS + 2)))
    return [float(day) for day in range(0, whole + 1, step)] if whole else [0.0]


def _draw_curve(panel: Panel, name: str, curve: pd.DataFrame, window_h: float) -> None:
    times = [*curve["time"], window_h]
    steps = _staircase(times, [*curve["risk"], curve["risk"].iloc[-1]])
    bounds = [_staircase(times, [*curve[side], curve[side].iloc[-1]]) for side in ("low", "high")]
    band = panel.points(*bounds[0]) + panel.points(*bounds[1])[::-1]
    panel.canvas.path(band, "", f"fill:{COLORS[name]};opacity:.10;stroke:none", close=True)
    dash = f";stroke-dasharray:{DASHES[name]}" if DASHES[name] else ""
    panel.canvas.path(panel.points(*steps), "", f"fill:none;stroke:{COLORS[name]};stroke-width:2{dash}")


def _staircase(times: list[float], values: list[float]) -> tuple[list[float], list[float]]:
    """Corners of a step function: each value holds until the next time."""
    xs, ys = [times[0]], [values[0]]
    for time, value in zip(times[1:], values[1:], strict=True):
        xs += [time, time]
        ys += [ys[-1], value]
    return xs, ys


def _with_numbers_at_risk(panel: Panel, own: dict[str, pd.DataFrame], days: list[float]) -> Canvas:
    canvas = panel.canvas
    base = TOP + panel.size[1] + BOTTOM - 4
    whole = Canvas(
        canvas.width + 96, base + TABLE_TOP + TABLE_ROW * len(own) + 14, canvas.label, simulated=canvas.simulated
    )
    whole.place(canvas, 96, 0)
    whole.text(8, base + 8, "Free of it", "muted small")
    for place, (name, curve) in enumerate(own.items()):
        y = base + TABLE_TOP + TABLE_ROW * place + 4
        dash = f";stroke-dasharray:{DASHES[name]}" if DASHES[name] else ""
        whole.line(8, y - 4, 30, y - 4, "", f"stroke:{COLORS[name]};stroke-width:2{dash}")
        whole.text(36, y, LABELS[name].removesuffix(" risk"), "small")
        for day in days:
            whole.text(96 + panel.x(day * DAY_H), y, str(at_risk(curve, day * DAY_H)), "small", "middle")
    return whole


def at_risk(curve: pd.DataFrame, time: float) -> int:
    """Patients at risk at a time: those whose event or end of follow-up is not before it."""
    later = curve[curve["time"] >= time]
    return int(later["at_risk"].iloc[0]) if len(later) else 0


def draw_scores(scores: pd.DataFrame, *, name: str, title: str, simulated: bool, width: float = 560) -> Canvas:
    """Mean of a score in each group on the days after onset, with 95 % intervals.

    Parameters
    ----------
    scores : DataFrame
        Of `ichor.evaluation.score_courses.score_by_group`.
    name : str
        The score, as the axis calls it.
    title : str
        Heading.
    simulated : bool
        Whether to stamp the figure.
    width : float
        Width of the plot area, pixels.
    """
    days = scores.sort_values("position")["day"].drop_duplicates().tolist()
    places = dict(zip(days, range(len(days)), strict=True))
    ends = pd.concat([scores["mean"], scores["low"], scores["high"]]).dropna()
    low, high = max(0.0, float(ends.min()) - 1), float(ends.max()) + 1
    panel = Panel(
        title, "", f"Mean {name}", (-0.5, len(days) - 0.5), (low, high),
        label=f"{name} by day and group of risk. {title}.", simulated=simulated, width=width, height=230,
    )  # fmt: skip
    ticks, digits = nice_ticks(low, high)
    panel.axes([], ticks, (0, digits))
    for day, place in places.items():
        panel.canvas.text(panel.x(place), TOP + 230 + 16, day, "muted small", "middle")
    for shift, group in zip((-0.07, 0.0, 0.07), GROUPS, strict=True):
        own = scores[scores["group"] == group].sort_values("position")
        xs = [places[day] + shift for day in own["day"]]
        dash = f";stroke-dasharray:{DASHES[group]}" if DASHES[group] else ""
        panel.canvas.path(panel.points(xs, own["mean"]), "", f"fill:none;stroke:{COLORS[group]};stroke-width:2{dash}")
        for x, row in zip(xs, own.itertuples(), strict=True):
            if not numbers.missing(row.low):
                ends = panel.points([x, x], [row.low, row.high])
                panel.canvas.path(ends, "", f"fill:none;stroke:{COLORS[group]};stroke-width:1.2;opacity:.7")
            tip = f"{LABELS[group]}, {row.day}: {numbers.plain(row.mean, 1)} ({row.n} patients)"
            panel.canvas.marker(panel.x(x), panel.y(row.mean), MARKERS[group], COLORS[group], 3.4, tip)
    _key(panel, [group for group in GROUPS if (scores["group"] == group).any()])
    return panel.canvas


def _key(panel: Panel, groups: list[str]) -> None:
    x, y = LEFT + 8, TOP + panel.size[1] + BOTTOM - 16
    for group in groups:
        dash = f";stroke-dasharray:{DASHES[group]}" if DASHES[group] else ""
        panel.canvas.line(x, y - 4, x + 24, y - 4, "", f"stroke:{COLORS[group]};stroke-width:2{dash}")
        panel.canvas.text(x + 30, y, LABELS[group], "small")
        x += 140
