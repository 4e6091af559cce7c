"""The cohort flow: how many files, series, scans and patients there were, and how many were lost where and why."""

from collections.abc import Iterable, Mapping

import pandas as pd

from ichor.cohort.targets import label_columns

COLUMNS = ("step", "split", "target", "center", "kind", "reason", "unit", "count", "events")
INGEST_STAGES = ("index", "select", "convert", "check")
ALL = "all"
PARTS = ("deterioration_early", "deterioration_late")
"""Targets that divide another one, which stands in the flow for them."""


def cohort_flow(
    status: pd.DataFrame,
    patients: pd.DataFrame,
    scans: pd.DataFrame,
    splits: pd.DataFrame,
    cohorts: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """Count the cohort flow.

    Parameters
    ----------
    status, patients, scans, splits : DataFrame
        The tables of these names.
    cohorts : mapping
        Split -> its table ``cohort``.

    Returns
    -------
    DataFrame
        Rows in the order of the flow, every center and then ``all``:

        - ``step``: ``index select convert check harmonise merge segmentation`` (what happened there, from the status
          table), then ``patients baseline_scan followup_scan`` (patients that are still there), then per split
          ``train tune test`` and per split and target ``labelled``
        - ``split``, ``target``: empty where they do not apply
        - ``center``
        - ``kind``: ``accepted`` and ``flagged`` (they go on), ``set_aside`` (they do not)
        - ``reason``: reason code; empty for ``accepted``
        - ``unit``: ``file series patient center``
        - ``count``: different files, series, patients or centers; 0 is a count, a missing step has no row
        - ``events``: for ``labelled``, how many of them have the event; else missing
    """
    rows = [row for stage in (*INGEST_STAGES, "harmonise", "merge") for row in _status_rows(status, stage)]
    centers = sorted(set(patients["center"]) | set(scans["center"]) | set(status["center"].dropna()) - {""})
    baseline = set(scans.loc[scans["time_point"] == "baseline", "patient"])
    followup = set(scans.loc[scans["time_point"] == "followup", "patient"]) & baseline
    for step, kept in (("patients", None), ("baseline_scan", baseline), ("followup_scan", followup)):
        people = patients if kept is None else patients[patients["patient"].isin(kept)]
        rows += _counts(people["center"], centers, step=step)
    rows += _status_rows(status, "segmentation")
    for split, cohort in cohorts.items():
        own = splits[splits["split"] == split]
        for role in ("train", "tune", "test"):
            rows += _counts(own.loc[own["role"] == role, "center"], centers, step=role, split=split)
        for target, label in label_columns().items():
            if target in PARTS:
                continue
            recorded = label in cohort and cohort[label].notna().any()
            if target not in ("expansion", "poor_outcome") and not recorded:
                continue  # a study need not record it
            rows += _label_rows(cohort, centers, split, target, label)
    flow = pd.DataFrame([{name: row.get(name) for name in COLUMNS} for row in rows], columns=list(COLUMNS))
    return flow.astype({"count": "Int64", "events": "Int64"})


def _status_rows(status: pd.DataFrame, stage: str) -> list[dict]:
    own = status[status["stage"] == stage].copy()
    own["subject"] = own["subject"].fillna("")
    own["reason"] = own["reason"].fillna("")
    own["center"] = own["center"].fillna("")
    own["unit"] = own["subject"].map(_unit)
    rows = []
    for (kind, reason, unit), group in own.groupby(["outcome", "reason", "unit"], sort=True):
        base = dict(step=stage, kind=kind, reason=reason, unit=unit)
        for center, part in group.groupby("center", sort=True):
            rows.append(base | dict(center=center, count=part["subject"].nunique()))
        different = group[["center", "subject"]].drop_duplicates()
        rows.append(base | dict(center=ALL, count=len(different)))
    return rows


def _unit(subject: str) -> str:
    if not subject:
        return "center"
    prefix, dash, _ = subject.partition("-")
    return prefix if dash and prefix in ("file", "series") else "patient"


def _counts(found: pd.Series, centers: Iterable[str], **where: str) -> list[dict]:
    counts = found.value_counts()
    base = dict(kind="accepted", reason="", unit="patient") | where
    rows = [base | dict(center=center, count=int(counts.get(center, 0))) for center in centers]
    return [*rows, base | dict(center=ALL, count=len(found))]


def _label_rows(cohort: pd.DataFrame, centers: Iterable[str], split: str, target: str, label: str) -> list[dict]:
    rows = []
    for center in (*centers, ALL):
        own = cohort if center == ALL else cohort[cohort["center"] == center]
        if not len(own):
            continue
        base = dict(step="labelled", split=split, target=target, center=center, unit="patient")
        given = own[label].dropna()
        rows.append(base | dict(kind="accepted", reason="", count=len(given), events=int(given.sum())))
        reasons = own.loc[own[label].isna(), f"{label}_reason"].value_counts().sort_index()
        rows += [base | dict(kind="set_aside", reason=reason, count=int(count)) for reason, count in reasons.items()]
    return rows
