"""The quality page of a center: every scan at a glance, and every series that was set aside, with its reason."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup

from ichor import __version__
from ichor.disk_space import whole_file
from ichor.reasons import ADVICE, MEANING, Reason
from ichor.report import names, numbers
from ichor.report.quality_pictures import HISTOGRAM_HU
from ichor.report.templates import TEMPLATES, environment
from ichor.tables import STAGES

MOST_ROWS = 1500
"""Set-aside rows on the page; the rest is in the status table."""
BARS = 24


def write_quality_page(
    out: Path,
    center: str,
    scans: pd.DataFrame,
    status: pd.DataFrame,
    facts: Sequence[Path],
    *,
    study: dict,
    centers: Sequence[str] = (),
) -> None:
    """Write the page; pictures lie in folders beside it and are loaded when they come into view.

    Parameters
    ----------
    out : Path
        ``<center>.html``.
    center : str
        Name of the center.
    scans : DataFrame
        Table ``scans`` of the center's shards (before scans of all centers were brought together).
    status : DataFrame
        Table ``status``, of all stages of the ingest; other centers' rows are left out.
    facts : sequence of Path
        ``<shard>/facts.json`` of `ichor.report.quality_pictures.write_pictures`; pictures lie beside it.
    study : dict
        ``title`` and ``simulated``.
    centers : sequence of str
        All centers, for links between their pages.
    """
    status = status[status["center"] == center]
    measured = _measured(facts, out.parent)
    cards = _cards(scans, status, measured)
    context = {
        "center": center,
        "centers": list(centers),
        "study": study,
        "version": __version__,
        "tiles": _tiles(scans, cards, status),
        "distributions": _distributions(scans, cards),
        "kernels": _kernels(scans),
        "cards": cards,
        "flags": _counted(flag for card in cards for flag in card["flags"]),
        "aside": _aside(status),
        "ends": HISTOGRAM_HU,
        "css": Markup((TEMPLATES / "page.css").read_text() + (TEMPLATES / "quality.css").read_text()),
        "js": Markup((TEMPLATES / "quality.js").read_text()),
    }
    text = environment().get_template("quality.html.j2").render(context)
    with whole_file(out) as part:
        part.write_text(text.lstrip(), encoding="utf-8", newline="\n")


def _measured(facts: Sequence[Path], folder: Path) -> dict[tuple[str, str], dict]:
    found = {}
    for path in map(Path, facts):
        place = path.parent.relative_to(folder).as_posix()
        for row in json.loads(path.read_text()):
            found[row["patient"], row["time_point"]] = row | {"picture": f"{place}/{row['picture']}"}
    return found


def _cards(scans: pd.DataFrame, status: pd.DataFrame, measured: dict[tuple[str, str], dict]) -> list[dict]:
    told = _told(status)
    cards = []
    for scan in scans.sort_values(["patient", "time_point"]).itertuples():
        own = measured.get((scan.patient, scan.time_point), {})
        notes = told.get((scan.patient, scan.time_point), []) + told.get((scan.patient, ""), [])
        flags = (scan.flags or "").split(";") if isinstance(scan.flags, str) else []
        flags = list(dict.fromkeys([*flags, *(note["code"] for note in notes)]))
        cards.append(
            {
                "patient": scan.patient,
                "time_point": scan.time_point,
                "picture": own.get("picture", ""),
                "histogram": _area(own.get("histogram", [])),
                "brain_hu": own.get("brain_hu"),
                "brain": numbers.plain(own.get("brain_hu"), 0),
                "brain_ml": numbers.plain(own.get("brain_ml"), 0),
                "size": f"{scan.columns} × {scan.rows} × {scan.slices}",
                "spacing": " × ".join(
                    numbers.plain(getattr(scan, f"spacing_{axis}_mm"), 2 if axis != "z" else 1) for axis in "xyz"
                ),
                "extent": numbers.plain(scan.extent_mm, 0),
                "tilt": numbers.plain(scan.tilt_deg, 1),
                "kernel": scan.kernel or numbers.DASH,
                "range": f"{scan.hu_min} to {scan.hu_max}".replace("-", "−"),
                "flags": [flag for flag in flags if flag],
                "notes": notes,
                "out": any(note["aside"] for note in notes),
            }
        )
    return cards


def _told(status: pd.DataFrame) -> dict[tuple[str, str], list[dict]]:
    """What the status says of scans that were used, or were and then set aside when all were brought together."""
    found: dict[tuple[str, str], list[dict]] = {}
    rows = status[
        (status["outcome"] == "flagged") | ((status["outcome"] == "set_aside") & (status["stage"] == "merge"))
    ]
    for row in rows.itertuples():
        detail = row.detail if isinstance(row.detail, str) else ""
        point = next((point for point in ("baseline", "followup") if detail.startswith(point)), "")
        if row.reason == Reason.FOLLOWUP_IS_BASELINE:
            point = "followup"
        aside = row.outcome == "set_aside"
        words = detail.removeprefix(point).lstrip(":, ") if point and detail.startswith(point) else detail
        note = {"code": row.reason, "detail": words, "aside": aside, **_explained(row.reason)}
        found.setdefault((row.subject, point), []).append(note)
    return found


def _explained(code: str) -> dict[str, str]:
    known = Reason(code) if code in set(Reason) else None
    return {
        "meaning": MEANING.get(known, "") if known else "",
        "advice": ADVICE.get(known, "") if known else "",
        "page": f"docs/reference/reasons/{code}.md" if known else "",
    }


def _area(counts: Sequence[int]) -> str:
    """Points of an SVG polygon, 120 x 30, of a histogram drawn on a square-root scale (so that clot is seen)."""
    if not counts or max(counts) == 0:
        return ""
    heights = np.sqrt(np.array(counts) / max(counts))
    places = np.linspace(0, 120, len(counts))
    points = " ".join(f"{x:.0f},{30 - 28 * y:.1f}" for x, y in zip(places, heights, strict=True))
    return f"0,30 {points} 120,30"


def _tiles(scans: pd.DataFrame, cards: list[dict], status: pd.DataFrame) -> list[dict]:
    aside = status[(status["outcome"] == "set_aside") & (status["stage"] != "harmonise")]
    tiles = [
        ("Scans", len(scans)),
        ("Patients", scans["patient"].nunique()),
        ("Follow-up scans", int((scans["time_point"] == "followup").sum())),
        ("Scans with a flag", sum(bool(card["flags"]) for card in cards)),
        ("Later set aside", sum(card["out"] for card in cards)),
        ("Set aside, not converted", len(aside[aside["stage"] != "merge"])),
    ]
    return [{"name": name, "value": numbers.count(value)} for name, value in tiles]


def _distributions(scans: pd.DataFrame, cards: list[dict]) -> list[dict]:
    brain = pd.Series([card["brain_hu"] for card in cards], dtype=float)
    wanted = [
        ("Slice distance", "mm", scans["spacing_z_mm"], 1),
        ("Pixel size", "mm", scans["spacing_x_mm"], 2),
        ("Gantry tilt", "°", scans["tilt_deg"], 1),
        ("Brain, median", "HU", brain, 0),
    ]
    return [found for name, unit, values, digits in wanted if (found := _bars(name, unit, values, digits))]


def _bars(name: str, unit: str, values: pd.Series, digits: int) -> dict | None:
    values = values.dropna().to_numpy(float)
    if not values.size:
        return None
    low, high = float(values.min()), float(values.max())
    margin = 0.5 if high - low < 1e-6 else 0.0
    counts, _ = np.histogram(values, BARS, (low - margin, high + margin))
    width = 240 / BARS
    bars = [
        {"x": round(i * width + 0.5, 1), "height": round(52 * count / counts.max(), 1), "count": int(count)}
        for i, count in enumerate(counts)
        if count
    ]
    shown = [numbers.plain(value, digits) for value in (low, float(np.median(values)), high)]
    return {
        "name": name,
        "unit": unit,
        "bars": bars,
        "width": width - 1,
        "low": shown[0],
        "median": shown[1],
        "high": shown[2],
    }


def _kernels(scans: pd.DataFrame) -> list[dict]:
    counted = _counted(f"{kernel or 'not said'}" for kernel in scans["kernel"].where(scans["kernel"].notna(), None))
    return [entry | {"share": round(100 * entry["count"] / max(len(scans), 1))} for entry in counted[:12]]


def _counted(values) -> list[dict]:
    counts = pd.Series(list(values), dtype=object).value_counts()
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"name": name, "count": int(count)} for name, count in ordered]


def _aside(status: pd.DataFrame) -> dict:
    """Rows that were not used, grouped by reason in the order of the workflow."""
    rows = status[(status["outcome"] == "set_aside")].head(MOST_ROWS)
    groups = []
    for (stage, reason), part in rows.groupby(["stage", "reason"], sort=False):
        lines = [
            {"subject": row.subject or "(whole center)", "detail": row.detail or ""}
            for row in part.where(part.notna(), None).itertuples()
        ]
        order = STAGES.index(stage) if stage in STAGES else len(STAGES)
        groups.append(
            {
                "code": reason,
                "stage": names.STAGES.get(stage, stage),
                "order": (order, -len(lines), reason),
                "rows": lines,
            }
            | _explained(reason)
        )
    total = int((status["outcome"] == "set_aside").sum())
    return {"groups": sorted(groups, key=lambda group: group["order"]), "total": total, "shown": len(rows)}
