"""The true risks of simulated patients, kept apart from everything a model may read."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from ichor.pseudonyms import pseudonym
from ichor.simulate.course_risks import TARGETS as ENDS
from ichor.simulate.course_risks import course_risks
from ichor.simulate.deterioration_risks import EARLY_H, deterioration_risks, is_bad
from ichor.simulate.followup import earliest_death_h

TARGETS = (
    ("expansion", "expansion", "risk_expansion", "expansion"),
    ("outcome", "poor_outcome", "risk_poor_outcome", "poor_outcome"),
    ("outcome", "death", "risk_death_30d", "death_30d"),  # those who die in hospital are those who die in 30 days
    ("outcome", "death_30d", "risk_death_30d", "death_30d"),
)
IMAGE_RISK = {"expansion": "risk_expansion_image"}
"""Targets of which the part of the risk that the scan shows is known -> its column."""
VOLUMES = ("iph_ml", "ivh_ml", "edema_ml", "followup_iph_ml", "followup_ivh_ml", "followup_edema_ml")


def write_truth(rows: pd.DataFrame, courses: pd.DataFrame, path: Path) -> None:
    """Write the truth of one center: patient (raw id) task target risk risk_image event and the true volumes in mL.

    Parameters
    ----------
    rows
        The patients, as drawn.
    courses
        As `course_truth` returns it.
    path
        File to write.
    """
    volumes = rows[["patient", *VOLUMES]]
    parts = [courses.assign(risk_image=math.nan).merge(volumes, on="patient", validate="many_to_one")]
    for task, target, risk, event in TARGETS:
        part = volumes.assign(task=task, target=target, risk=rows[risk], event=rows[event])
        parts.append(part.assign(risk_image=rows[IMAGE_RISK[target]] if target in IMAGE_RISK else math.nan))
    table = pd.concat(parts)[["patient", "task", "target", "risk", "risk_image", "event", *VOLUMES]]
    table = table.sort_values(["patient", "task", "target"], kind="stable")
    table.to_csv(path, sep="\t", index=False, float_format="%.6f", lineterminator="\n")


def course_truth(rows: pd.DataFrame, planned: pd.DataFrame, made: pd.DataFrame, reported: set[str]) -> pd.DataFrame:
    """Return the true risks that courses and reports tell: patient task target risk event.

    Task ``trajectory`` has a row for each step at which the patient lives and each end, ``survival_30d@day3`` and so
    on: the risk given all that is known at the step's landmark, so it changes from step to step. Task
    ``deterioration`` has the risk given record, scan and report, of who has a label.

    Parameters
    ----------
    rows
        The patients, as drawn, with what their courses follow.
    planned, made
        Readings should all patients live (`ichor.simulate.courses.draw_courses`), and those before their deaths.
    reported
        Patients of whom there is a report.
    """
    bad, early, out = is_bad(made), is_bad(made, EARLY_H), []
    readings, plans = dict(list(made.groupby("patient"))), dict(list(planned.groupby("patient")))
    for row, earliest in zip(rows.to_dict("records"), earliest_death_h(rows), strict=True):
        patient = row["patient"]
        event = dict(zip(ENDS, _ends(row), strict=True))
        for one in course_risks(row, readings[patient], earliest):
            target = f"{one['target']}@{one['step']}"
            out.append((patient, "trajectory", target, one["risk"], event[one["target"]]))
        signs = row["leading_signs"] if patient in reported else None
        event = (bad[patient], early[patient], bad[patient] and not early[patient])
        risks = deterioration_risks(row, plans[patient], earliest, signs).items()
        out += [(patient, "deterioration", name, risk, int(e)) for (name, risk), e in zip(risks, event, strict=True)]
    return pd.DataFrame(out, columns=["patient", "task", "target", "risk", "event"])


def _ends(row: dict) -> tuple[int, int, int]:
    """Alive at 30 days, at 180 days, and with an mRS of 0 to 3 then."""
    return int(row["death_30d"] == 0), int(row["mrs_180d"] != 6), int(row["mrs_180d"] <= 3)


def link(truth_paths: dict[str, Path], key: bytes) -> pd.DataFrame:
    """Return the true risks of all centers under pseudonyms.

    Parameters
    ----------
    truth_paths
        Center to its truth.tsv.
    key
        The study's pseudonym key.

    Returns
    -------
    DataFrame
        patient task target risk risk_image, sorted; risk is the probability in [0, 1] that the event was drawn with
        (task ``trajectory``: the probability given what the course shows up to the step), risk_image its expectation
        given what the baseline scan shows (missing where that is not known).
    """
    parts = []
    for center, path in truth_paths.items():
        table = pd.read_csv(path, sep="\t", dtype={"patient": str})
        table["patient"] = [pseudonym(key, center, raw) for raw in table["patient"]]
        parts.append(table[["patient", "task", "target", "risk", "risk_image"]])
    return pd.concat(parts).sort_values(["patient", "task", "target"], ignore_index=True)
