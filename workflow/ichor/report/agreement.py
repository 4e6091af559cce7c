"""Plot of how well predicted masks agree with reference masks: Dice by center."""

import pandas as pd

from ichor.report import names, numbers
from ichor.report.svg import Canvas, text_width


def draw_dice(cases: pd.DataFrame, summary: pd.DataFrame, label: str, *, simulated: bool, width: float = 350) -> Canvas:
    """Dice of every scan by center, with median and quartiles.

    Parameters
    ----------
    cases : DataFrame
        Table ``agreement_cases`` of one split.
    summary : DataFrame
        Agreement table of the same split: columns center, label, n_dice, dice_q1, dice_median, dice_q3.
    label : str
        Which label, for example ``"iph"``.
    simulated : bool
        Whether to stamp the figure.
    width : float
        Width in pixels.
    """
    summary, cases = (table[table["label"] == label] for table in (summary, cases))
    centers = [c for c in sorted(summary["center"], key=names.center_order)]
    title = f"{names.LABELS.get(label, label)}: Dice"
    said = "; ".join(
        f"{names.center(row.center)}: median {numbers.plain(row.dice_median)}, quartiles "
        f"{numbers.interval(row.dice_q1, row.dice_q3) or 'not available'}" for row in summary.itertuples()
    )  # fmt: skip
    step, bottom = min(max(220.0 / max(len(centers), 1), 24.0), 44.0), 50.0
    canvas = Canvas(width, max(28 + step * len(centers) + bottom, 298), f"{title}. {said}.", simulated=simulated)
    canvas.text(2, 16, title, "head")
    left = 20 + max([text_width(names.center(c)) for c in centers] + [40])
    right, floor = width - 12, 28 + step * len(centers)
    for value in (0, 0.2, 0.4, 0.6, 0.8, 1.0):
        x = left + (right - left) * value
        canvas.line(x, 26, x, floor, "grid")
        canvas.text(x, floor + 15, f"{value:.1f}", "muted small", "middle")
    canvas.text((left + right) / 2, floor + 32, "Dice coefficient (0 none, 1 full overlap)", anchor="middle")
    for i, center in enumerate(centers):
        own = cases if center == "all" else cases[cases["center"] == center]
        row = summary[summary["center"] == center].iloc[0]
        y, color = 28 + step * (i + 0.5), "var(--ink)" if center == "all" else "var(--net-0)"
        _strip(canvas, own["dice"], row, y, left, right, color)
        canvas.text(left - 8, y + 4, names.center(center), "", "end")
    return canvas


def _strip(canvas: Canvas, dice: pd.Series, row: pd.Series, y: float, left: float, right: float, color: str) -> None:
    values = dice.dropna().to_numpy(float)
    # A golden-ratio sequence spreads the points without a random draw.
    points = [(left + (right - left) * v, y + 16 * ((i * 0.618034) % 1 - 0.5)) for i, v in enumerate(values)]
    canvas.dots(points, f"stroke:{color};stroke-width:3.4;opacity:.38")
    if numbers.missing(row["dice_median"]):
        canvas.text(left + 4, y + 4, f"{numbers.DASH} no scan with a reference", "muted small")
        return
    x1, x2, x = (left + (right - left) * row[q] for q in ("dice_q1", "dice_q3", "dice_median"))
    canvas.rect(x1, y - 9, max(x2 - x1, 1), 18, "", f"fill:none;stroke:{color};stroke-width:1.4", r=2)
    canvas.line(x, y - 11, x, y + 11, "", f"stroke:{color};stroke-width:3")
    tip = f"median {numbers.plain(row['dice_median'])}, quartiles {numbers.interval(row['dice_q1'], row['dice_q3'])}"
    tip = f"{names.center(row['center'])}: {tip}, {numbers.count(row['n_dice'])} scans"
    canvas.region(left, y - 12, right - left, 24, tip)


def main_split(masks: pd.DataFrame) -> str | None:
    """Split whose masks are shown: each scan appears in every split, and one is enough for a picture."""
    present = sorted(masks["split"].unique(), key=names.split_order) if len(masks) else []
    return present[0] if present else None
