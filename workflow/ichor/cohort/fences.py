"""Fences: checked in the code that trains, so that nothing is learned from a row that is tested on."""

import pandas as pd

FITTING_ROLES = ("train", "tune")


class LeakError(RuntimeError):
    """A row that may not be learned from was about to be; the run must stop. Never caught."""


def fitting_rows(cohort: pd.DataFrame, split: str) -> pd.DataFrame:
    """Rows of a split's cohort that may be learned from: roles train and tune.

    Parameters
    ----------
    cohort : DataFrame
        Table ``cohort`` of one split.
    split : str
        The split that is being fitted.

    Returns
    -------
    DataFrame
        The train and tune rows, in the order of `cohort`, with its index.

    Raises
    ------
    LeakError
        If a row of another split, a row without a known role, or a patient with two roles is among them.
    """
    _check_split(cohort, split)
    unknown = cohort.loc[~cohort["role"].isin([*FITTING_ROLES, "test"]), "role"]
    if len(unknown):
        raise LeakError(f"split {split}: role {unknown.iloc[0]!r} is neither train, tune nor test")
    rows = cohort[cohort["role"].isin(FITTING_ROLES)]
    _check_roles(cohort, split)
    assert_fitting(rows, cohort, split)
    return rows


def assert_fitting(rows: pd.DataFrame, cohort: pd.DataFrame, split: str) -> None:
    """Check that `rows`, whatever was done to them, hold no test patient and no row of another split.

    Parameters
    ----------
    rows : DataFrame
        What a model, scaler, generator or threshold is about to be fitted on; columns ``patient`` and ``split``.
    cohort : DataFrame
        Table ``cohort`` or ``splits`` of the split (or of all splits).
    split : str
        The split that is being fitted.

    Raises
    ------
    LeakError
        If a row is of another split, or its patient is not a train or tune patient of this split.
    """
    _check_split(rows, split)
    mine = cohort[cohort["split"] == split]
    allowed = set(mine.loc[mine["role"].isin(FITTING_ROLES), "patient"])
    tested = set(mine.loc[mine["role"] == "test", "patient"])
    leaked = [patient for patient in rows["patient"] if patient in tested or patient not in allowed]
    if leaked:
        kind = "a test patient" if leaked[0] in tested else "no patient"
        raise LeakError(f"split {split}: {leaked[0]} is {kind} of this split and may not be learned from")


def _check_split(rows: pd.DataFrame, split: str) -> None:
    foreign = rows.loc[rows["split"] != split, "split"]
    if len(foreign):
        raise LeakError(f"split {split}: {len(foreign)} row(s) of another split ({foreign.iloc[0]}) are among the rows")


def _check_roles(cohort: pd.DataFrame, split: str) -> None:
    twice = cohort.loc[cohort["patient"].duplicated(), "patient"]
    if len(twice):
        raise LeakError(f"split {split}: patient {twice.iloc[0]} has more than one row")
