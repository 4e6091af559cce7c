"""The page of a generator: synthetic cases beside their nearest patients, distances, and what the cases are worth."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from markupsafe import Markup
from PIL import Image

from ichor import __version__
from ichor.disk_space import whole_file
from ichor.report import numbers, slice_view, svg, synthesis_words
from ichor.report.axes import Panel, nice_ticks
from ichor.report.templates import TEMPLATES, environment

PIXELS = 176
"""Side of a slice on the page; 96 mm."""
OUTLINES = {"synthetic": (255, 176, 0), "real": (92, 208, 255)}
GROUPS = {
    "real": ("Train patients, to the nearest other one", "var(--floor-2)", "5 3"),
    "accepted": ("Accepted cases, to the nearest train patient", "var(--net-0)", ""),
    "refused": ("Refused cases", "var(--accent)", "2 2"),
}
BINS = 24


class Pair(Protocol):
    """A synthetic case and its nearest patient, as `ichor.synthesis.pairs.Pair` describes them."""

    case: str
    outcome: str
    distance: float
    mirrored: bool
    neighbour: int
    parents: tuple[int, ...]
    synthetic_hu: np.ndarray
    synthetic_mask: np.ndarray
    real_hu: np.ndarray
    real_mask: np.ndarray


def write_synthesis_page(
    out: Path,
    *,
    study: dict,
    generator: str,
    kind: str,
    split: str,
    worth: pd.DataFrame,
    distances: pd.DataFrame,
    pairs: Sequence[Pair],
    facts: dict,
) -> None:
    """Write the page; pictures are inside, it needs no other file.

    Parameters
    ----------
    out : Path
        HTML file.
    study : dict
        ``title`` and ``simulated``.
    generator, kind, split : str
        Whose page it is.
    worth : DataFrame
        Table ``worth``.
    distances : DataFrame
        Columns group (`GROUPS`) and distance.
    pairs : sequence of Pair
        Of `ichor.synthesis.worth.check_synthetic`, like `facts`.
    facts : dict
        ``region``, ``refusal_distance``, ``quantile``.
    """
    simulated = bool(study["simulated"])
    context = {
        "study": dict(study),
        "generator": generator,
        "kind": kind,
        "split": split,
        "version": __version__,
        "tiles": _tiles(worth),
        "leaks": synthesis_words.leaks(worth),
        "sentences": synthesis_words.sentences(worth, facts["region"]),
        "rows": synthesis_words.table(worth),
        "region": facts["region"],
        "limit": numbers.plain(facts["refusal_distance"]),
        "quantile": numbers.percent(facts["quantile"], 1, 0 if facts["quantile"] >= 0.01 else 1),
        "histogram": Markup(draw_distances(distances, facts["refusal_distance"], simulated=simulated).render()),
        "legend": [
            {"name": name, "color": color, "dash": dash}
            for key, (name, color, dash) in GROUPS.items()
            if (distances["group"] == key).any()
        ],
        "groups": _groups(pairs),
        "css": Markup((TEMPLATES / "page.css").read_text() + (TEMPLATES / "synthesis.css").read_text()),
        "svg_css": Markup(svg.RULES),
    }
    text = environment().get_template("synthesis.html.j2").render(context)
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as part:
        part.write_text(text.lstrip(), encoding="utf-8", newline="\n")


def draw_distances(distances: pd.DataFrame, limit: float, *, simulated: bool) -> svg.Canvas:
    """Histogram of distances, synthetic to real beside real to real, each group's shares."""
    values = distances["distance"].to_numpy(float)
    if not values.size:
        return svg.note("There is nothing to compare.", simulated=simulated)
    high = max(float(values.max()), limit) * 1.05
    edges = np.linspace(0, high, BINS + 1)
    shares = {}
    for key in GROUPS:
        own = values[(distances["group"] == key).to_numpy()]
        if own.size:
            shares[key] = 100 * np.histogram(own, edges)[0] / own.size
    top = max(share.max() for share in shares.values()) * 1.12
    medians = distances.groupby("group")["distance"].median()
    said = "; ".join(f"{GROUPS[key][0].lower()}: median {numbers.plain(medians[key])}" for key in shares)
    panel = Panel(
        "Distance to the nearest patient", "Distance (0 = the same scan)", "Share of the group (%)",
        (0, high), (0, top),
        label=f"Histogram of distances. {said}. Cases below {numbers.plain(limit)} are refused.",
        simulated=simulated, width=560, height=200,
    )  # fmt: skip
    (x_ticks, x_digits), (y_ticks, y_digits) = nice_ticks(0, high), nice_ticks(0, top)
    panel.axes(x_ticks, y_ticks, (x_digits, y_digits))
    for key, share in shares.items():
        steps = [(edges[0], 0.0)]
        for index, height in enumerate(share):
            steps += [(edges[index], height), (edges[index + 1], height)]
        steps.append((edges[-1], 0.0))
        _, color, dash = GROUPS[key]
        style = f"fill:none;stroke:{color};stroke-width:2{f';stroke-dasharray:{dash}' if dash else ''}"
        panel.canvas.path(panel.points(*zip(*steps, strict=True)), "", style)
    panel.canvas.line(panel.x(limit), panel.y(0), panel.x(limit), panel.y(top), "guide")
    panel.canvas.text(panel.x(limit) + 4, panel.y(top) + 12, "refused below", "muted small")
    return panel.canvas


