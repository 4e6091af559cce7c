"""The cohort flow as a chart: two sources joined, a split, a branch per target; or one column on a phone."""

from ichor.report import numbers
from ichor.report.flow import UNITS, Box, Flow
from ichor.report.svg import Canvas, wrap

LINE, PAD, GAP, INDENT = 16.5, 10.0, 22.0, 34.0
BESIDE = 3  # branches in a row; more would leave no room for words


def draw(flow: Flow, *, simulated: bool, width: float = 760) -> Canvas:
    """Draw the flow from top to bottom.

    Parameters
    ----------
    flow : Flow
        What `ichor.report.flow.arrange` returns.
    simulated : bool
        Whether to stamp the chart.
    width : float
        Pixels; below 500 everything stands in one column.
    """
    canvas = Canvas(width, 100, _said(flow), simulated=simulated)
    y = _narrow(canvas, flow) if width < 500 else _wide(canvas, flow)
    canvas.height = y + 22
    return canvas


def _wide(canvas: Canvas, flow: Flow) -> float:
    """Records and what follows on the left, images on the right, targets below both."""
    width = (canvas.width - 4 - 20) / 2
    left, right = 2.0, 2.0 + width + 20
    records, images = flow.sources
    trunk, middle = right + 14, left + width / 2
    y = _with_aside(canvas, left, 2.0, width, records)
    start = _box(canvas, right, 2.0, width, images)
    bottom = _aside(canvas, right + INDENT, start, width - INDENT, images, trunk=trunk) if images.losses else start
    _arrow(canvas, middle, y, middle, y + GAP)
    enters = max(y + GAP + _height(flow.joined, width) / 2, start + 6)
    canvas.line(trunk, start, trunk, enters, "axis")
    canvas.line(trunk, enters, left + width, enters, "axis")
    canvas.path([(left + width + 6, enters - 4), (left + width, enters), (left + width + 6, enters + 4)], "axis")
    y = _with_aside(canvas, left, y + GAP, width, flow.joined)
    if flow.split:
        _arrow(canvas, middle, y, middle, y + GAP)
        y = _box(canvas, left, y + GAP, width, flow.split)
    return _branches(canvas, flow.targets, middle, y, max(y, bottom)) if flow.targets else max(y, bottom)


def _with_aside(canvas: Canvas, x: float, y: float, width: float, box: Box) -> float:
    """Draw a box and, below it, those who left; return the lower edge of both."""
    bottom = _box(canvas, x, y, width, box)
    return _aside(canvas, x + INDENT, bottom, width - INDENT, box, trunk=x + 14) if box.losses else bottom


def _branches(canvas: Canvas, boxes: list[Box], middle: float, start: float, y: float) -> float:
    """One row of branches, or several rows of equal length that hang on a line in the gap after the first box."""
    rows = -(-len(boxes) // BESIDE)
    beside = -(-len(boxes) // rows)
    width = (canvas.width - 4 - 20 * (beside - 1)) / beside
    for first in range(0, len(boxes), beside):
        level = y + 12
        y = _row(canvas, boxes[first : first + beside], width, middle, start, y)
        middle, start = 2 + width + 10, level
    return y


def _row(canvas: Canvas, boxes: list[Box], width: float, middle: float, start: float, y: float) -> float:
    centers = [2 + i * (width + 20) + width / 2 for i in range(len(boxes))]
    canvas.line(middle, start, middle, y + 12, "axis")
    canvas.line(min([middle, *centers]), y + 12, max([middle, *centers]), y + 12, "axis")
    for x in centers:
        _arrow(canvas, x, y + 12, x, y + 12 + GAP)
    return max(
        _with_aside(canvas, x - width / 2, y + 12 + GAP, width, box) for x, box in zip(centers, boxes, strict=True)
    )


def _narrow(canvas: Canvas, flow: Flow) -> float:
    y, trunk, last, first = 2.0, 9.0, 0.0, 0.0
    for i, box in enumerate(flow.boxes):
        height = _height(box, canvas.width - 26)
        last = y + height / 2
        first = first or last
        _arrow(canvas, trunk, last, 24, last)
        y = _box(canvas, 24, y, canvas.width - 26, box)
        if box.losses:
            y = _aside(canvas, 24 + INDENT, y, canvas.width - 26 - INDENT, box, trunk=38)
        y += GAP / 2 if i < len(flow.boxes) - 1 else 0
    canvas.line(trunk, first, trunk, last, "axis")
    return y


def _height(box: Box, width: float) -> float:
    return 2 * PAD + LINE * len(_box_lines(box, width)) - 3


def _box(canvas: Canvas, x: float, y: float, width: float, box: Box) -> float:
    """Draw a box and return its lower edge."""
    lines = _box_lines(box, width)
    height = _height(box, width)
    canvas.rect(x, y, width, height, "box", r=3)
    _write(canvas, lines, x, y, width)
    return y + height


def _aside(canvas: Canvas, x: float, y: float, width: float, box: Box, *, trunk: float) -> float:
    """Draw the box of those who left, with a branch from the trunk, and return its lower edge."""
    lines = _loss_lines(box, width)
    height = 2 * PAD + LINE * len(lines) - 3
    top = y + 8
    canvas.rect(x, top, width, height, "aside", r=3)
    _write(canvas, lines, x, top, width)
    canvas.line(trunk, y, trunk, top + height / 2, "axis")
    _arrow(canvas, trunk, top + height / 2, x, top + height / 2)
    return top + height


def _box_lines(box: Box, width: float) -> list[tuple[str, str, str]]:
    out = [(part, "strong", "") for part in wrap(box.title, width - 80, 12.6)]
    out[0] = (out[0][0], "strong", numbers.count(box.count))
    return out + [(part, "muted small", "") for line in box.lines if line for part in wrap(line, width - 26, 10.7)]


def _loss_lines(box: Box, width: float) -> list[tuple[str, str, str]]:
    out = []
    several = len({loss.unit for loss in box.losses}) > 1
    unit = ""
    for loss in box.losses:
        if loss.unit != unit and (several or loss.unit != "patient"):
            unit = loss.unit
            out.append((f"Set aside, {UNITS.get(unit, unit)}", "muted small", ""))
        words = numbers.short_why(loss.reason) if loss.reason else "Left without a recorded reason."
        for i, part in enumerate(wrap(words, width - 74, 12)):
            out.append((part, "", numbers.count(loss.count) if i == 0 else ""))
    return out


def _write(canvas: Canvas, lines: list[tuple[str, str, str]], x: float, y: float, width: float) -> None:
    at = y + PAD + 10
    for words, css, number in lines:
        canvas.text(x + 12, at, words, css)
        if number:
            canvas.text(x + width - 12, at, number, "strong", "end")
        at += LINE


def _arrow(canvas: Canvas, x1: float, y1: float, x2: float, y2: float) -> None:
    canvas.line(x1, y1, x2, y2, "axis")
    side = (
        [(x2 - 6, y2 - 4), (x2, y2), (x2 - 6, y2 + 4)] if y1 == y2 else [(x2 - 4, y2 - 6), (x2, y2), (x2 + 4, y2 - 6)]
    )
    canvas.path(side, "axis")


def _said(flow: Flow) -> str:
    parts = []
    for box in flow.boxes:
        lost = ", ".join(
            f"{numbers.count(loss.count)} {UNITS.get(loss.unit, loss.unit)} {loss.reason}" for loss in box.losses
        )
        parts.append(f"{box.title}: {numbers.count(box.count)}" + (f" (left: {lost})" if lost else ""))
    return "Cohort flow. " + "; ".join(parts)
