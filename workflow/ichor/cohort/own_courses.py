"""Time courses of a table without scans, brought by a user: a row per visit, read by its description."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ichor.cohort.own_table import numbers_of, read_fields
from ichor.cohort.sequences import SequenceSet, sequences_of
from ichor.errors import StudyError

HOURS = {"h": 1.0, "d": 24.0}
KEY = "trajectory_study"
SPLIT, CENTER = "cv", "table"


@dataclass(frozen=True)
class OwnCourses:
    """Courses of a table.

    Attributes
    ----------
    sequences : SequenceSet
        A step per visit (``visit1``, ``visit2``, ...), time since the start of the patient's clock; one target,
        survival from each visit to the horizon: 1 = no event by then, 0 = event, unknown where follow-up ends before.
        The role of every patient is ``test``: folds give the roles.
    counts : dict
        ``patients``, ``visits`` (used), ``late_visits`` (at or after the end of follow-up, left out),
        ``patients_without_followup`` (left out), ``events`` (patients with the event), ``known`` (visits with a known
        label), ``cut`` (visits whose follow-up ends before the horizon), ``visit_events`` (visits with the event).
    """

    sequences: SequenceSet
    counts: dict[str, int]


def target_of(settings: Mapping[str, object]) -> str:
    """Name of the target, with its horizon: ``survival_730d``."""
    return f"survival_{settings['horizon']:g}{settings['unit']}"


def horizon_h(settings: Mapping[str, object]) -> float:
    """How far after each visit the event counts, hours."""
    return float(settings["horizon"]) * HOURS[settings["unit"]]


def read_own_courses(path: Path, settings: Mapping[str, object]) -> OwnCourses:
    """Read the table that the config key ``trajectory_study`` describes.

    Parameters
    ----------
    path : pathlib.Path
        The file: ``.tsv``, ``.csv`` or ``.parquet``, a row per visit in any order.
    settings : mapping
        ``patient time unit followup ended events horizon columns`` of ``trajectory_study``.

    Returns
    -------
    OwnCourses
        Patients are called by the number of their first row (``row 2``, ...): no identifier goes any further.

    Raises
    ------
    StudyError
        If a setting is missing, a named column is not in the table, a field is no number where one is described, a
        visit has no patient or time, a patient has two visits at one time, or what is of the patient changes between
        visits; with row and column.
    """
    where = Path(path).name
    _check_settings(settings)
    raw = read_fields(Path(path))
    columns: Mapping[str, Mapping] = settings["columns"]
    wanted = [settings[name] for name in ("patient", "time", "followup", "ended")]
    absent = [name for name in dict.fromkeys([*wanted, *columns]) if name not in raw]
    if absent:
        raise StudyError(f"{where}: found no column {', '.join(absent)}; it has {', '.join(raw)}.")
    visits = _visits(raw, settings, where)
    record = {name: column["type"] for name, column in columns.items() if column["of"] == "patient"}
    course = [name for name, column in columns.items() if column["of"] == "visit"]
    for name, column in columns.items():
        missing = [str(value) for value in column.get("missing", ())]
        known = raw.loc[visits.index, name].where(~raw.loc[visits.index, name].isin(missing))
        visits[name] = known if column["type"] == "category" else _number(known, column, where)
    _refuse_changes(visits, ["followup_h", "event", *record], where)
    gone = visits.loc[visits["followup_h"].isna(), "patient"].nunique()
    late = visits["time_h"] >= visits["followup_h"]
    used = visits[visits["followup_h"].notna() & ~late].sort_values(["first", "time_h"], kind="stable")
    if used.empty:
        raise StudyError(f"{where}: no visit comes before the end of follow-up; see {KEY}.time and {KEY}.followup.")
    used = used.assign(position=used.groupby("patient", sort=False).cumcount())
    sequences = _sequences(used, settings, course, list(record))
    counts = {
        "patients": len(sequences),
        "visits": len(used),
        "late_visits": int(late.sum()),
        "patients_without_followup": int(gone),
        "events": int(np.isfinite(sequences.death_h).sum()),
        "known": int(np.isfinite(sequences.labels).sum()),
        "cut": int((sequences.at_risk & np.isnan(sequences.labels[:, :, 0])).sum()),
        "visit_events": int((sequences.labels == 0).sum()),
    }
    return OwnCourses(sequences, counts)


def _check_settings(settings: Mapping[str, object]) -> None:
    needed = ("patient", "time", "followup", "ended", "events", "horizon", "columns")
    empty = [name for name in needed if not settings[name]]
    if empty:
        raise StudyError(f"{KEY}: {', '.join(empty)} is needed; see docs/how-to/trajectory-study.md.")
    if settings["unit"] not in HOURS:
        raise StudyError(f"{KEY}.unit: found {settings['unit']!r}; write h or d.")
    words = [
        name for name, column in settings["columns"].items() if column["of"] == "visit" and column["type"] == "category"
    ]
    if words:
        raise StudyError(f"{KEY}.columns: {', '.join(words)} changes with the visit and must be a number; code it so.")
    reserved = {"first", "patient", "time_h", "followup_h", "event", "position", "split", "center", "role"}
    found = sorted(reserved & set(settings["columns"]))
    if found:
        raise StudyError(f"{KEY}.columns: {', '.join(found)} is a name of ours; call the column something else.")


def _visits(raw: pd.DataFrame, settings: Mapping[str, object], where: str) -> pd.DataFrame:
    """Patient, first row, time and follow-up in hours, and whether follow-up ends in the event, of every row."""
    patient, scale = raw[settings["patient"]], HOURS[settings["unit"]]
    time, followup = (numbers_of(raw[settings[name]], where, f"{KEY}.columns") for name in ("time", "followup"))
    for name, column in ((settings["patient"], patient), (settings["time"], time)):
        if column.isna().any():
            row = int(column.isna().to_numpy().argmax()) + 2
            raise StudyError(f"{where}, row {row}: no {name}; every visit needs its patient and its time.")
    twice = pd.DataFrame({"patient": patient, "time": time}).duplicated()
    if twice.any():
        row = int(twice.to_numpy().argmax())
        raise StudyError(
            f"{where}, row {row + 2}: a second visit of one patient at {settings['time']} {time.iloc[row]:g}; "
            "keep one row per visit."
        )
    number = pd.Series(np.arange(2, len(raw) + 2), index=raw.index)
    first = number.groupby(patient).transform("min")
    ended = raw[settings["ended"]]
    events = {str(value) for value in settings["events"]}
    event = ended.isin(events).astype(float).where(ended.notna())
    if not (event == 1).any() or not (event == 0).any():
        raise StudyError(
            f"{where}, column {settings['ended']}: {'no' if not (event == 1).any() else 'every'} patient has the event "
            f"({', '.join(sorted(events))}); found {', '.join(sorted(ended.dropna().unique())[:10])}. Write its values "
            f"under {KEY}.events."
        )
    return pd.DataFrame(
        {
            "first": first,
            "patient": "row " + first.astype(str),
            "time_h": time * scale,
            "followup_h": (followup * scale).where(ended.notna()),
            "event": event,
        }
    )


def _number(known: pd.Series, column: Mapping[str, object], where: str) -> pd.Series:
    """A column as numbers, or as their natural logarithms where its description says ``log: true``."""
    numbers = numbers_of(known, where, f"{KEY}.columns")
    if not column.get("log"):
        return numbers
    if (numbers <= 0).any():
        row = int((numbers <= 0).to_numpy().argmax())
        raise StudyError(
            f"{where}, row {row + 2}, column {known.name}: found {numbers.iloc[row]:g}, which has no logarithm; "
            f"correct it, or take log out of {KEY}.columns.{known.name}."
        )
    return np.log(numbers)


def _refuse_changes(visits: pd.DataFrame, columns: list[str], where: str) -> None:
    for name in columns:
        several = visits.groupby("patient", sort=False)[name].nunique(dropna=False)
        if (several > 1).any():
            patient = several.index[several > 1][0]
            raise StudyError(
                f"{where}: {name} of the patient in {patient} is not the same in all visits; correct it, or describe a "
                "column that changes as one of the visit (of: visit)."
            )


def _sequences(used: pd.DataFrame, settings: Mapping[str, object], course: list[str], record: list[str]) -> SequenceSet:
    target, ahead_h = target_of(settings), horizon_h(settings)
    left = used["followup_h"] - used["time_h"]
    label = pd.Series(np.nan, index=used.index).mask(left >= ahead_h, 1.0)
    label = label.mask((used["event"] == 1) & (left <= ahead_h), 0.0)
    steps = pd.DataFrame(
        {
            "patient": used["patient"],
            "step": "visit" + (used["position"] + 1).astype(str),
            "position": used["position"],
            "time_h": used["time_h"],
            "at_risk": True,
            f"label_{target}": label,
            "followup_h": used["followup_h"],
            "death_h": used["followup_h"].where(used["event"] == 1),
        }
    )
    values = used.melt(["patient", "position"], course, "variable", "value").dropna(subset="value")
    patients = used.drop_duplicates("patient").assign(split=SPLIT, center=CENTER, role="test")
    return sequences_of(steps, values, patients, course, record, (target,), nested=True)
