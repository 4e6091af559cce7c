"""Figures of one patient's time course: values, answers with their intervals, and what moved the answers."""

import math
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ichor.report import names, numbers
from ichor.report.svg import Canvas, text_width

LEFT, TOP, BOTTOM = 38.0, 30.0, 44.0
WIDTH, HEIGHT = 236.0, 108.0
LEAST_ROOM = 34.0
"""Pixels that the name of a step needs; with more steps, not every one is named."""
LINE = "fill:none;stroke:{color};stroke-width:1.8;stroke-linejoin:round"
CELL = (64.0, 24.0)
FAINTEST, STRONGEST = 0.06, 0.8
"""Opacity of a cell of the heat map with no attribution and with the largest of its answer."""
QUARTILES = (0.25, 0.75)


def time_name(time_h: float) -> str:
    """Hours since onset in words: hours up to two days, then days."""
    if not math.isfinite(time_h):
        return ""
    return f"{time_h:.0f} h" if time_h < 48 else f"{numbers.plain(time_h / 24, 0 if time_h >= 240 else 1)} d"


def draw_answers(answers: pd.DataFrame, steps: pd.DataFrame, title: str, *, simulated: bool) -> Canvas:
    """Answers of one model for one patient and target at each step.

    Parameters
    ----------
    answers : pandas.DataFrame
        ``position probability low high``; rows without a probability leave a gap.
    steps : pandas.DataFrame
        All steps of the patient: ``step position time_h``.
    title : str
        Heading.
    simulated : bool
        Whether to stamp the figure.
    """
    rows = answers.dropna(subset="probability").sort_values("position")
    said = ", ".join(f"{_of(steps, row.position)} {numbers.plain(row.probability)}" for row in rows.itertuples())
    canvas, x = _panel(title, steps, f"{title}: {said or 'no answer'}", simulated)
    y = _scale(0.0, 1.0)
    _ticks(canvas, y, [0.0, 0.5, 1.0])
    for run in _runs(rows):
        known = run.dropna(subset=["low", "high"])
        edge = [(x(row.position), y(row.high)) for row in known.itertuples()]
        edge += [(x(row.position), y(row.low)) for row in known[::-1].itertuples()]
        if len(known) > 1:
            canvas.path(edge, "", "fill:var(--net-0);fill-opacity:.18;stroke:none", close=True)
        canvas.path(
            [(x(row.position), y(row.probability)) for row in run.itertuples()], "", LINE.format(color="var(--net-0)")
        )
    for row in rows.itertuples():
        interval = numbers.interval(row.low, row.high)
        if interval:
            canvas.line(x(row.position), y(row.low), x(row.position), y(row.high), "", "stroke:var(--net-0)")
        words = f"{_of(steps, row.position)}: {numbers.plain(row.probability)}" + (f" ({interval})" if interval else "")
        canvas.marker(x(row.position), y(row.probability), "circle", "var(--net-0)", 3.6, words)
    return canvas


def draw_values(
    values: pd.DataFrame, steps: pd.DataFrame, usual: pd.DataFrame, title: str, *, simulated: bool
) -> Canvas:
    """Values of one variable of one patient, over the middle half of the train patients at the same steps.

    Parameters
    ----------
    values : pandas.DataFrame
        ``position value`` of the patient.
    steps : pandas.DataFrame
        All steps of the patient: ``step position time_h``.
    usual : pandas.DataFrame
        ``step low high``, of `usual_values`.
    title : str
        Heading, with the unit.
    simulated : bool
        Whether to stamp the figure.
    """
    rows = values.dropna(subset="value").sort_values("position")
    said = ", ".join(f"{_of(steps, row.position)} {numbers.plain(row.value, 1)}" for row in rows.itertuples())
    canvas, x = _panel(title, steps, f"{title}: {said or 'not measured'}", simulated)
    band = steps.merge(usual, on="step").sort_values("position")
    seen = np.concatenate([rows["value"], band["low"], band["high"]]).astype(float)
    if not len(seen):
        canvas.text(LEFT + 8, TOP + HEIGHT / 2, "not measured", "muted")
        return canvas
    low, high = _range(seen)
    y = _scale(low, high)
    _ticks(canvas, y, [low, high])
    for row in band.itertuples():
        top = min(y(row.high), y(row.low) - 1)
        canvas.rect(x(row.position) - 7, top, 14, y(row.low) - top, "", "fill:var(--muted);fill-opacity:.22")
    canvas.path([(x(row.position), y(row.value)) for row in rows.itertuples()], "", LINE.format(color="var(--accent)"))
    for row in rows.itertuples():
        words = f"{_of(steps, row.position)}: {numbers.plain(row.value, 1)}"
        canvas.marker(x(row.position), y(row.value), "circle", "var(--accent)", 3.4, words)
    return canvas


