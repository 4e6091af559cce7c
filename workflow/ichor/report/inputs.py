"""The tables the report is made from, given in memory or as files."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ichor import tables
from ichor.errors import StudyError

# Tables of the waists, checked on reading.
CHECKED = (
    "status",
    "patients",
    "scans",
    "splits",
    "masks",
    "measures",
    "agreement_cases",
    "cohort",
    "metrics",
    "label_sensitivity",
    "worth",
    "trajectory_performance",
    "trajectory_counts",
)

AGREEMENT = (
    "n n_dice dice_q1 dice_median dice_q3 nsd_median n_hd95 hd95_median_mm bias_ml loa_low_ml loa_high_ml ccc icc "
    "within_10_percent within_mdd"
)

# Columns that the report uses of the tables which have no schema file.
OTHERS = {
    "comparisons": (
        "task target split center model_a model_b test difference low high statistic df p n events reason".split()
    ),
    "curves": "task target model split center curve x y low high n".split(),
    "flow": "step split target center kind reason unit count events".split(),
    "table_one": (
        "variable level unit center kind n missing median q1 q3 count percent standardized_difference".split()
    ),
    "agreement": f"split center label {AGREEMENT}".split(),
    "agreement_groups": f"split group level label {AGREEMENT}".split(),
}

TableLike = pd.DataFrame | str | Path


def load(given: Mapping[str, TableLike]) -> dict[str, pd.DataFrame]:
    """Every table the report knows, empty where none was given.

    Parameters
    ----------
    given : mapping
        Name -> DataFrame or path of a TSV, CSV or Parquet file. A list of either is put below each other.

    Raises
    ------
    StudyError
        If a name is unknown, a file cannot be read or a column is missing.
    """
    known = [*CHECKED, *OTHERS]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise StudyError(f"the report knows no table {', '.join(unknown)}; it knows {', '.join(known)}.")
    return {name: _one(name, given.get(name)) for name in known}


def _one(name: str, given: TableLike | list[TableLike] | None) -> pd.DataFrame:
    if given is None:
        return _empty(name)
    if isinstance(given, list | tuple):
        parts = [part for part in (_one(name, item) for item in given) if len(part)]
        return pd.concat(parts, ignore_index=True) if parts else _empty(name)
    source = "table" if isinstance(given, pd.DataFrame) else str(given)
    if isinstance(given, pd.DataFrame):
        data = given
    elif name in CHECKED:
        return tables.read(name, given)
    else:
        data = _read(Path(given))
    if name in CHECKED:
        return tables.validate(name, data, f"{source} {name}")
    lacking = [column for column in OTHERS.get(name, []) if column not in data.columns]
    if lacking:
        found = ", ".join(map(str, data.columns)) or "none"
        raise StudyError(f"{source} {name}: column(s) {', '.join(lacking)} missing; found {found}.")
    return data.reset_index(drop=True)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise StudyError(f"{path}: no such file; the report needs it.")
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    text = {name: str for name in "patient center split model task target reason model_a model_b".split()}
    try:
        return pd.read_csv(
            path, sep="," if path.suffix == ".csv" else "\t", dtype=text, keep_default_na=False, na_values=[""]
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame()


def _empty(name: str) -> pd.DataFrame:
    return tables.empty(name) if name in CHECKED else pd.DataFrame(columns=OTHERS.get(name, []))
