"""Fences: checked in the code that trains, so that nothing is learned from a row that is tested on."""

from collections.abc import Iterable

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


def assert_train(rows: pd.DataFrame, cohort: pd.DataFrame, split: str) -> None:
    """Check that `rows` are train rows of the split: what a generator of synthetic cases may see.

    Parameters
    ----------
    rows, cohort, split
        As for `assert_fitting`.

    Raises
    ------
    LeakError
        If a row is of another split, or its patient is no train patient of this one.
    """
    _check_split(rows, split)
    _check_train_patients(rows["patient"], cohort, split)


def assert_synthetic(
    cases: pd.DataFrame, cohort: pd.DataFrame, split: str, trained_on: Iterable[str] | None = None
) -> None:
    """Check that synthetic cases may be added to the train rows of a split.

    Parameters
    ----------
    cases : DataFrame
        Table ``synthetic``.
    cohort : DataFrame
        Table ``cohort`` of the split, all roles.
    split : str
        The split that is being fitted.
    trained_on : iterable of str, optional
        Patients that the generator learned from; needed for cases that name no parents.

    Raises
    ------
    LeakError
        If a case is of another split, a parent or a patient that the generator learned from is no train patient of
        this split, nobody says what a case was made from, or a case stands in the cohort as if it were a patient.
    """
    _check_split(cases, split)
    if trained_on is not None:
        trained_on = list(trained_on)
        _check_train_patients(trained_on, cohort, split)
    named = cases["parents"].notna() & (cases["parents"] != "")
    if not named.all() and not trained_on:
        case = cases.loc[~named, "case"].iloc[0]
        raise LeakError(f"split {split}: nobody says which patients the synthetic case {case} was made from")
    for parents in cases.loc[named, "parents"]:
        _check_train_patients(parents.split(";"), cohort, split)
    for column, in_cases in (("patient", "case"), ("image", "image"), ("image_sha256", "image_sha256")):
        real = cohort.loc[cohort[column].isin(set(cases[in_cases])), "role"] if column in cohort else ()
        if len(real):
            raise LeakError(f"split {split}: a synthetic case stands among the {real.iloc[0]} rows of the cohort")


def _check_train_patients(patients: Iterable[str], cohort: pd.DataFrame, split: str) -> None:
    mine = cohort[cohort["split"] == split]
    roles = dict(zip(mine["patient"], mine["role"], strict=True))
    for patient in patients:
        if roles.get(patient) != "train":
            who = f"a {roles[patient]} patient" if patient in roles else "no patient of this split"
            raise LeakError(f"split {split}: {patient} is {who}; synthetic cases are made of train rows only")


def _check_split(rows: pd.DataFrame, split: str) -> None:
    foreign = rows.loc[rows["split"] != split, "split"]
    if len(foreign):
        raise LeakError(f"split {split}: {len(foreign)} row(s) of another split ({foreign.iloc[0]}) are among the rows")


def _check_roles(cohort: pd.DataFrame, split: str) -> None:
    twice = cohort.loc[cohort["patient"].duplicated(), "patient"]
    if len(twice):
        raise LeakError(f"split {split}: patient {twice.iloc[0]} has more than one row")
