"""A small canvas for SVG figures that follow the page's light and dark colors and print sharp."""

import base64
from html import escape

FONT = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'

# Colors of a figure that stands alone (a file opened without the page): the page's light theme.
LIGHT = {
    "--paper": "#ffffff",
    "--panel": "#ffffff",
    "--ink": "#1c2328",
    "--muted": "#56626b",
    "--rule": "#d9d5cc",
    "--soft": "#f1eee7",
    "--accent": "#7d1f2c",
    "--warn-ink": "#6f4700",
    "--net-0": "#0061a8",
    "--net-1": "#a8327e",
    "--net-2": "#00785c",
    "--net-3": "#5b4bb7",
    "--floor-0": "#bd4b00",
    "--floor-1": "#86620a",
    "--floor-2": "#5a646c",
    "--floor-3": "#7a4630",
    "--center-0": "#0061a8",
    "--center-1": "#bd4b00",
    "--center-2": "#00785c",
    "--center-3": "#a8327e",
    "--center-4": "#86620a",
    "--center-5": "#5b4bb7",
    "--center-6": "#5a646c",
    "--center-7": "#7a4630",
}

RULES = f"""
.fig text{{font-family:{FONT};fill:var(--ink);font-size:12px}}
.fig .muted{{fill:var(--muted)}} .fig .small{{font-size:10.5px}} .fig .strong{{font-weight:600}}
.fig .head{{font-weight:600;font-size:13px}}
.fig .grid{{stroke:var(--rule);stroke-width:1;fill:none}} .fig .axis{{stroke:var(--muted);stroke-width:1;fill:none}}
.fig .guide{{stroke:var(--muted);stroke-width:1;stroke-dasharray:3 3;fill:none}}
.fig .stamp{{fill:var(--warn-ink);font-size:10px;font-weight:600;letter-spacing:.04em}}
.fig .box{{fill:var(--panel);stroke:var(--muted);stroke-width:1}} .fig .aside{{fill:var(--soft);stroke:var(--rule)}}
"""

STAMP = "simulated patients"