def picture(image_hu: np.ndarray, mask: np.ndarray, color: tuple[int, int, int]) -> bytes:
    """Slices side by side with the outline of the hematoma, the patient's right on the left, as PNG.

    Parameters
    ----------
    image_hu : array, shape (x, y, slices)
        HU, square voxels.
    mask : array of bool, same shape
        Hematoma.
    color : tuple of int
        Of its outline.
    """
    low, high = slice_view.WINDOW_HU
    tiles = []
    for level in range(image_hu.shape[2]):
        gray = np.clip((image_hu[::-1, ::-1, level].T.astype(float) - low) / (high - low), 0, 1) * 255
        large = Image.fromarray(gray.round().astype(np.uint8)).resize((PIXELS, PIXELS), Image.Resampling.BICUBIC)
        shape = Image.fromarray(mask[::-1, ::-1, level].T.astype(np.uint8) * 255).resize(large.size)
        tile = np.repeat(np.asarray(large)[:, :, None], 3, axis=2)
        tile[slice_view.edge(np.asarray(shape) >= 128)] = color
        tiles.append(tile)
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(tiles, axis=1)).quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _groups(pairs: Sequence[Pair]) -> list[dict]:
    """Refused and accepted pairs, each with its pictures as data URIs."""
    groups = []
    for outcome, heading in (("refused", "Refused"), ("accepted", "Accepted: the nearest, some between, the furthest")):
        shown = [_shown(pair) for pair in pairs if pair.outcome == outcome]
        if shown:
            groups.append({"id": outcome, "heading": heading, "pairs": shown})
    return groups


def _shown(pair: Pair) -> dict:
    parents = [f"no. {place}" for place in pair.parents]
    return {
        "case": pair.case,
        "distance": numbers.plain(pair.distance),
        "mirrored": pair.mirrored,
        "neighbour": pair.neighbour,
        "parents": " and ".join(parents),
        "is_parent": pair.neighbour in pair.parents,
        "synthetic": _embedded(picture(pair.synthetic_hu, pair.synthetic_mask, OUTLINES["synthetic"])),
        "real": _embedded(picture(pair.real_hu, pair.real_mask, OUTLINES["real"])),
    }


def _embedded(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _tiles(worth: pd.DataFrame) -> list[dict]:
    of = worth.set_index("quantity")["estimate"]
    wanted = [
        ("Cases made", "n_candidates", 0),
        ("Accepted", "n_accepted", 0),
        ("Refused", "n_refused", 0),
        ("Train patients", "n_train", 0),
        ("Membership AUC", "membership_auc", 2),
        ("Refusal limit", "refusal_distance", 2),
    ]
    return [{"name": name, "value": numbers.plain(of.get(key), digits)} for name, key, digits in wanted]
