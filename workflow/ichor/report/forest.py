"""Forest plot: an estimate with its interval for each model and center, all on one scale."""

from collections.abc import Callable
from dataclasses import dataclass

from ichor.report import numbers
from ichor.report.axes import nice_ticks, tick
from ichor.report.palette import Look
from ichor.report.performance import Group
from ichor.report.svg import Canvas, text_width

ROW, HEAD, FOOT = 19.0, 26.0, 62.0


@dataclass(frozen=True)
class Line:
    """One row of a forest plot."""

    label: str
    look: Look | None
    estimate: float
    low: float
    high: float
    detail: str
    reason: str | None
    kind: str  # "center" (a point with its interval), "pooled" (a diamond), "next" (a bar: prediction interval)


def lines_of(
    groups: list[Group], looks: dict[tuple[str, str], Look], quantity: str = "auc"
) -> list[tuple[str, list[Line]]]:
    """Rows of the plot, grouped by who the test patients are.

    Parameters
    ----------
    groups : list of Group
        Row groups of one task, target and scheme.
    looks : dict
        Appearance of the models.
    quantity : str
        Which quantity is drawn.

    Returns
    -------
    list of (str, list of Line)
        Heading of each group and its rows, models in the order of `looks`.
    """
    out = []
    for group in groups:
        rows = group.rows[group.rows["quantity"] == quantity]
        lines = [
            _line(row, look)
            for (task, model), look in looks.items()
            for row in rows[(rows["task"] == task) & (rows["model"] == model)].itertuples()
        ]
        if lines:
            out.append((f"{group.heading} ({group.size})", lines))
    return out


def draw(
    groups: list[tuple[str, list[Line]]],
    *,
    title: str,
    axis: str,
    simulated: bool,
    reference: float | None = 0.5,
    bounds: tuple[float, float] = (0.0, 1.0),
    width: float = 720,
) -> Canvas:
    """Draw a forest plot; `reference` is the value of no information, marked with a dashed line.

    A missing estimate is drawn as words in its row, never as a point.
    """
    count = sum(len(lines) for _, lines in groups)
    height = HEAD + count * ROW + len(groups) * (ROW + 5) + FOOT
    label = f"Forest plot. {title}. " + "; ".join(
        f"{head}: " + ", ".join(f"{line.label} {_said(line)}" for line in lines) for head, lines in groups
    )
    canvas = Canvas(width, height, label, simulated=simulated)
    narrow = width < 500
    left = 14 + max([text_width(line.label) for _, lines in groups for line in lines] + [90]) + 12
    right = width - (8 if narrow else 136)
    low, high = _range(groups, reference, bounds)

    def x(value: float) -> float:
        return left + (right - left) * (min(max(value, low), high) - low) / (high - low)

    canvas.text(2, 16, title, "head")
    _scale(canvas, x, (low, high), (left, right), reference)
    canvas.text((left + right) / 2, height - FOOT + 33, axis, anchor="middle")
    y = HEAD
    for head, lines in groups:
        y += ROW + 5
        canvas.rect(0, y - 17, text_width(head, 12.5) + 8, 16, "", "fill:var(--panel)")  # clears the grid lines
        canvas.text(2, y - 5, head, "strong")
        for line in lines:
            y += ROW
            _row(canvas, line, y - ROW / 2, x, left, right, narrow, (low, high))
    return canvas


def _scale(
    canvas: Canvas,
    x: Callable[[float], float],
    domain: tuple[float, float],
    span: tuple[float, float],
    reference: float | None,
) -> None:
    """Grid, tick labels, axis line and the line of no information."""
    bottom = canvas.height - FOOT
    ticks, digits = nice_ticks(*domain, 4 if canvas.width < 500 else 6)
    for value in ticks:
        canvas.line(x(value), HEAD + 2, x(value), bottom, "grid")
        canvas.text(x(value), bottom + 15, tick(value, digits), "muted small", "middle")
    if reference is not None:
        canvas.line(x(reference), HEAD + 2, x(reference), bottom, "guide", "stroke-width:1.6;stroke-dasharray:5 4")
    canvas.line(span[0], bottom, span[1], bottom, "axis")


def _row(
    canvas: Canvas, line: Line, y: float, x, left: float, right: float, narrow: bool, bounds: tuple[float, float]
) -> None:
    canvas.text(14, y + 4, line.label)
    color = line.look.color if line.look else "var(--ink)"
    said = _said(line)
    if numbers.missing(line.estimate):
        canvas.text(left + 4, y + 4, f"{numbers.DASH} {numbers.short_why(line.reason)}", "muted small")
        return
    if not (numbers.missing(line.low) or numbers.missing(line.high)):
        if line.kind == "next":
            canvas.rect(x(line.low), y - 3.5, x(line.high) - x(line.low), 7, "", f"fill:{color};opacity:.35", r=3.5)
        else:
            canvas.line(x(line.low), y, x(line.high), y, "", f"stroke:{color};stroke-width:2")
        for end, sign in ((line.low, -1), (line.high, 1)):
            if not bounds[0] <= end <= bounds[1]:  # an arrow head: the interval goes on beyond the axis
                tip = x(end)
                canvas.path(
                    [(tip - sign * 6, y - 4), (tip, y), (tip - sign * 6, y + 4)],
                    "",
                    f"fill:none;stroke:{color};stroke-width:2",
                )
    if line.kind == "pooled":
        center = x(line.estimate)
        ends = (center - 6, center + 6) if numbers.missing(line.low) else (x(line.low), x(line.high))
        corners = [(ends[0], y), (center, y - 6), (ends[1], y), (center, y + 6)]
        canvas.path(corners, "", f"fill:{color};stroke:{color};stroke-linejoin:round", close=True)
    else:
        canvas.marker(x(line.estimate), y, line.look.marker if line.look else "circle", color)
    canvas.region(0, y - ROW / 2, canvas.width, ROW, f"{line.label}: {said}. {line.detail}")
    if not narrow:
        canvas.text(canvas.width - 4, y + 4, said.replace(" to ", "–").replace("interval ", ""), "small", "end")


def _said(line: Line) -> str:
    if numbers.missing(line.estimate):
        return f"not available: {numbers.short_why(line.reason)}"
    between = numbers.interval(line.low, line.high)
    return f"{numbers.plain(line.estimate)} ({between})" if between else f"{numbers.plain(line.estimate)} (no interval)"


def _line(row, look: Look) -> Line:
    events = "" if numbers.missing(row.events) else f", {numbers.count(row.events)} events"
    unit = "centers" if row.center in ("pooled", "next") else "patients"
    return Line(
        label=look.label,
        look=look,
        estimate=row.estimate,
        low=row.low,
        high=row.high,
        detail=f"{numbers.count(row.n)} {unit}{events}",
        reason=row.reason,
        kind=row.center if row.center in ("pooled", "next") else "center",
    )


def _range(groups, reference: float | None, bounds: tuple[float, float]) -> tuple[float, float]:
    values = [
        v
        for _, lines in groups
        for line in lines
        for v in (line.estimate, line.low, line.high)
        if not numbers.missing(v)
    ]
    values += [] if reference is None else [reference]
    if not values:
        return bounds
    low, high = max(min(values) - 0.03, bounds[0]), min(max(values) + 0.03, bounds[1])
    return (low, high) if high - low >= 0.1 else (max(low - 0.1, bounds[0]), min(high + 0.1, bounds[1]))
