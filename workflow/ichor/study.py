"""A study's config and sheets: read, checked before any job, and explained when wrong."""

import copy
import difflib
import re
from pathlib import Path

import jsonschema
import pandas as pd
import yaml

from ichor import presets, tables
from ichor.errors import StudyError
from ichor.report_text.columns import report_columns

SIMULATED = "results/simulated"  # centers below this folder are made by the workflow itself


def find_sheet(path: str, repository: Path) -> Path:
    """Path of a sheet: in the working directory, or else beside the workflow.

    Raises
    ------
    StudyError
        If it is in neither place.
    """
    for candidate in (Path(path), repository / path):
        if candidate.is_file():
            return candidate
    raise StudyError(
        f"{path}: no such file, neither in the working directory {Path.cwd().name}/ nor beside the workflow."
    )


def with_defaults(config: dict, file: Path) -> dict:
    """A config with every key that it leaves out taken from a file of defaults; the config itself stays as it is.

    Snakemake reads no ``configfile:`` of a workflow that another one uses as a module: its config is then what the
    other workflow hands over, and the defaults have to be put below it here.
    """
    return _below(yaml.safe_load(Path(file).read_text()), config)


def _below(defaults: dict, config: dict) -> dict:
    merged = dict(defaults)
    for key, value in config.items():
        nested = isinstance(value, dict) and isinstance(defaults.get(key), dict)
        merged[key] = _below(defaults[key], value) if nested else copy.deepcopy(value)
    return merged


def check_config(config: dict, files: list[str]) -> None:
    """Check a merged config against its schema.

    Parameters
    ----------
    config : dict
        The config as Snakemake merged it.
    files : list of str
        The config files, in the order of merging; the message names the last one that holds the key.

    Raises
    ------
    StudyError
        On the first wrong key or value; the message says file, key, found and expected.
    """
    schema = yaml.safe_load((tables.SCHEMAS / "config.schema.yaml").read_text())
    errors = sorted(jsonschema.Draft202012Validator(schema).iter_errors(config), key=lambda error: list(error.path))
    if errors:
        raise StudyError(_explain(errors[0], files))


def _explain(error: jsonschema.ValidationError, files: list[str]) -> str:
    keys = [str(key) for key in error.absolute_path]
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        close = difflib.get_close_matches(unknown, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}."
        return f"{_file_with([*keys, unknown], files)}: unknown key {'.'.join([*keys, unknown])}; {hint}"
    if error.validator == "required":
        name = re.findall(r"'([^']+)'", error.message)[0]
        return f"{_file_with(keys, files)}: key {'.'.join([*keys, name])} is missing."
    expected = {
        "type": lambda: f"a value of type {error.validator_value}",
        "enum": lambda: f"one of {', '.join(map(str, error.validator_value))}",
        "minimum": lambda: f"at least {error.validator_value}",
        "maximum": lambda: f"at most {error.validator_value}",
    }.get(error.validator, lambda: f"{error.validator} {error.validator_value}")()
    about = error.schema.get("description", "")
    meaning = f" ({about.rstrip('.')})" if about else ""
    where = _file_with(keys, files, error.instance)
    return f"{where}: key {'.'.join(keys)}: found {error.instance!r}, expected {expected}{meaning}."


def _file_with(keys: list[str], files: list[str], value: object = ...) -> str:
    """Name of the last config file that holds a key (and gives it this value); else the command line."""
    for file in reversed(files):
        node = yaml.safe_load(Path(file).read_text())
        for key in keys:
            if isinstance(node, list) and key.isdigit() and int(key) < len(node):
                node = node[int(key)]
            elif isinstance(node, dict) and key in node:
                node = node[key]
            else:
                break
        else:
            if value is ... or node == value:
                return Path(file).name
    return "--config" if files else "config"


def read_centers(path: Path) -> pd.DataFrame:
    """Read the centers sheet; one row per center, indexed by its name.

    Raises
    ------
    StudyError
        If a center is named twice, brings both DICOM and NIfTI or neither, a path does not exist, a pattern lacks
        ``{patient}``, or its preset does not fit.
    """
    sheet = _with_presets(_read_sheet("centers", path), path)
    for row, center in enumerate(sheet.itertuples(index=False), start=2):
        where = f"{path}, row {row} (center {center.center})"
        if not re.fullmatch(r"[a-z0-9]+", center.center):
            raise StudyError(f"{where}: the name may hold lower-case letters and digits only, found {center.center!r}.")
        if bool(center.dicom) == bool(center.nifti):
            raise StudyError(
                f"{where}: name either a dicom or a nifti folder; found {'both' if center.dicom else 'neither'}."
            )
        _check_pattern(where, "image_pattern", center.nifti, center.image_pattern)
        _check_pattern(where, "mask_pattern", center.masks, center.mask_pattern)
        if center.masks and not center.mask_labels:
            raise StudyError(f"{where}: masks are given without mask_labels; write for example 1=iph;2=ivh;3=edema.")
        for kind in ("dicom", "nifti", "masks", "table", "courses", "reports"):
            _check_path(where, kind, getattr(center, kind))
    twice = sheet["center"][sheet["center"].duplicated()]
    if len(twice):
        raise StudyError(f"{path}, row {twice.index[0] + 2}: center {twice.iloc[0]} is named twice.")
    return sheet.set_index("center", drop=False)


