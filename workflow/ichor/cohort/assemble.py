"""Bring the centers together: merged scans, merged patients, and the cohort of each split."""

from collections.abc import Mapping, Sequence

import pandas as pd

from ichor import tables
from ichor.cohort.deterioration import COLUMNS, WHOLE, Deterioration, label_deterioration
from ichor.cohort.duplicates import decisions, doubtful_identities, kept_together, settle
from ichor.cohort.expansion import Definition, definition
from ichor.cohort.label_checks import check_labels
from ichor.cohort.labels import Eligibility, ExpansionLabel, label_expansion, label_outcome
from ichor.cohort.scan_pairs import by_scan, scan_pair
from ichor.cohort.targets import TARGETS
from ichor.errors import StudyError
from ichor.imaging.voxels import image_sha256
from ichor.reasons import Reason

MEASURED = {
    name: name
    for name in (
        "diameter_mm surface_to_volume_per_mm sphericity hu_mean hu_sd hu_cov hu_skewness hu_kurtosis "
        "auto_midline_shift_mm auto_blend auto_blend_hu auto_black_hole auto_black_hole_hu auto_swirl auto_swirl_mm "
        "auto_hypodensity auto_hypodensity_mm2 auto_island auto_islands auto_satellite auto_satellites"
    ).split()
} | {"measured_location": "location"}
"""Columns of the cohort that are measured on the baseline mask -> their columns of the table ``measures``."""
POLICIES = ("stop", "set_aside")


def merge_scans(
    frames: Sequence[pd.DataFrame],
    *,
    on_duplicate: str,
    prints: pd.DataFrame | None = None,
    sheet: pd.DataFrame | None = None,
    listed: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put the scans of all centers below each other and look for identities that cannot be right.

    Parameters
    ----------
    frames : sequence of DataFrame
        Tables ``scans`` of centers or shards.
    on_duplicate : {"stop", "set_aside"}
        What to do when two patients have one scan, a scan stands in a public set or one patient stands in two centers:
        stop the run, or set aside every scan of the patients concerned, because nobody can say whose scan it is.
    prints : DataFrame, optional
        Fingerprints, see `ichor.cohort.alike.alike`; without, scans are compared by ``voxel_sha256`` alone.
    sheet : DataFrame, optional
        Table ``duplicates``: what a person decided for pairs of patients, whatever the policy.
    listed : DataFrame, optional
        Table ``fingerprints`` of public sets.

    Returns
    -------
    scans : DataFrame
        Table ``scans``, sorted by center, patient and time point.
    status : DataFrame
        Table ``status``: ``two_patients_one_scan``, ``in_public_set``, ``two_centers_one_patient``;
        ``kept_together``;
        ``followup_is_baseline`` for a follow-up scan that repeats the patient's baseline scan (it alone is set aside,
        whatever the policy).

    Raises
    ------
    StudyError
        If the policy is to stop and there is a duplicate (names pseudonyms and centers), or a patient has two scans of
        one time point.
    """
    if on_duplicate not in POLICIES:
        raise StudyError(f"config key ingest.duplicates: found {on_duplicate!r}, expected stop or set_aside.")
    frames = [frame for frame in frames if len(frame)]
    scans = pd.concat(frames, ignore_index=True) if frames else tables.empty("scans")
    scans = scans.sort_values(["center", "patient", "time_point"], ignore_index=True)
    _check_one_per_time_point(scans)
    doubts, repeated = doubtful_identities(scans, prints, listed)
    decided = {} if sheet is None else decisions(sheet)
    out, status = settle(doubts, decided, on_duplicate)
    status += kept_together(doubts, decided, set(zip(scans["center"], scans["patient"], strict=True)))
    certain = [person not in out for person in zip(scans["center"], scans["patient"], strict=True)]
    scans = scans[pd.Series(certain, index=scans.index, dtype=bool)]
    again = scans.index.isin(list(repeated))
    status += [
        tables.status_row(
            row.center, row.patient, "merge", "set_aside", Reason.FOLLOWUP_IS_BASELINE, repeated[row.Index]
        )
        for row in scans[again].itertuples()
    ]
    return tables.validate("scans", scans[~again], "merged scans"), tables.frame("status", status)


def _check_one_per_time_point(scans: pd.DataFrame) -> None:
    twice = scans[scans.duplicated(["center", "patient", "time_point"])]
    if len(twice):
        one = twice.iloc[0]
        raise StudyError(f"center {one.center}: patient {one.patient} has two scans of time point {one.time_point}.")


def merge_patients(
    frames: Sequence[pd.DataFrame], scans: pd.DataFrame, *, roles: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put the patients of all centers below each other; every patient with a scan has a row.

    Parameters
    ----------
    frames : sequence of DataFrame
        Tables ``patients`` of the centers, as harmonised.
    scans : DataFrame
        Merged table ``scans``.
    roles : mapping, optional
        Center -> role, from the centers sheet; needed for a center without clinical table.

    Returns
    -------
    patients : DataFrame
        Table ``patients``, sorted by center and patient. A patient with a scan but without clinical record has empty
        variables.
    status : DataFrame
        Table ``status``: ``no_scan`` (set aside: no accepted baseline scan) and ``no_record`` (flagged).

    Raises
    ------
    StudyError
        If a patient stands in two centers, or a center's role is not known.
    """
    frames = [frame for frame in frames if len(frame)]
    patients = pd.concat(frames, ignore_index=True) if frames else tables.empty("patients")
    twice = patients[patients["patient"].duplicated()]
    if len(twice):
        one = twice["patient"].iloc[0]
        centers = ", ".join(patients.loc[patients["patient"] == one, "center"])
        raise StudyError(f"patient {one} stands twice in the clinical tables (centers {centers}); keep one row.")
    known = dict(zip(patients["center"], patients["center_role"], strict=True)) | dict(roles or {})
    scanned = scans[["center", "patient"]].drop_duplicates()
    unrecorded = scanned[~scanned["patient"].isin(patients["patient"])]
    without_role = unrecorded[~unrecorded["center"].isin(list(known))]
    if len(without_role):
        raise StudyError(f"center {without_role['center'].iloc[0]} has scans, but no role in the centers sheet.")
    added = tables.frame(
        "patients", [row | {"center_role": known[row["center"]]} for row in unrecorded.to_dict("records")]
    )
    everyone = pd.concat([part for part in (patients, added) if len(part)] or [patients], ignore_index=True)
    everyone = everyone.sort_values(["center", "patient"], ignore_index=True)
    status = _without_scan(patients, scans)
    status += [
        tables.status_row(center, patient, "merge", "flagged", Reason.NO_RECORD)
        for center, patient in zip(unrecorded["center"], unrecorded["patient"], strict=True)
    ]
    return tables.validate("patients", everyone, "merged patients"), tables.frame("status", status)


