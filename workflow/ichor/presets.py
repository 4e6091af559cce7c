"""Presets of public data sets: a row of the centers sheet names one, and it fills what the row leaves empty."""

import codecs
import csv
import difflib
import io
import itertools
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import jsonschema
import pandas as pd
import yaml

from ichor import tables
from ichor.errors import StudyError

FOLDER = Path(__file__).resolve().parents[2] / "config" / "presets"
HEADER_BYTES = 65_536  # of a table, that its first row lies in


def names() -> list[str]:
    """Names of all presets, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def read_preset(name: str) -> dict:
    """Read and check one preset.

    Parameters
    ----------
    name : str
        File name in ``config/presets``, without suffix.

    Returns
    -------
    dict
        As ``workflow/schemas/preset.schema.yaml`` describes it.

    Raises
    ------
    StudyError
        If there is none of this name (the message lists them), or its file is wrong.
    """
    if name not in names():
        close = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise StudyError(f"unknown preset {name!r}; {hint}there are {', '.join(names())}.")
    preset = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    schema = yaml.safe_load((tables.SCHEMAS / "preset.schema.yaml").read_text())
    error = next(jsonschema.Draft202012Validator(schema).iter_errors(preset), None)
    if error:
        raise StudyError(f"config/presets/{name}.yaml, {'.'.join(map(str, error.absolute_path))}: {error.message}")
    return preset


def fill(row: Mapping[str, object]) -> dict[str, object]:
    """Fill a row of the centers sheet from its preset; what is typed in the row wins.

    Parameters
    ----------
    row : mapping
        Column -> value or None, of a center whose ``preset`` is set.

    Returns
    -------
    dict
        The row with ``nifti``, ``image_pattern``, ``masks``, ``mask_pattern``, ``mask_labels`` and ``table`` filled as
        far as the preset knows them. Masks and tables that the set holds but the folder does not stay empty.

    Raises
    ------
    StudyError
        If the preset is unknown or cannot be a center, the folder is named in the wrong column, or does not hold what
        the set consists of.
    """
    row, preset = dict(row), read_preset(str(row["preset"]))
    if preset["kind"] == "none":
        raise StudyError(f"preset {row['preset']}: {preset['unusable']}")
    kind, other = preset["kind"], "nifti" if preset["kind"] == "dicom" else "dicom"
    if not row[kind]:
        found = f"found {other} {row[other]!r}" if row[other] else "found no folder"
        raise StudyError(
            f"preset {row['preset']}: {preset['title']} is {kind.upper()}; name its folder in column {kind}, {found}."
        )
    if kind == "nifti" and not row["image_pattern"]:
        _fill_folders(row, preset)
    if row["masks"] and not row["mask_labels"]:
        row["mask_labels"] = preset.get("mask_labels")
    return row


def _fill_folders(row: dict[str, object], preset: dict) -> None:
    folder = Path(str(row["nifti"]))
    if not folder.is_dir():
        return  # the check of the sheet says so, with its row
    layout, root = _find_layout(str(row["preset"]), preset, folder)
    row["nifti"], row["image_pattern"] = str(root / layout["images"]), layout["image_pattern"]
    if not row["masks"] and (root / layout.get("masks", "?")).is_dir():
        row["masks"] = str(root / layout["masks"])
        row["mask_pattern"] = row["mask_pattern"] or layout["mask_pattern"]
    if not row["table"]:
        there = (root / name for name in layout.get("tables", []) if (root / name).is_file())
        row["table"] = str(table) if (table := next(there, None)) else None


def _find_layout(name: str, preset: dict, folder: Path) -> tuple[dict, Path]:
    """Layout that the folder, or a folder in it, has, and that folder."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    for root, layout in itertools.product([folder, *inside], preset["layouts"]):
        images = root / layout["images"]
        ending = layout["image_pattern"].rpartition("}")[2]
        if images.is_dir() and any(path.name.endswith(ending) for path in _files(images)):
            return layout, root
    for root, (mark, why) in itertools.product([folder, *inside], preset.get("refused", {}).items()):
        if (root / mark).exists():
            raise StudyError(f"preset {name}: {folder.name} holds {mark}. {why}")
    wanted = " or ".join(
        f"{layout['images']}/{layout['image_pattern'].replace('{patient}', '<patient>').replace('{scan}', '<scan>')}"
        for layout in preset["layouts"]
    )
    raise StudyError(
        f"preset {name}: expected {wanted} in the folder {folder.name} or a folder in it; found nothing of that in it "
        f"and its {len(inside)} folders. If your copy lies otherwise, write image_pattern (and masks, mask_pattern) in "
        "the row: what is typed there wins."
    )


