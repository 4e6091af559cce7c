"""Courses as arrays: what every model of a time course reads, from the tables of steps and values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

KEYS = ("split", "patient", "center", "role")


@dataclass(frozen=True, eq=False)
class SequenceSet:
    """Courses of n patients in up to T steps of V variables, with K targets at every step.

    Attributes
    ----------
    patients : DataFrame
        n rows, indexed 0 to n - 1: ``split``, ``patient``, ``center``, ``role`` and the columns of the record.
    steps : array of str (object), shape (n, T)
        Name of each step, in the patient's own time order; "" where the patient has no further step (padding).
    time_h : array of float32, shape (n, T)
        Landmark time of each step, hours since onset; NaN in the padding.
    values : array of float32, shape (n, T, V)
        Value of each variable at each step, in its canonical unit; NaN where nothing was measured.
    variables : tuple of str
        The V variables.
    at_risk : array of bool, shape (n, T)
        Whether the patient was alive and followed at the step's landmark time; False in the padding.
    labels : array of float32, shape (n, T, K)
        1, 0, or NaN where the target is unknown or the patient not at risk.
    targets : tuple of str
        The K targets.
    nested : bool
        Whether each target implies the one before it, as a good outcome at 180 days implies survival to 180 days.
    followup_h, death_h : array of float, shape (n,), or None
        When each patient was last known alive and when the patient died, hours since onset; NaN where unknown. They
        are outcomes: only a model of the time to death reads them, of the patients that it is fitted on.
    """

    patients: pd.DataFrame
    steps: np.ndarray
    time_h: np.ndarray
    values: np.ndarray
    variables: tuple[str, ...]
    at_risk: np.ndarray
    labels: np.ndarray
    targets: tuple[str, ...]
    nested: bool
    followup_h: np.ndarray | None = None
    death_h: np.ndarray | None = None

    def __post_init__(self):
        n, width = len(self.patients), self.steps.shape[1] if self.steps.ndim == 2 else -1
        wanted = {
            "steps": (n, width),
            "time_h": (n, width),
            "values": (n, width, len(self.variables)),
            "at_risk": (n, width),
            "labels": (n, width, len(self.targets)),
        }
        wanted |= {name: (n,) for name in ("followup_h", "death_h") if getattr(self, name) is not None}
        for name, shape in wanted.items():
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(f"{name} has the shape {found}, not {shape}")

    def __len__(self) -> int:
        """Number of patients."""
        return len(self.patients)

    def take(self, rows: Sequence[int] | np.ndarray) -> "SequenceSet":
        """Patients at the given positions (or where a mask is true), in that order, with the same steps and variables.

        Parameters
        ----------
        rows : sequence of int, or array of bool of shape (n,)
            Positions among the n patients; a position may be named more than once.

        Returns
        -------
        SequenceSet
            Copies: a change of the result leaves this set as it is.
        """
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(int)
        return replace(
            self,
            patients=self.patients.iloc[rows].reset_index(drop=True),
            steps=self.steps[rows],
            time_h=self.time_h[rows],
            values=self.values[rows],
            at_risk=self.at_risk[rows],
            labels=self.labels[rows],
            followup_h=None if self.followup_h is None else self.followup_h[rows],
            death_h=None if self.death_h is None else self.death_h[rows],
        )

    def of_role(self, role: str) -> "SequenceSet":
        """Patients of one role of the split (``train``, ``tune`` or ``test``).

        Parameters
        ----------
        role : str
            The role.

        Returns
        -------
        SequenceSet
            Possibly of no patient.
        """
        return self.take((self.patients["role"] == role).to_numpy())


def known_variables(values: pd.DataFrame, patients: Sequence[str]) -> tuple[str, ...]:
    """Variables with at least one value among the given patients, sorted by name.

    Parameters
    ----------
    values : DataFrame
        Table ``trajectory_values``.
    patients : sequence of str
        Whose values count: a model's own train patients.

    Returns
    -------
    tuple of str
        Names of the variables.
    """
    rows = values[values["patient"].isin(set(patients)) & values["value"].notna()]
    return tuple(sorted(rows["variable"].unique()))


def sequences_of(
    steps: pd.DataFrame,
    values: pd.DataFrame,
    patients: pd.DataFrame,
    variables: Sequence[str] | None,
    record: Sequence[str],
    targets: Sequence[str],
    nested: bool,
) -> SequenceSet:
    """Arrays of the courses of one split.

    Parameters
    ----------
    steps : DataFrame
        Table ``trajectory_steps`` (of one split): at least ``patient``, ``step``, ``position`` (0, 1, ... in the
        patient's time order), ``time_h``, ``at_risk`` and a column ``label_<target>`` per target; a column ``split``,
        ``center`` or ``role`` is used where `patients` lacks it.
    values : DataFrame
        Table ``trajectory_values``: ``patient``, ``position``, ``variable``, ``value``.
    patients : DataFrame
        One row per patient (table ``cohort`` of the split, or another with the columns of `record`); patients without
        a step are left out, and so are steps of patients who are not among them.
    variables : sequence of str, or None
        The variables to hold, in this order (one that `values` lacks is NaN everywhere); None: those with a value
        among the train patients, never a test patient's.
    record : sequence of str
        Columns of `patients` that were known at admission.
    targets : sequence of str
        Names of the targets.
    nested : bool
        Whether each target implies the one before it.

    Returns
    -------
    SequenceSet
        Patients in the order of `patients`.

    Raises
    ------
    KeyError
        If a column of the record or a label is missing.
    """
    who = _patients(steps, patients, record)
    mine = steps[steps["patient"].isin(set(who["patient"]))]
    row_of = pd.Series(np.arange(len(who)), index=who["patient"].to_numpy())
    if variables is None:
        variables = known_variables(values, who.loc[who["role"] == "train", "patient"])
    n, width = len(who), int(mine["position"].max()) + 1 if len(mine) else 0
    names = np.full((n, width), "", dtype=object)
    time_h = np.full((n, width), np.nan, dtype=np.float32)
    at_risk = np.zeros((n, width), dtype=bool)
    labels = np.full((n, width, len(targets)), np.nan, dtype=np.float32)
    row, place = row_of.loc[mine["patient"]].to_numpy(), mine["position"].to_numpy(dtype=int)
    names[row, place] = mine["step"].to_numpy(dtype=object)
    time_h[row, place] = mine["time_h"].to_numpy(dtype=np.float32)
    at_risk[row, place] = mine["at_risk"].to_numpy(dtype=bool)
    for k, target in enumerate(targets):
        labels[row, place, k] = pd.to_numeric(mine[f"label_{target}"]).to_numpy(dtype=np.float32, na_value=np.nan)
    labels[~at_risk] = np.nan
    return SequenceSet(
        who, names, time_h, _values(values, row_of, width, variables), tuple(variables), at_risk, labels,
        tuple(targets), nested, _per_patient(mine, who, "followup_h"), _per_patient(mine, who, "death_h"),
    )  # fmt: skip


def _per_patient(steps: pd.DataFrame, who: pd.DataFrame, column: str) -> np.ndarray | None:
    """A patient's time that is written beside each step; None where the table of steps has no such column."""
    if column not in steps:
        return None
    known = pd.to_numeric(steps[column]).astype(float)
    return known.groupby(steps["patient"]).first().reindex(who["patient"]).to_numpy(dtype=float)


def _patients(steps: pd.DataFrame, patients: pd.DataFrame, record: Sequence[str]) -> pd.DataFrame:
    """Key columns and record of every patient with a step, in the order of `patients`."""
    who = patients[patients["patient"].isin(set(steps["patient"]))].reset_index(drop=True)
    first = steps.drop_duplicates("patient").set_index("patient")
    for column in KEYS:
        if column not in who:
            who[column] = first.loc[who["patient"], column].to_numpy() if column in first else ""
    return who[[*KEYS, *(column for column in dict.fromkeys(record) if column not in KEYS)]]


def _values(values: pd.DataFrame, row_of: pd.Series, width: int, variables: Sequence[str]) -> np.ndarray:
    """Values as an array (n, width, V); NaN where the table holds nothing."""
    array = np.full((len(row_of), width, len(variables)), np.nan, dtype=np.float32)
    column_of = {variable: column for column, variable in enumerate(variables)}
    mine = values[values["patient"].isin(row_of.index) & values["variable"].isin(column_of)]
    row = row_of.loc[mine["patient"]].to_numpy()
    column = mine["variable"].map(column_of).to_numpy(dtype=int)
    array[row, mine["position"].to_numpy(dtype=int), column] = mine["value"].to_numpy(dtype=np.float32)
    return array
