"""A panel with two axes, drawn on a canvas: domain to pixels, ticks, grid, labels."""

import math
from collections.abc import Callable

from ichor.report.svg import Canvas

LEFT, RIGHT, TOP, BOTTOM = 50.0, 12.0, 30.0, 58.0


class Panel:
    """One plot with axes.

    Parameters
    ----------
    title, x_label, y_label : str
        Words on the panel; labels name the unit.
    x_range, y_range : (float, float)
        Domain of the axes.
    label : str
        What the panel shows, for people who do not see it.
    simulated : bool
        Whether to stamp the panel.
    width, height : float
        Size of the plot area in pixels.
    x_scale, y_scale : callable, optional
        Increasing function of the values, for example `numpy.cbrt`, in which the axis is even.
    """

    def __init__(
        self,
        title: str,
        x_label: str,
        y_label: str,
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        *,
        label: str,
        simulated: bool,
        width: float = 258,
        height: float = 258,
        x_scale: Callable[[float], float] | None = None,
        y_scale: Callable[[float], float] | None = None,
    ) -> None:
        self.x_scale, self.y_scale = x_scale or float, y_scale or float
        self.x_range, self.y_range, self.size = x_range, y_range, (width, height)
        self.canvas = Canvas(LEFT + width + RIGHT, TOP + height + BOTTOM, label, simulated=simulated)
        self.canvas.text(LEFT, 16, title, "head")
        self.canvas.text(LEFT + width / 2, TOP + height + 34, x_label, anchor="middle")
        self.canvas.text(13, TOP + height / 2, y_label, anchor="middle", turn=-90)

    def x(self, value: float) -> float:
        """Pixel of a value on the horizontal axis."""
        low, high, at = (self.x_scale(v) for v in (*self.x_range, value))
        return LEFT + self.size[0] * (at - low) / (high - low)

    def y(self, value: float) -> float:
        """Pixel of a value on the vertical axis."""
        low, high, at = (self.y_scale(v) for v in (*self.y_range, value))
        return TOP + self.size[1] * (high - at) / (high - low)

    def inside(self, x: float, y: float) -> bool:
        """Whether a point lies in the domain."""
        return self.x_range[0] <= x <= self.x_range[1] and self.y_range[0] <= y <= self.y_range[1]

    def points(self, xs, ys) -> list[tuple[float, float]]:
        """Pixels of values, clipped to the plot area, without repeated pixels."""
        out: list[tuple[float, float]] = []
        for x, y in zip(xs, ys, strict=True):
            if math.isnan(x) or math.isnan(y):
                continue
            low_x, high_x = self.x_range
            low_y, high_y = self.y_range
            at = (
                round(self.x(min(max(x, low_x), high_x)), 1),
                round(self.y(min(max(y, low_y), high_y)), 1),
            )
            if not out or out[-1] != at:
                out.append(at)
        return out

    def axes(self, x_ticks: list[float], y_ticks: list[float], digits: tuple[int, int] = (1, 1)) -> None:
        """Grid, ticks and tick labels."""
        low_x, high_x = self.x_range
        low_y, high_y = self.y_range
        for value in x_ticks:
            self.canvas.line(self.x(value), self.y(low_y), self.x(value), self.y(high_y), "grid")
            self.canvas.text(self.x(value), self.y(low_y) + 16, tick(value, digits[0]), "muted small", "middle")
        for value in y_ticks:
            self.canvas.line(self.x(low_x), self.y(value), self.x(high_x), self.y(value), "grid")
            self.canvas.text(LEFT - 6, self.y(value) + 4, tick(value, digits[1]), "muted small", "end")
        self.canvas.line(self.x(low_x), self.y(low_y), self.x(high_x), self.y(low_y), "axis")
        self.canvas.line(self.x(low_x), self.y(low_y), self.x(low_x), self.y(high_y), "axis")


def tick(value: float, digits: int) -> str:
    """Tick label with a true minus sign."""
    text = f"{value:.{digits}f}"
    return (text.lstrip("-") if float(text) == 0 else text).replace("-", "−")


def nice_ticks(low: float, high: float, about: int = 5) -> tuple[list[float], int]:
    """Round tick values inside a range and the decimals they need."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low], 1
    power = 10 ** math.floor(math.log10(span / about))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if span / (power * factor) <= about + 1)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    digits += 0 if abs(round(step, digits) - step) < 1e-12 else 1
    return [i * step for i in range(first, last + 1)], digits


def thin(points: list[tuple[float, float]], tolerance: float = 0.25) -> list[tuple[float, float]]:
    """Drop points that lie on the line between their neighbors (within `tolerance` pixels)."""
    if len(points) < 3:
        return points
    out = [points[0]]
    for here, after in zip(points[1:-1], points[2:], strict=True):
        (x0, y0), (x1, y1), (x2, y2) = out[-1], here, after
        length = math.hypot(x2 - x0, y2 - y0)
        off = abs((x2 - x0) * (y0 - y1) - (x0 - x1) * (y2 - y0)) / length if length else math.hypot(x1 - x0, y1 - y0)
        if off > tolerance:
            out.append(here)
    return [*out, points[-1]]
