"""Cohort flow: how many patients reach each step, and for what reason the others leave."""

from dataclasses import dataclass

import pandas as pd

from ichor.report import numbers
from ichor.report.svg import Canvas, text_width

LINE, PAD, GAP = 17.0, 10.0, 24.0


@dataclass(frozen=True)
class Step:
    """One step of the flow.

    Attributes
    ----------
    title : str
        Who is counted here.
    total : int
        How many there are.
    by_center : dict
        Center -> how many.
    losses : list of (str, dict)
        Reason code and center -> how many left before this step for that reason.
    """

    title: str
    total: int
    by_center: dict[str, int]
    losses: list[tuple[str, dict[str, int]]]


def draw(steps: list[Step], *, simulated: bool, width: float = 760) -> Canvas:
    """Flow chart from top to bottom; those who leave branch off to the side (below, on a narrow chart)."""
    narrow = width < 500
    main = width - 26 if narrow else 330.0
    side_x, side = (26.0, width - 30) if narrow else (main + 44, width - main - 48)
    texts = [_main_lines(step, main) for step in steps]
    leaves = [_side_lines(step, side) for step in steps]
    height = sum(_main_height(text) for text in texts)
    for leave in leaves[1:]:
        height += GAP + (max(_side_height(leave), 0) + (GAP if leave and narrow else 0))
    canvas = Canvas(width, height + 24, _said(steps), simulated=simulated)
    y = 2.0
    for i, (step, text, leave) in enumerate(zip(steps, texts, leaves, strict=True)):
        if i:
            drop = GAP + _side_height(leave) + (GAP if leave and narrow else 0)
            x = 13.0 if narrow else main / 2
            _arrow(canvas, x, y, x, y + drop)
            if leave:
                top = y + GAP / 2
                middle = top + _side_height(leave) / 2
                _arrow(canvas, x, middle, side_x, middle)
                _box(canvas, side_x, top, side, _side_height(leave), leave, "box aside")
            y += drop
        _box(canvas, 2, y, main - 4 if not narrow else width - 6, _main_height(text), text, "box")
        y += _main_height(text)
        del step
    return canvas


def _main_height(lines: list) -> float:
    return 2 * PAD + LINE * len(lines) - 3


def _side_height(lines: list) -> float:
    return 2 * PAD + LINE * len(lines) - 3 if lines else 0.0


def _main_lines(step: Step, width: float) -> list[tuple[str, str, str]]:
    out = [(part, "strong", "") for part in _wrap(step.title, width - 70)]
    out[0] = (out[0][0], "strong", numbers.count(step.total))
    centers = ", ".join(f"{center} {numbers.count(n)}" for center, n in step.by_center.items())
    return out + [(part, "muted small", "") for part in _wrap(centers, width - 24, 10.5)]


def _side_lines(step: Step, width: float) -> list[tuple[str, str, str]]:
    out = []
    for reason, by_center in step.losses:
        total = sum(by_center.values())
        for i, part in enumerate(_wrap(numbers.short_why(reason), width - 66)):
            out.append((part, "", numbers.count(total) if i == 0 else ""))
        where = ", ".join(f"{center} {numbers.count(n)}" for center, n in by_center.items() if n)
        out += [(part, "muted small", "") for part in _wrap(f"{reason}: {where}", width - 24, 10.5)]
    return out


def _box(canvas: Canvas, x: float, y: float, width: float, height: float, lines: list, css: str) -> None:
    canvas.rect(x, y, width, height, css, r=3)
    at = y + PAD + 11
    for words, look, number in lines:
        canvas.text(x + 12, at, words, look)
        if number:
            canvas.text(x + width - 12, at, number, "strong", "end")
        at += LINE


def _arrow(canvas: Canvas, x1: float, y1: float, x2: float, y2: float) -> None:
    canvas.line(x1, y1, x2, y2, "axis")
    if x1 == x2:
        head = [(x2 - 4, y2 - 7), (x2, y2), (x2 + 4, y2 - 7)]
    else:
        head = [(x2 - 7, y2 - 4), (x2, y2), (x2 - 7, y2 + 4)]
    canvas.path(head, "axis")


def _wrap(words: str, width: float, size: float = 12.0) -> list[str]:
    lines, line = [], ""
    for word in words.split():
        if line and text_width(f"{line} {word}", size) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line] if line else lines


def _said(steps: list[Step]) -> str:
    parts = []
    for step in steps:
        for reason, by_center in step.losses:
            parts.append(f"{numbers.count(sum(by_center.values()))} left: {numbers.short_why(reason)}")
        parts.append(f"{numbers.count(step.total)} {step.title[0].lower()}{step.title[1:]}")
    return "Cohort flow. " + "; ".join(parts)
