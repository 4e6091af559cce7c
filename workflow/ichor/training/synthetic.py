"""Synthetic cases on their way into a training: fenced, then rows like those of real scans."""

from collections.abc import Iterable

import nibabel as nib
import numpy as np
import pandas as pd

from ichor import tables
from ichor.cohort.fences import LeakError, assert_synthetic
from ichor.errors import StudyError
from ichor.imaging.geometry import spacing_mm
from ichor.reasons import Reason
from ichor.training.balance import Balance
from ichor.training.job import Job

CENTER = "synthetic"
"""What stands for the center of a synthetic case; centers of a study are told apart by their own names."""


def synthetic_rows(
    job: Job, cases: pd.DataFrame | None, cohort: pd.DataFrame, trained_on: Iterable[str] | None = None
) -> pd.DataFrame | None:
    """Rows of the accepted synthetic cases, for a model that trains on them.

    Parameters
    ----------
    job : ichor.training.job.Job
        What is fitted; its spec says whether it wants any and from which generator.
    cases : pandas.DataFrame or None
        Table ``synthetic`` of that generator and split, checked.
    cohort : pandas.DataFrame
        Table ``cohort`` of the split, all roles.
    trained_on : iterable of str, optional
        Patients that the generator learned from, see `ichor.cohort.fences.assert_synthetic`.

    Returns
    -------
    pandas.DataFrame or None
        Columns ``split patient center role image mask label``, indexed by the names of the cases; None where the
        model wants no synthetic cases.

    Raises
    ------
    ichor.cohort.fences.LeakError
        If a case may not be learned from in this split, or is none of the generator that the model names.
    ichor.errors.StudyError
        If cases are smaller than what the network reads: the border would tell them from real scans.
    """
    balance = Balance.of(job.spec)
    if balance.arm != "synthetic":
        if cases is not None and len(cases):
            raise LeakError(f"{job.name}: it has no arm synthetic and was given {len(cases)} synthetic cases")
        return None
    if cases is None:
        raise StudyError(f"models.{job.task}.{job.model}: arm synthetic, but no synthetic cases were given")
    if job.spec.get("record", {}).get("features"):
        raise StudyError(
            f"models.{job.task}.{job.model}: balance.arm is synthetic, and synthetic cases have no record; "
            "leave record.features out, or take another arm"
        )
    assert_synthetic(cases, cohort, job.split, trained_on)
    foreign = cases.loc[cases["generator"] != balance.generator, "generator"]
    if len(foreign):
        raise LeakError(f"{job.name}: a case of the generator {foreign.iloc[0]}, the model names {balance.generator}")
    accepted = cases[(cases["outcome"] == "accepted") & (cases["label"] == 1)]
    _refuse_small(accepted, job.spec["input"]["size_mm"])
    named = {"split": job.split, "patient": accepted["case"], "center": CENTER, "role": "train"}
    rows = accepted[["image", "mask"]].assign(**named, label=accepted["label"].astype(int))
    return rows.set_index(accepted["case"].to_numpy())


def refuse_foreign_target(job: Job) -> None:
    """Stop where the cases' label is not the one that is learned.

    Raises
    ------
    ichor.errors.StudyError
        For the arm ``synthetic`` and any target but expansion.
    """
    if Balance.of(job.spec).arm == "synthetic" and job.target != "expansion":
        raise StudyError(
            f"models.{job.task}.{job.model}: synthetic cases are labelled with expansion, the model learns "
            f"{job.target}; write another balance.arm"
        )


def shortage(job: Job, facts: dict, cases: pd.DataFrame | None = None, *, learned: bool = False) -> list[dict]:
    """Status row of a training that had fewer synthetic cases than its ratio asks for, or no row.

    Parameters
    ----------
    job : Job
        What was fitted.
    facts : dict
        What the bundle says under ``balance``.
    cases : DataFrame, optional
        Table ``synthetic`` of the split, with the cases that were refused as copies.
    learned : bool
        Whether the generator was trained: if it made fewer cases than were asked for, too few of its crops passed.
    """
    missing = facts.get("missing", 0)
    if not missing:
        return []
    detail = f"{job.name}: {facts['synthetic']} synthetic cases, {missing} fewer than {facts['ratio']} asks for"
    reason = Reason.SYNTHETIC_TOO_FEW
    if learned and cases is not None and len(cases) < facts["synthetic"] + missing:
        reason, detail = Reason.GENERATOR_DRAWS_UNFIT, f"{detail}; {len(cases)} drawn crops passed for a case"
    return [tables.status_row("", job.model, "model", "flagged", reason, detail)]


def _refuse_small(cases: pd.DataFrame, size_mm: list[float]) -> None:
    for case in cases.itertuples():
        image = nib.load(case.image)
        extent = np.array(image.shape[:3]) * spacing_mm(image.affine)
        if (extent < np.array(size_mm) - 1e-3).any():
            found = " x ".join(f"{side:.0f}" for side in extent)
            wanted = " x ".join(f"{side:g}" for side in size_mm)
            raise StudyError(
                f"synthetic case {case.case}: {found} mm, the network reads {wanted} mm; "
                "write a larger size_mm for the generator, or a smaller input.size_mm for the network"
            )