def _files(folder: Path) -> list[Path]:
    """Files of a folder and of the folders in it."""
    return [path for entry in folder.iterdir() for path in ([entry] if not entry.is_dir() else entry.iterdir())]


def column_rows(centers: pd.DataFrame, sheet: pd.DataFrame) -> pd.DataFrame:
    """Put the presets' rows below a columns sheet, for centers whose patients the sheet does not map itself.

    Parameters
    ----------
    centers : DataFrame
        Centers, filled.
    sheet : DataFrame
        Columns sheet, may be empty.

    Raises
    ------
    StudyError
        If a preset's table has no column of patients by any known header.
    """
    mapped = set(sheet.loc[sheet["variable"] == "patient", "center"])
    rows = [
        row
        for center in _with_preset(centers)
        if center.table and center.center not in mapped
        for row in _rows_of(center, set(sheet.loc[sheet["center"] == center.center, "variable"]))
    ]
    if not rows:
        return sheet
    more = pd.DataFrame(rows, columns=sheet.columns, dtype=object)
    return pd.concat([sheet, more.where(more.notna(), None)], ignore_index=True)


def _with_preset(centers: pd.DataFrame) -> list:
    return [row for row in centers.itertuples() if getattr(row, "preset", None)]


def _rows_of(center: tuple, typed: set[str]) -> list[dict]:
    known = read_preset(center.preset).get("columns", [])
    if not known or not Path(center.table).is_file():
        return []
    headers = {_plain(header): header for header in _headers(Path(center.table))}
    rows = []
    for wanted in known:
        found = next((headers[_plain(name)] for name in wanted["column"] if _plain(name) in headers), None)
        if found is None and wanted["variable"] == "patient":
            raise StudyError(
                f"preset {center.preset}: {center.table} has no column {' or '.join(map(repr, wanted['column']))} "
                f"among its {len(headers)}. Write rows for center {center.center} in the columns sheet, one of them "
                "for variable patient."
            )
        if found is not None and wanted["variable"] not in typed:
            rows.append(dict(wanted, center=center.center, column=found))
    return rows


def _headers(table: Path) -> list[str]:
    """Headers of a CSV file, as far as they can be read here; the table itself is read in a child process."""
    with table.open("rb") as stream:
        content = stream.read(HEADER_BYTES)
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(content)  # its last letter may be cut in two
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return [header.strip() for header in next(csv.reader(io.StringIO(text, newline="")), [])]


def _plain(header: str) -> str:
    return " ".join(header.split()).casefold()


def overlaps(centers: pd.DataFrame) -> list[str]:
    """Say which centers hold the same patients because of the data sets they are, in words."""
    found = []
    for one, other in itertools.combinations(_with_preset(centers), 2):
        why = read_preset(one.preset).get("overlaps", {}).get(other.preset)
        if one.preset == other.preset and (one.dicom, one.nifti) == (other.dicom, other.nifti):
            why = "both name the same folder"
        if why:
            found.append(f"centers {one.center} ({one.preset}) and {other.center} ({other.preset}): {why}")
    return found


def refuse_overlaps(centers: pd.DataFrame) -> None:
    """Stop a study whose centers are known to hold the same patients.

    Raises
    ------
    StudyError
        If there are such centers.
    """
    found = overlaps(centers)
    if found:
        raise StudyError(
            f"the same patients are in two centers: {'; '.join(found)}. Results on one would rest on having learned "
            "from the other. Take one center out of the centers sheet, or write ingest: {duplicates: set_aside} in the "
            "config: patients that are found twice are then set aside, and those that are not found stay a risk."
        )


def sources(centers: pd.DataFrame) -> list[dict[str, object]]:
    """What the report and the BIDS data sets say of each center's data set; of centers with a preset alone.

    Returns
    -------
    list of dict
        ``center``, ``preset``, ``title``, ``licence``, ``citation``, ``url``, ``remarks`` (labels, Hounsfield units and
        remarks) and ``overlaps`` with other centers of the study.
    """
    shared = overlaps(centers)
    found = []
    for row in _with_preset(centers):
        preset = read_preset(row.preset)
        said = [preset.get("labels") if row.masks else None, preset.get("hounsfield"), *preset.get("remarks", [])]
        found.append(
            {key: preset[key] for key in ("title", "licence", "citation", "url")}
            | {
                "center": row.center,
                "preset": row.preset,
                "remarks": [text for text in said if text],
                "overlaps": [text for text in shared if f" {row.center} (" in text],
            }
        )
    return found
