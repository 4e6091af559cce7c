"""The viewer page of a center: a list of its segmented scans, worst first, and the chosen one to scroll through."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from ichor import __version__, tables
from ichor.disk_space import whole_file
from ichor.imaging.measures import LABEL_CODES
from ichor.reasons import MEANING, Reason
from ichor.report import names, numbers
from ichor.report.slice_view import RIM_MM
from ichor.report.templates import TEMPLATES, environment
from ichor.viewer import niivue
from ichor.viewer.overlays import BRAIN, COLORS, REFERENCE
from ichor.viewer.shard import KEY
from ichor.viewer.volumes import COARSEST_MM, RANGE_HU

WINDOWS = (("Brain", 40, 80), ("Blood", 60, 120), ("Stroke", 35, 35), ("Bone", 600, 2400))
"""Name, level and width of the windows on the page, HU."""
APART = {"split", "patient", "center", "time_point", "found", "reasons"}
"""Columns of the table ``measures`` that are no measure."""

UNIT_ENDINGS = {"mL": "_ml", "mm": "_mm", "mm2": "_mm2", "HU": "_hu", "1/mm": "_per_mm"}
CAPITALS = {"iph": "IPH", "ivh": "IVH", "hu": "HU", "sd": "SD", "cov": "CoV", "abc2": "ABC/2"}


def write_viewer_page(
    out: Path,
    center: str,
    split: str,
    *,
    scans: pd.DataFrame,
    masks: pd.DataFrame,
    measures: pd.DataFrame,
    cases: pd.DataFrame,
    facts: Sequence[Path],
    library: str,
    study: dict,
    centers: Sequence[str] = (),
) -> None:
    """Write the page; overlays and volumes lie in folders beside it and are loaded when they are needed.

    Parameters
    ----------
    out : Path
        ``<center>.html``.
    center, split : str
        Whose scans, and whose masks.
    scans, masks, measures, cases : DataFrame
        Tables ``scans``, ``masks``, ``measures`` and ``agreement_cases``; other centers and splits are left out.
    facts : sequence of Path
        ``<shard>/cases.json`` of `ichor.viewer.shard.write_shard`.
    library : str
        Address of NiiVue's script, relative to the page.
    study : dict
        ``title`` and ``simulated``.
    centers : sequence of str
        All centers that have such a page.
    """
    rows = case_rows(center, split, scans, masks, measures, cases, _shown(facts, out.parent))
    flags = sorted({flag for row in rows for flag in row["flags"]})
    data = {
        "cases": rows,
        "columns": measured_columns(measures),
        "labels": [
            {"name": names.LABELS.get(label, label), "key": label, "code": code, "color": COLORS[label]}
            for label, code in LABEL_CODES.items()
            if any(row["volumes"].get(label) is not None or label in row["agreement"] for row in rows)
        ],
        "colors": {"reference": REFERENCE, "brain": BRAIN},
        "windows": [{"name": name, "level": level, "width": width} for name, level, width in WINDOWS],
        "meanings": {
            str(reason): MEANING[reason] for reason in Reason if any(str(reason) in row["flags"] for row in rows)
        },
    }
    context = {
        "center": center,
        "centers": list(centers),
        "split": split,
        "study": study,
        "version": __version__,
        "niivue": niivue.VERSION,
        "library": library,
        "cases": rows,
        "windows": data["windows"],
        "rim_mm": RIM_MM,
        "coarsest_mm": COARSEST_MM,
        "range_hu": RANGE_HU,
        "flags": flags,
        "data": Markup(json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")),
        "css": Markup((TEMPLATES / "viewer.css").read_text()),
        "js": Markup((TEMPLATES / "viewer.js").read_text()),
    }
    text = environment().get_template("viewer.html.j2").render(context)
    with whole_file(out) as part:
        part.write_text(text.lstrip(), encoding="utf-8", newline="\n")


def case_rows(
    center: str,
    split: str,
    scans: pd.DataFrame,
    masks: pd.DataFrame,
    measures: pd.DataFrame,
    cases: pd.DataFrame,
    shown: dict[tuple[str, str], dict],
) -> list[dict]:
    """What the page knows of each scan, the ones to look at first on top.

    First come scans that could not be segmented, then those with a reference mask by the Dice coefficient of the
    parenchymal bleed (of the first other label where that has none), lowest first, then the others by the
    uncertainty of the volume, largest first.

    Returns
    -------
    list of dict
        key, patient, time, overlay, script, mb, block, pixels, spacing, compared, failed, found (1, 0 or null), flags,
        dice, agreement (label -> dice, reference_ml, difference_ml), volumes (label -> mL or null), error_ml (of the
        parenchymal volume), values (of the columns of `measured_columns`, null where not known).
    """
    own = masks[(masks["center"] == center) & (masks["split"] == split)]
    own = own[[*KEY, "mask", "reason"]].merge(scans.loc[scans["center"] == center, [*KEY, "flags"]], on=KEY)
    measured = _by_scan(measures, center, split)
    compared = _by_scan(cases, center, split)
    columns = [column["name"] for column in measured_columns(measures)]
    rows = []
    for scan in own.to_dict("records"):
        key = scan["patient"], scan["time_point"]
        row = (measured.get(key) or [{}])[0]
        agreement = {case["label"]: _agreement(case) for case in compared.get(key, [])}
        scores = [found["dice"] for label, found in agreement.items() if found["dice"] is not None]
        first = agreement.get("iph", {}).get("dice")
        codes = ";".join(text for text in (scan["reason"], row.get("reasons"), scan["flags"]) if isinstance(text, str))
        failed = not isinstance(scan["mask"], str)
        rows.append(
            {
                "key": "_".join(key),
                "patient": key[0],
                "time": key[1],
                "failed": failed,
                "found": _number(row.get("found")),
                "flags": [code for code in dict.fromkeys(codes.split(";")) if code],
                "dice": first if first is not None else (scores[0] if scores else None),
                "agreement": agreement,
                "volumes": {label: _number(row.get(f"{label}_ml")) for label in LABEL_CODES if f"{label}_ml" in row},
                "error_ml": _number(row.get("iph_error_ml")),
                "values": [_value(row.get(name)) for name in columns],
            }
            | shown.get(key, {"overlay": None, "script": None})
        )
    return sorted(rows, key=_urgency)


def measured_columns(measures: pd.DataFrame) -> list[dict]:
    """Columns of the table of measures that hold something, with names, units and descriptions for people."""
    known = tables.schema("measures")["properties"]
    shown = [name for name in measures.columns if name in known and name not in APART and measures[name].notna().any()]
    return [
        {
            "name": name,
            "words": _words(name, known[name].get("unit", "")),
            "unit": known[name].get("unit", ""),
            "about": known[name].get("description", ""),
        }
        for name in shown
    ]


def _words(name: str, unit: str) -> str:
    """Name of a measure for people: without its unit, abbreviations in capitals."""
    bare = name.removesuffix(UNIT_ENDINGS.get(unit, ""))
    text = " ".join(CAPITALS.get(part, part) for part in bare.split("_"))
    return text[:1].upper() + text[1:]


def _urgency(row: dict) -> tuple:
    if row["failed"]:
        return 0, 0.0, row["key"]
    if row["dice"] is not None:
        return 1, row["dice"], row["key"]
    return 2, -(row["error_ml"] or 0.0), row["key"]


def _by_scan(table: pd.DataFrame, center: str, split: str) -> dict[tuple[str, str], list[dict]]:
    own = table[(table["center"] == center) & (table["split"] == split)]
    found: dict[tuple[str, str], list[dict]] = {}
    for row in own.to_dict("records"):
        found.setdefault((row["patient"], row["time_point"]), []).append(row)
    return found


def _agreement(case: dict) -> dict:
    return {name: _number(case[name]) for name in ("dice", "reference_ml", "difference_ml")}


def _shown(facts: Sequence[Path], folder: Path) -> dict[tuple[str, str], dict]:
    found = {}
    for path in map(Path, facts):
        place = path.parent.relative_to(folder).as_posix()
        for row in json.loads(path.read_text()):
            found[row["patient"], row["time_point"]] = {
                "overlay": f"{place}/{row['overlay']}",
                "script": f"{place}/{row['script']}" if row["script"] else None,
                "mb": round(row["bytes"] / 1e6, 1),
                "block": row["block"],
                "pixels": row["pixels"],
                "spacing": row["spacing_mm"],
                "compared": row["compared"],
            }
    return found


def _number(value: object) -> float | None:
    return None if value is None or numbers.missing(value) else round(float(value), 4)


def _value(value: object) -> float | str | None:
    return value if isinstance(value, str) else _number(value)