def _without_scan(patients: pd.DataFrame, scans: pd.DataFrame) -> list[dict]:
    baseline = set(scans.loc[scans["time_point"] == "baseline", "patient"])
    only_followup = set(scans["patient"]) - baseline
    return [
        tables.status_row(
            center,
            patient,
            "merge",
            "set_aside",
            Reason.NO_SCAN,
            "a follow-up scan only" if patient in only_followup else "",
        )
        for center, patient in zip(patients["center"], patients["patient"], strict=True)
        if patient not in baseline
    ]


def assemble_cohort(
    split: str,
    patients: pd.DataFrame,
    scans: pd.DataFrame,
    masks: pd.DataFrame,
    splits: pd.DataFrame,
    *,
    expansion: Mapping,
    outcome: Mapping,
    death: Mapping | None = None,
    deterioration: Mapping | None = None,
    courses: pd.DataFrame | None = None,
    measures: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Assemble what the models of one split read.

    Parameters
    ----------
    split : str
        Name of the split.
    patients, scans, masks, splits : DataFrame
        The tables of these names; rows of other splits in `masks` and `splits` are not looked at.
    expansion : mapping
        ``definition`` (see `ichor.cohort.expansion`), ``followup_h`` (shortest and longest time from baseline, h),
        ``min_baseline_ml``, ``early_positive`` (see `ichor.cohort.labels.Eligibility`).
    outcome : mapping
        ``variable`` and ``poor`` of the target poor_outcome, see `ichor.cohort.labels.outcome_rule`.
    death : mapping, optional
        The same of the target death. Without it, or where no patient of the split has the variable, there is no label
        of death, and no status row says so for each patient.
    deterioration : mapping, optional
        ``cohort.deterioration`` of the config, see `ichor.cohort.deterioration.Deterioration`. Without it there is no
        label of it; where no patient of the split can have one, no status row says so for each patient.
    courses : DataFrame, optional
        Table ``time_courses``, whose serial scores tell it.
    measures : DataFrame, optional
        The table of this name; like `masks`. Without it the columns `MEASURED` are empty.

    Returns
    -------
    cohort : DataFrame
        Table ``cohort``, a row per patient of the split. ``iph_ml``, ``ivh_ml`` and the columns `MEASURED` are measured
        on the split's own cross-fitted mask of the baseline scan, empty where they could not be; follow-up volumes and
        growth come from the label's source.
    status : DataFrame
        Table ``status``, stage ``label``: why a patient has no label, and what a center's labels cannot tell (see
        `ichor.cohort.label_checks`).

    Raises
    ------
    StudyError
        If an expansion or outcome definition is wrong, or the split has no patient.
    """
    rows = splits[splits["split"] == split]
    if not len(rows):
        raise StudyError(f"split {split} has no patient in the splits table.")
    rule = definition(expansion["definition"])
    needs = Eligibility.of(expansion)
    base = rows.merge(patients.drop(columns=["center", "center_role"]), on="patient", how="left", validate="1:1")
    scan_of, mask_of = by_scan(scans), by_scan(masks[masks["split"] == split])
    measures_of = {} if measures is None else by_scan(measures[measures["split"] == split])
    records = base.astype(object).where(base.notna(), None).to_dict("records")
    status: list[dict] = []
    for row in records:
        _add_scans(row, scan_of, mask_of, rule, needs, split, status)
        measured = measures_of.get((row["patient"], "baseline"), {})
        row |= {name: measured.get(column) for name, column in MEASURED.items()}
    _add_outcome(records, label_outcome(base, outcome), split, "poor_outcome", status)
    if death is not None:
        died = label_outcome(base, death)
        _add_outcome(records, died, split, "death", status if died["label"].notna().any() else [])
    if deterioration is not None:
        seen = tables.empty("time_courses") if courses is None else courses
        scanned_h = base["patient"].map(lambda patient: scan_of[patient, "baseline"]["onset_to_ct_h"])
        timed = base.assign(onset_to_ct_h=pd.to_numeric(scanned_h).fillna(pd.to_numeric(base["onset_to_ct_h"])))
        _add_deterioration(records, label_deterioration(timed, seen, Deterioration.of(deterioration)), split, status)
    cohort = tables.frame("cohort", records)
    return cohort, tables.frame("status", status + check_labels(cohort))


def _add_scans(
    row: dict,
    scan_of: Mapping,
    mask_of: Mapping,
    rule: Definition,
    needs: Eligibility,
    split: str,
    status: list[dict],
) -> None:
    """Add image, mask, volumes and expansion label to a patient's row, and a status row if there is no label."""
    patient = row["patient"]
    mask = mask_of.get((patient, "baseline"), {})
    scan = scan_of[patient, "baseline"]
    spacing_mm = [scan[f"spacing_{axis}_mm"] for axis in "xyz"]
    row["image"], row["image_sha256"] = scan["image"], image_sha256(scan["voxel_sha256"], spacing_mm)
    row |= {name: mask.get(name) for name in ("mask", "mask_sha256", "iph_ml", "ivh_ml")}
    pair = scan_pair(row, scan_of, mask_of)
    found = label_expansion(pair, rule, **vars(needs))
    _write_expansion(row, found)
    if found.reason:
        status.append(_label_status(row, "flagged", found.reason, split, "expansion", found.detail))