class Canvas:
    """A figure under construction.

    Parameters
    ----------
    width, height : float
        Size in CSS pixels; the figure scales with its container.
    label : str
        What the figure shows, for people who do not see it (becomes the accessible name).
    simulated : bool
        Whether to stamp the figure as made from simulated patients.
    """

    def __init__(self, width: float, height: float, label: str, *, simulated: bool) -> None:
        self.width, self.height, self.label, self.simulated = width, height, label, simulated
        self._parts: list[str] = []

    def line(self, x1: float, y1: float, x2: float, y2: float, css: str = "", style: str = "") -> None:
        """Straight line; `css` names classes, `style` holds inline style."""
        self._add(f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"{_look(css, style)}/>')

    def rect(
        self, x: float, y: float, width: float, height: float, css: str = "", style: str = "", r: float = 0
    ) -> None:
        """Rectangle with corner radius `r`."""
        self._add(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="{_n(r)}"{_look(css, style)}/>'
        )

    def path(self, points: list[tuple[float, float]], css: str = "", style: str = "", *, close: bool = False) -> None:
        """Polyline through `points` (pixels); a polygon when `close`."""
        if points:
            self._add(f'<path d="{_steps(points)}{"Z" if close else ""}"{_look(css, style)}/>')

    def dots(self, points: list[tuple[float, float]], style: str) -> None:
        """Many round points as one path of zero-length strokes: ten bytes a point instead of fifty."""
        if points:
            data = "".join(f"M{_n(x)} {_n(y)}h0" for x, y in points)
            self._add(f'<path d="{data}" stroke-linecap="round" fill="none" style="{escape(style)}"/>')

    def marker(self, x: float, y: float, shape: str, color: str, size: float = 4.0, title: str = "") -> None:
        """Point symbol: circle or square (filled), diamond or triangle (open); `title` shows on hovering."""
        tip = f"<title>{escape(title)}</title>" if title else ""
        style = f"fill:{color};stroke:{color};stroke-width:1.5"
        if shape in ("diamond", "triangle", "ring"):
            style = f"fill:var(--panel);stroke:{color};stroke-width:1.8"
        if shape in ("circle", "ring"):
            self._add(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(size)}" style="{style}">{tip}</circle>')
            return
        s = size * 1.25
        corners = {
            "square": [(x - size, y - size), (x + size, y - size), (x + size, y + size), (x - size, y + size)],
            "diamond": [(x, y - s), (x + s, y), (x, y + s), (x - s, y)],
            "triangle": [(x, y - s), (x + s, y + size), (x - s, y + size)],
        }[shape]
        self._add(f'<path d="{_steps(corners)}Z" style="{style}">{tip}</path>')

    def text(self, x: float, y: float, words: str, css: str = "", anchor: str = "start", turn: float = 0) -> None:
        """Text at its baseline; `anchor` is start, middle or end; `turn` in degrees."""
        where = f' transform="rotate({_n(turn)} {_n(x)} {_n(y)})"' if turn else ""
        aim = f' text-anchor="{anchor}"' if anchor != "start" else ""
        self._add(f'<text x="{_n(x)}" y="{_n(y)}"{aim}{where}{_look(css, "")}>{escape(str(words))}</text>')

    def image(self, x: float, y: float, width: float, height: float, png: bytes) -> None:
        """PNG picture, embedded."""
        data = base64.b64encode(png).decode("ascii")
        self._add(
            f'<image x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" '
            f'href="data:image/png;base64,{data}"/>'
        )

    def letter(self, x: float, y: float, words: str) -> None:
        """Light letter on a dark picture (side marks)."""
        self._add(f'<text x="{_n(x)}" y="{_n(y)}" style="fill:#fff;font-size:11px">{escape(words)}</text>')

    def region(self, x: float, y: float, width: float, height: float, title: str) -> None:
        """Invisible rectangle that shows `title` on hovering."""
        self._add(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" fill="transparent">'
            f"<title>{escape(title)}</title></rect>"
        )

    def place(self, other: "Canvas", x: float, y: float) -> None:
        """Put another canvas (without its stamp) at a place of this one."""
        self._add(f'<g transform="translate({_n(x)} {_n(y)})">{"".join(other._parts)}</g>')

    def render(self, *, alone: bool = False, css: str = "") -> str:
        """SVG text; `alone` adds the colors and a background that the page would otherwise give."""
        stamp = ""
        if self.simulated:
            place = f'x="{_n(self.width - 4)}" y="{_n(self.height - 4)}" text-anchor="end"'
            stamp = f'<text {place} class="stamp">{STAMP}</text>'
        head, back = "", ""
        if alone:
            colors = "".join(f"{name}:{value};" for name, value in LIGHT.items())
            head = f"<style>svg.fig{{{colors}}}{RULES}</style>"
            back = f'<rect width="{_n(self.width)}" height="{_n(self.height)}" fill="#ffffff"/>'
        size = f'width="{_n(self.width)}" height="{_n(self.height)}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="{escape(f"fig {css}".strip())}" {size} '
            f'viewBox="0 0 {_n(self.width)} {_n(self.height)}" role="img" aria-label="{escape(self.label)}">'
            f"{head}{back}{''.join(self._parts)}{stamp}</svg>"
        )

    def _add(self, part: str) -> None:
        self._parts.append(part)


def stack(canvases: list[Canvas], columns: int, label: str, *, gap: float = 14) -> Canvas:
    """One canvas with several in rows of `columns`; stamped once if any of them is."""
    rows = [canvases[i : i + columns] for i in range(0, len(canvases), columns)]
    width = max(sum(c.width for c in row) + gap * (len(row) - 1) for row in rows)
    height = sum(max(c.height for c in row) for row in rows) + gap * (len(rows) - 1) + 14
    whole = Canvas(width, height, label, simulated=any(c.simulated for c in canvases))
    y = 0.0
    for row in rows:
        x = 0.0
        for canvas in row:
            whole.place(canvas, x, y)
            x += canvas.width + gap
        y += max(c.height for c in row) + gap
    return whole


def note(words: str, *, simulated: bool, width: float = 420) -> Canvas:
    """Canvas that only says why there is nothing to draw."""
    canvas = Canvas(width, 60, words, simulated=simulated)
    canvas.text(8, 26, words, "muted")
    return canvas


def text_width(words: str, size: float = 12.0) -> float:
    """Width of a text in pixels, estimated: no fonts are measured, so that every machine draws the same."""
    wide = sum(1 for letter in words if letter in "mwMW@%")
    thin = sum(1 for letter in words if letter in "iljtf.,:;'|!()[] ")
    return size * (0.56 * (len(words) - wide - thin) + 0.86 * wide + 0.33 * thin)


def wrap(words: str, width: float, size: float = 12.0) -> list[str]:
    """Lines of a text that are at most `width` pixels wide, by `text_width`."""
    lines, line = [], ""
    for word in words.split():
        if line and text_width(f"{line} {word}", size) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line] if line else lines


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def _steps(points: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points)


def _look(css: str, style: str) -> str:
    return (f' class="{escape(css)}"' if css else "") + (f' style="{escape(style)}"' if style else "")
