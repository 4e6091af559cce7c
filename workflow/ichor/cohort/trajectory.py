"""Steps of a split's patients: what was known at each, who was alive and followed then, and what became of them."""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from ichor import tables
from ichor.cohort.course_steps import course_steps
from ichor.cohort.course_time_points import TimePoint
from ichor.cohort.follow_up import TARGETS, follow_up, outcomes
from ichor.reasons import Reason

VOLUME = "iph_ml"
"""Variable that is measured on the split's own masks, at the times of the two scans."""


def assemble_trajectory(
    split: str,
    cohort: pd.DataFrame,
    courses: pd.DataFrame,
    scans: pd.DataFrame,
    masks: pd.DataFrame,
    points: Collection[TimePoint] | None,
    good: Mapping,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Make the steps of every patient of a split who has a time course.

    Parameters
    ----------
    split : str
        Name of the split.
    cohort : DataFrame
        Table ``cohort`` of the split.
    courses : DataFrame
        Table ``time_courses``.
    scans, masks : DataFrame
        Tables of these names; masks of other splits are not looked at.
    points : collection of TimePoint, or None
        Time points of the config.
    good : mapping
        ``trajectory.good`` of the config.

    Returns
    -------
    steps : DataFrame
        Table ``trajectory_steps``. ``at_risk``: known to be alive and followed at the step's landmark time; a label is
        there for these steps only.
    values : DataFrame
        Table ``trajectory_values``.
    status : DataFrame
        Table ``status``: ``no_course``, ``outcomes_contradict``, ``followup_too_short``.
    """
    mine = courses[courses["patient"].isin(set(cohort["patient"]))]
    volumes = scan_volumes(cohort, scans, masks[masks["split"] == split])
    volumes = volumes[volumes["patient"].isin(set(mine["patient"]))]
    everything = pd.concat([mine, volumes], ignore_index=True) if len(volumes) else mine
    steps, values = course_steps(everything, points)
    known = cohort.set_index("patient", drop=False)
    known = known[known.index.isin(set(mine["patient"]))]
    last_seen_h = everything.groupby("patient")["time_h"].max().reindex(known.index)
    followed = follow_up(known, last_seen_h)
    came = outcomes(known, followed, good)
    steps = _with_labels(split, steps, known, followed, came)
    status = _status(split, cohort, known, followed, came, steps)
    return (
        tables.validate("trajectory_steps", steps, f"steps of split {split}"),
        tables.validate("trajectory_values", values, f"values of split {split}"),
        tables.frame("status", status),
    )


def scan_volumes(cohort: pd.DataFrame, scans: pd.DataFrame, masks: pd.DataFrame) -> pd.DataFrame:
    """Volume of the hematoma on the split's own masks at the times of the scans, as rows of the time courses.

    Parameters
    ----------
    cohort : DataFrame
        Table ``cohort`` of the split; its times are used where a scan does not know its own.
    scans, masks : DataFrame
        Tables of these names, of one split.

    Returns
    -------
    DataFrame
        Table ``time_courses``; scans without a mask or a time are left out.
    """
    found = masks[["patient", "center", "time_point", VOLUME]].merge(
        scans[["patient", "time_point", "onset_to_ct_h", "baseline_to_ct_h"]], on=["patient", "time_point"]
    )
    known = cohort.set_index("patient")
    found = found[found["patient"].isin(known.index)]
    first = scans[scans["time_point"] == "baseline"].set_index("patient")["onset_to_ct_h"]
    onset = found["patient"].map(first).fillna(found["patient"].map(known["onset_to_ct_h"]))
    recorded = found["patient"].map(known["onset_to_followup_ct_h"])
    later = found["onset_to_ct_h"].fillna(onset + found["baseline_to_ct_h"]).fillna(recorded)
    found["time_h"] = onset.where(found["time_point"] == "baseline", later).astype(float).round(4)
    found = found[(found["time_h"] >= 0) & found[VOLUME].notna()]
    rows = found.rename(columns={VOLUME: "value"}).assign(variable=VOLUME, time_point=None)
    return rows[tables.columns("time_courses")].reset_index(drop=True)


def _with_labels(
    split: str, steps: pd.DataFrame, known: pd.DataFrame, followed: pd.DataFrame, came: pd.DataFrame
) -> pd.DataFrame:
    """Steps with who they are of, whether the patient was at risk, and the labels."""
    patient = steps["patient"]
    out = steps.assign(split=split)
    for name in ("center", "role"):
        out[name] = patient.map(known[name])
    for name in ("followup_h", "death_h"):
        out[name] = patient.map(followed[name])
    alive = ~(out["death_h"] <= out["time_h"])
    out["at_risk"] = alive & (out["followup_h"] >= out["time_h"])
    for target in TARGETS:
        out[f"label_{target}"] = patient.map(came[target]).where(out["at_risk"])
    return out


def _status(
    split: str,
    cohort: pd.DataFrame,
    known: pd.DataFrame,
    followed: pd.DataFrame,
    came: pd.DataFrame,
    steps: pd.DataFrame,
) -> list[dict]:
    def row(center: str, patient: str, reason: Reason, detail: str) -> dict:
        return tables.status_row(center, patient, "label", "flagged", reason, f"split {split}, trajectory: {detail}")

    without = cohort[~cohort["patient"].isin(known.index)]
    status = []
    for center, patients in without.groupby("center")["patient"]:
        if center in set(known["center"]):
            status += [row(center, patient, Reason.NO_COURSE, "no value in time") for patient in patients]
        else:
            status.append(
                row(center, "", Reason.NO_COURSE, f"none of the {len(patients)} patients of the center has one")
            )
    center_of, scored = known["center"], set(steps.loc[steps["at_risk"], "patient"])
    for patient in known.index[followed["contradicts"]]:
        detail = "death and outcomes; the patient has no label"
        status.append(row(center_of[patient], patient, Reason.OUTCOMES_CONTRADICT, detail))
    for patient in known.index[came.isna().any(axis=1) & ~followed["contradicts"]]:
        missing = [target for target in TARGETS if np.isnan(came.at[patient, target])]
        if patient in scored:
            detail = f"{', '.join(missing)} not known; followed for {followed.at[patient, 'followup_h'] / 24:.0f} days"
            status.append(row(center_of[patient], patient, Reason.FOLLOWUP_TOO_SHORT, detail))
    return status