def _write_expansion(row: dict, found: ExpansionLabel) -> None:
    row["label_expansion"] = found.label
    row["label_expansion_source"] = found.source
    row["label_expansion_reason"] = str(found.reason) if found.reason and found.label is None else None
    for name in ("followup_iph_ml", "followup_ivh_ml", "growth_ml", "growth_ratio"):
        row[name] = getattr(found, name)


def _add_outcome(records: list[dict], outcomes: pd.DataFrame, split: str, target: str, status: list[dict]) -> None:
    """Add the label of an outcome to each patient's row, and a status row where there is none."""
    for row, label, reason in zip(records, outcomes["label"], outcomes["reason"], strict=True):
        row[f"label_{target}"], row[f"label_{target}_reason"] = label, reason
        if reason:
            status.append(_label_status(row, "flagged", Reason(reason), split, target, ""))


def _add_deterioration(records: list[dict], found: pd.DataFrame, split: str, status: list[dict]) -> None:
    """Add the labels of deterioration; one status row for a patient who has none of the whole window."""
    told = found[f"label_{WHOLE}"].notna().any()  # a study need not look for it
    for row, own in zip(records, found.to_dict("records"), strict=True):
        row |= {name: own[name] for name in COLUMNS}
        for target in TARGETS["deterioration"]:
            label, reason = own[f"label_{target}"], own[f"label_{target}_reason"]
            row[f"label_{target}"], row[f"label_{target}_reason"] = None if pd.isna(label) else int(label), reason
        reason = row[f"label_{WHOLE}_reason"]
        if told and reason:
            status.append(_label_status(row, "flagged", Reason(reason), split, WHOLE, ""))


def _label_status(row: dict, outcome: str, reason: Reason, split: str, target: str, detail: str) -> dict:
    words = f"split {split}, {target}" + (f": {detail}" if detail else "")
    return tables.status_row(row["center"], row["patient"], "label", outcome, reason, words)