def _with_presets(sheet: pd.DataFrame, path: Path) -> pd.DataFrame:
    rows = sheet.to_dict("records")
    for number, row in enumerate(rows):
        if row["preset"]:
            try:
                rows[number] = presets.fill(row)
            except StudyError as error:
                where = f"{path}, row {number + 2} (center {row['center']}), column preset"
                raise StudyError(f"{where}: {error}") from None
    return pd.DataFrame(rows, columns=sheet.columns, dtype=object)


def _check_pattern(where: str, name: str, folder: str | None, pattern: str | None) -> None:
    if folder and (not pattern or "{patient}" not in pattern):
        raise StudyError(
            f"{where}: {name} must hold {{patient}}, for example {{patient}}_ct.nii.gz; found {pattern!r}."
        )


def _check_path(where: str, kind: str, value: str | None) -> None:
    if value and not is_simulated(value) and not Path(value).exists():
        raise StudyError(f"{where}: {kind} {value!r} does not exist (paths are relative to the working directory).")


def is_simulated(path: str | None) -> bool:
    """Whether a center's path is made by the workflow's own simulation."""
    return bool(path) and Path(path).as_posix().startswith(SIMULATED + "/")


def read_columns(path: Path | None, centers: pd.DataFrame) -> pd.DataFrame:
    """Read the columns sheet; checks that its centers and variables exist.

    Raises
    ------
    StudyError
        On an unknown center or variable, or when a center with a table has no row for ``patient``.
    """
    if path is None:
        return presets.column_rows(centers, pd.DataFrame(columns=tables.columns("columns"), dtype=object))
    sheet = _read_sheet("columns", path)
    variables = ["patient", *tables.columns("patients")[3:]]
    for row, line in enumerate(sheet.itertuples(index=False), start=2):
        _known(f"{path}, row {row}", "center", line.center, list(centers.index))
        _known(f"{path}, row {row}", "variable", line.variable, variables)
    sheet = presets.column_rows(centers, sheet)
    for center in centers.itertuples():
        if center.table and not ((sheet["center"] == center.center) & (sheet["variable"] == "patient")).any():
            raise StudyError(
                f"{path}: center {center.center} brings a table, but no row says which column is its patient."
            )
    return sheet


def check_report_hours(config: dict) -> None:
    """Refuse reports that are written when a deterioration may have happened already.

    Raises
    ------
    StudyError
        If reports are read for longer after the baseline scan than nobody is at risk of a deterioration.
    """
    read_h, from_h = config["reports"]["hours_after_ct"], config["cohort"]["deterioration"]["at_risk_from_ct_h"]
    if read_h > from_h:
        raise StudyError(
            f"config: reports.hours_after_ct is {read_h:g}, cohort.deterioration.at_risk_from_ct_h {from_h:g}: a "
            f"report could tell of a deterioration that is to be predicted. Write at_risk_from_ct_h: {read_h:g}, or "
            "fewer hours of reports."
        )


def read_report_columns(path: Path | None, centers: pd.DataFrame) -> pd.DataFrame:
    """Rows of the report columns sheet of the centers that bring reports; no row without a sheet.

    Raises
    ------
    StudyError
        If a center's rows contradict each other, or a center with a table of reports has none.
    """
    reporting = centers[centers["reports"].notna()]
    sheet = tables.empty("report_columns") if path is None or reporting.empty else _read_sheet("report_columns", path)
    for center in reporting.itertuples():
        if is_simulated(center.reports) or Path(center.reports).is_file() or (sheet["center"] == center.center).any():
            report_columns(center.center, sheet)
    return sheet[sheet["center"].isin(reporting["center"])]


def _known(where: str, column: str, value: str, known: list[str]) -> None:
    if value not in known:
        close = difflib.get_close_matches(value, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}."
        raise StudyError(f"{where}, column {column}: unknown {column} {value!r}; {hint}")


def _read_sheet(name: str, path: Path) -> pd.DataFrame:
    sheet = tables.read(name, path)
    return sheet.astype(object).where(sheet.notna(), None)
