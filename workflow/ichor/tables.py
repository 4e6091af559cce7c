"""The narrow waists: every table that one stage hands to another, its columns, reading, writing, checking.

The columns of a table are written once, in ``workflow/schemas/<table>.schema.yaml`` (JSON Schema of one row).
Missing values are empty fields. Identifiers are text. Paths are relative to the study's working directory.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from ichor.disk_space import whole_file
from ichor.errors import StudyError
from ichor.reasons import Reason

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
EXTENDS = {"cohort": "patients"}  # a cohort row carries every variable of the patient
STAGES = (
    "index",
    "select",
    "convert",
    "check",
    "harmonise",
    "merge",
    "split",
    "segmentation",
    "label",
    "model",
    "evaluation",
)


@cache
def schema(table: str) -> dict:
    """JSON Schema of one row of `table` as a dict; ``properties`` keep the order of the columns."""
    own = yaml.safe_load((SCHEMAS / f"{table}.schema.yaml").read_text())
    base = EXTENDS.get(table)
    if base:
        inherited = {
            k: v for k, v in schema(base)["properties"].items() if k not in ("patient", "center", "center_role")
        }
        own["properties"] = {
            name: part
            for key, value in own["properties"].items()
            for name, part in (inherited.items() if key == "variables_of_patients" else [(key, value)])
        }
    return own


def columns(table: str) -> list[str]:
    """Names of the columns of `table`, in order."""
    return list(schema(table)["properties"])


def _types(table: str, column: str) -> set[str]:
    kind = schema(table)["properties"][column]["type"]
    return set([kind] if isinstance(kind, str) else kind)


def empty(table: str) -> pd.DataFrame:
    """Return `table` without rows, with the right column types."""
    return _cast(table, pd.DataFrame(columns=columns(table)), "empty table")


def frame(table: str, rows: list[dict]) -> pd.DataFrame:
    """Make `table` from rows (dicts); columns that no row names become missing."""
    return _cast(table, pd.DataFrame(rows, columns=columns(table)), f"{len(rows)} rows of table {table}")


def read(table: str, path: str | Path) -> pd.DataFrame:
    """Read and check a table from TSV, CSV or Parquet (by suffix).

    Raises
    ------
    StudyError
        If a column is missing or unknown or a value is not what the schema says; names file, row and column.
    """
    path = Path(path)
    if path.suffix == ".parquet":
        data = pd.read_parquet(path)
    else:
        separator = "," if path.suffix == ".csv" else "\t"
        data = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, na_values=[""])
    return validate(table, data, str(path))


def read_all(table: str, paths: list[str | Path]) -> pd.DataFrame:
    """Read several files of one table and put their rows below each other."""
    parts = [part for part in (read(table, path) for path in paths) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else empty(table)


def write(table: str, data: pd.DataFrame, path: str | Path) -> None:
    """Check `data`, put its columns in order and write it as TSV or Parquet (by suffix), complete or not at all."""
    path = Path(path)
    data = validate(table, data, f"table {table} for {path}")
    with whole_file(path) as part:
        if path.suffix == ".parquet":
            data.to_parquet(part, index=False)
        else:
            data.to_csv(part, sep="\t", index=False, na_rep="", lineterminator="\n")


def validate(table: str, data: pd.DataFrame, source: str) -> pd.DataFrame:
    """Check `data` against the schema of `table`; return it with ordered columns and proper types.

    Parameters
    ----------
    table : str
        Name of the table, for example ``"scans"``.
    data : DataFrame
        Values may still be text, as read from a file.
    source : str
        What the message names when something is wrong (a path, usually).

    Raises
    ------
    StudyError
        On the first column or value that does not fit.
    """
    wanted, found = columns(table), list(data.columns)
    required = schema(table).get("required", wanted)
    missing = [name for name in required if name not in found]
    unknown = [name for name in found if name not in wanted]
    if missing:
        raise StudyError(
            f"{source}: column(s) {', '.join(missing)} missing; found {', '.join(map(str, found)) or 'none'}."
        )
    if unknown:
        raise StudyError(
            f"{source}: unknown column(s) {', '.join(map(str, unknown))}; table {table} has {', '.join(wanted)}."
        )
    return _cast(table, data.reindex(columns=wanted), source)


def _cast(table: str, data: pd.DataFrame, source: str) -> pd.DataFrame:
    out = {name: _cast_column(table, name, data[name], source) for name in columns(table)}
    return pd.DataFrame(out, columns=columns(table)).reset_index(drop=True)


def _cast_column(table: str, name: str, values: pd.Series, source: str) -> pd.Series:
    types = _types(table, name)
    values = values.reset_index(drop=True)
    if "string" in types:
        out = values.astype(object).where(values.notna(), None)
        out = out.map(lambda value: value if value is None else str(value)).astype(object)
    else:
        try:
            out = pd.to_numeric(values).astype("Int64" if types & {"integer", "boolean"} else "float64")
        except (ValueError, TypeError) as error:
            numbers = pd.to_numeric(values, errors="coerce")
            bad = int(np.flatnonzero(values.notna() & (numbers.isna() | (numbers % 1 != 0)))[0])
            expected = "a whole number" if "integer" in types else "a number"
            raise StudyError(
                f"{source}, row {bad + 2}, column {name}: expected {expected}, found {values[bad]!r}."
            ) from error
    _check_values(table, name, out, source)
    return out


def _check_values(table: str, name: str, values: pd.Series, source: str) -> None:
    rule = schema(table)["properties"][name]
    absent = values.isna()
    if "null" not in _types(table, name) and absent.any():
        raise StudyError(
            f"{source}, row {int(np.flatnonzero(absent)[0]) + 2}, column {name}: a value is required, found none."
        )
    given = values[~absent]
    checks = []
    if "enum" in rule:
        allowed = [value for value in rule["enum"] if value is not None]
        checks.append((~given.isin(allowed), f"one of {', '.join(map(str, allowed))}"))
    if "minimum" in rule:
        checks.append((given < rule["minimum"], f"at least {rule['minimum']}"))
    if "maximum" in rule:
        checks.append((given > rule["maximum"], f"at most {rule['maximum']}"))
    for wrong, expected in checks:
        if wrong.any():
            row = given[wrong.astype(bool)].index[0]
            raise StudyError(f"{source}, row {row + 2}, column {name}: expected {expected}, found {given[row]!r}.")


def status_row(
    center: str, subject: str, stage: str, outcome: str, reason: Reason | None = None, detail: str = "", log: str = ""
) -> dict:
    """One row of the status table, which says what became of a file, scan, patient or model.

    Parameters
    ----------
    center : str
        Name of the center.
    subject : str
        A patient's pseudonym, ``series-<hash>``, ``file-<hash>``, a model, or empty for the whole center.
    stage : str
        One of `STAGES`.
    outcome : {"accepted", "flagged", "set_aside"}
        What became of it.
    reason : Reason, optional
        Why; required unless accepted.
    detail : str
        Measured value and limit, in words. No identifier.
    log : str
        Path of the log file that has more.
    """
    if outcome != "accepted" and reason is None:
        raise ValueError(f"a status row that is {outcome} needs a reason")
    code = str(Reason(reason)) if reason else ""
    return dict(center=center, subject=subject, stage=stage, outcome=outcome, reason=code, detail=detail, log=log)