def draw_parts(parts: pd.DataFrame, steps: pd.DataFrame, title: str, *, simulated: bool) -> Canvas:
    """Heat map of what each value brings to one answer: a row per feature, a column per step, the record first.

    Parameters
    ----------
    parts : pandas.DataFrame
        ``position feature attribution``; no position = the record.
    steps : pandas.DataFrame
        Columns: ``step position time_h``.
    title : str
        What is explained.
    simulated : bool
        Whether to stamp the figure.
    """
    size = parts.groupby("feature")["attribution"].agg(lambda own: own.abs().sum())
    features = list(size.sort_values(ascending=False, kind="stable").index)
    columns = ([None] if parts["position"].isna().any() else []) + [int(place) for place in steps["position"]]
    left = 18 + max((text_width(names.variable(name)) for name in features), default=60.0)
    width = max(left + CELL[0] * len(columns) + 10, text_width(title, 13) + 20)
    said = "; ".join(f"{names.variable(name)} {numbers.plain(size[name])}" for name in features[:5])
    label = f"{title}. Largest sizes in log odds: {said}."
    canvas = Canvas(width, 62 + CELL[1] * len(features) + 18, label, simulated=simulated)
    canvas.text(8, 18, title, "head")
    for number, place in enumerate(columns):
        middle = left + CELL[0] * (number + 0.5)
        head = "Record" if place is None else _of(steps, place)
        for line, word in enumerate(head.split(" ", 1)):
            canvas.text(middle, 40 + 12 * line, word, "small muted", "middle")
    top = float(parts["attribution"].abs().max()) or 1.0
    for line, feature in enumerate(features):
        y = 58 + CELL[1] * line
        canvas.text(left - 8, y + 16, names.variable(feature), anchor="end")
        own = parts[parts["feature"] == feature]
        for number, place in enumerate(columns):
            amount = own.loc[own["position"].isna() if place is None else own["position"] == place, "attribution"]
            if len(amount):
                _cell(canvas, left + CELL[0] * number, y, float(amount.sum()), top)
    return canvas


def usual_values(values: pd.DataFrame, least: int = 5) -> pd.DataFrame:
    """Quartiles of each variable at each step among some patients: ``variable step low high``.

    Parameters
    ----------
    values : pandas.DataFrame
        ``variable step value``, of train patients.
    least : int
        Values that there must be.
    """
    known = values.dropna(subset="value")
    rows = [
        (variable, step, *own.quantile(QUARTILES))
        for (variable, step), own in known.groupby(["variable", "step"])["value"]
        if len(own) >= least
    ]
    return pd.DataFrame(rows, columns=["variable", "step", "low", "high"])


def _panel(title: str, steps: pd.DataFrame, label: str, simulated: bool):
    """Canvas with names of steps below, and the function from positions to pixels; steps stand evenly."""
    canvas = Canvas(LEFT + WIDTH + 14, TOP + HEIGHT + BOTTOM, label, simulated=simulated)
    canvas.text(8, 17, title, "head")
    count = max(1, len(steps))
    room = WIDTH / count
    order = {int(place): number for number, place in enumerate(sorted(steps["position"]))}

    def x(position: float) -> float:
        return LEFT + room * (order[int(position)] + 0.5)

    base = TOP + HEIGHT
    canvas.line(LEFT, base, LEFT + WIDTH, base, "axis")
    for number, row in enumerate(steps.sort_values("position").itertuples()):
        said = f"{names.step(row.step)}, {time_name(row.time_h)}"
        canvas.region(x(row.position) - room / 2, base, room, 28, said)
        if number % math.ceil(LEAST_ROOM / room):
            continue
        word = names.step(row.step)
        if text_width(word, 10.5) > max(room, LEAST_ROOM) - 2:
            word = _short(word)
        canvas.text(x(row.position), base + 13, word, "muted small", "middle")
        canvas.text(x(row.position), base + 25, time_name(row.time_h), "muted small", "middle")
    return canvas, x


def _cell(canvas: Canvas, x: float, y: float, amount: float, top: float) -> None:
    color = "var(--net-0)" if amount >= 0 else "var(--floor-0)"
    strength = FAINTEST + (STRONGEST - FAINTEST) * abs(amount) / top
    canvas.rect(x + 1, y + 1, CELL[0] - 2, CELL[1] - 2, "", f"fill:{color};fill-opacity:{strength:.2f}")
    sign = "+" if amount > 0 and numbers.plain(amount) != "0.00" else ""
    css = "small strong" if strength > 0.5 else "small"
    canvas.text(x + CELL[0] / 2, y + 16, sign + numbers.plain(amount), css, "middle")


def _scale(low: float, high: float):
    return lambda value: TOP + HEIGHT * (high - float(value)) / (high - low)


def _ticks(canvas: Canvas, y, values: Sequence[float]) -> None:
    digits = 0 if all(float(value).is_integer() for value in values) else 1
    for value in values:
        canvas.line(LEFT, y(value), LEFT + WIDTH, y(value), "grid")
        canvas.text(LEFT - 5, y(value) + 4, numbers.plain(value, digits), "muted small", "end")


def _range(seen: np.ndarray) -> tuple[float, float]:
    """Ends of an axis that holds all values, rounded outwards to whole numbers where these are wide enough apart."""
    low, high = float(np.nanmin(seen)), float(np.nanmax(seen))
    if high - low >= 2:
        return math.floor(low), math.ceil(high)
    middle, half = (low + high) / 2, max(0.5, 0.6 * (high - low))
    return round(middle - half, 1), round(middle + half, 1)


def _runs(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Parts of the answers without a gap between their positions."""
    if rows.empty:
        return []
    gap = rows["position"].astype(float).diff() > 1
    return [own for _, own in rows.groupby(gap.cumsum())]


def _of(steps: pd.DataFrame, position: float) -> str:
    return names.step(steps.loc[steps["position"] == position, "step"].iloc[0])


def _short(word: str) -> str:
    """First letter of the first word with what follows a number, as in ``D 3``; else the first letters."""
    number = re.search(r"\d+$", word)
    return f"{word[0]} {number.group()}" if number else f"{word.split()[0][:5]}."
