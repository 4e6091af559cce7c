"""Tables as a run of the workflow leaves them, made from a small model of patients: for the tests of the report."""

import hashlib
import math

import numpy as np
import pandas as pd

from ichor import tables
from ichor.cohort.flow import cohort_flow
from ichor.cohort.table_one import table_one
from ichor.evaluation.evaluate import evaluate
from ichor.segmentation.agreement import size_class, summarise_agreement, summarise_groups

CENTERS = {
    "aurora": "development",
    "boreal": "development",
    "cedar": "development",
    "delta": "external",
    "estuary": "external",
}
MODELS = {
    "expansion": {
        "vit": {"kind": "vit"},
        "volume": {"kind": "volume"},
        "logistic": {"kind": "logistic"},
    },
    "outcome": {
        "densenet": {"kind": "densenet"},
        "logistic": {"kind": "logistic"},
        "ich_score": {"kind": "ich_score"},
    },
}
TARGETS = {"expansion": "expansion", "outcome": "poor_outcome"}
SKILL = {"vit": 0.8, "volume": 0.45, "logistic": 0.65, "densenet": 0.8, "ich_score": 0.6}
OFFSET = {"vit": 0.4, "volume": 0.0, "logistic": -0.1, "densenet": -0.6, "ich_score": 0.2}


def pseudonym(center: str, i: int) -> str:
    return hashlib.sha256(f"{center}{i}".encode()).hexdigest()[:12]


def made_tables(
    per_center: int = 40, seed: int = 3, bootstrap: int = 40, truth: bool = True
) -> dict[str, pd.DataFrame]:
    """All tables that the report reads."""
    rng = np.random.default_rng(seed)
    patients, hidden = _patients(per_center, rng)
    status = _status(patients, rng)
    lost = set(status.loc[status["stage"] == "merge", "subject"])
    scans = _scans(patients[~patients["patient"].isin(lost)], rng)
    splits = _splits(patients[patients["patient"].isin(scans["patient"])])
    masks = _masks(scans, splits, hidden, rng)
    cases = _agreement_cases(masks)
    cohort = _cohort(patients, scans, splits, masks, hidden, rng)
    predictions, risks = _predictions(cohort, hidden, rng)
    metrics, comparisons, curves = evaluate(predictions, risks if truth else None, seed=seed, bootstrap=bootstrap)
    cohorts = dict(iter(cohort.groupby("split")))
    return {
        "status": status,
        "patients": patients,
        "scans": scans,
        "splits": splits,
        "masks": masks,
        "cohort": cohort,
        "metrics": metrics,
        "comparisons": comparisons,
        "curves": curves,
        "flow": cohort_flow(status, patients, scans, splits, cohorts),
        "table_one": table_one(patients, {"external": cohorts["external"]}),
        "measures": _measures(masks),
        "agreement": summarise_agreement(cases, masks),
        "agreement_groups": summarise_groups(cases),
        "agreement_cases": cases,
    }


def _patients(per_center: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, hidden = [], []
    for c, (center, role) in enumerate(CENTERS.items()):
        for i in range(per_center):
            severity, growth = rng.normal(), rng.normal()
            patient = pseudonym(center, i)
            age = float(np.clip(61 + 3 * c + 12 * rng.normal(), 25, 95).round())
            known_gos = rng.random() > 0.06
            poor = rng.random() < 1 / (1 + math.exp(-(0.5 + 1.5 * severity)))
            rows.append(
                dict(
                    patient=patient,
                    center=center,
                    center_role=role,
                    age_years=age,
                    sex="male" if rng.random() < 0.64 else "female",
                    gcs=int(np.clip(round(12.5 - 2.5 * severity + rng.normal()), 3, 15)),
                    systolic_mmhg=float(np.clip(172 + 24 * rng.normal(), 90, 260).round()),
                    diastolic_mmhg=float(np.clip(99 + 15 * rng.normal(), 50, 150).round())
                    if rng.random() > 0.1
                    else None,
                    glucose_mmol_l=round(float(np.exp(rng.normal(1.95, 0.3))), 1),
                    onset_to_ct_h=round(float(np.exp(rng.normal(1.1, 0.5))), 1),
                    hypertension=int(rng.random() < 0.68),
                    diabetes=int(rng.random() < 0.1),
                    anticoagulant=int(rng.random() < 0.05),
                    antiplatelet=int(rng.random() < 0.09),
                    location=str(rng.choice(["deep", "lobar", "infratentorial"], p=[0.6, 0.3, 0.1])),
                    treatment=str(
                        rng.choice(["conservative", "craniotomy", "minimally_invasive"], p=[0.62, 0.06, 0.32])
                    ),
                    gos_discharge=int(rng.choice([1, 2, 3]) if poor else rng.choice([4, 5])) if known_gos else None,
                )
            )
            hidden.append(
                dict(
                    patient=patient,
                    severity=severity,
                    growth=growth,
                    poor=int(poor),
                    volume_ml=float(np.exp(3.0 + 0.8 * rng.normal() + 0.3 * severity)),
                    ivh_ml=float(np.exp(1.5 + rng.normal())) if rng.random() < 0.3 else 0.0,
                )
            )
    return tables.frame("patients", rows), pd.DataFrame(hidden).set_index("patient")


def _status(patients: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for center, own in patients.groupby("center"):
        for i in range(int(rng.integers(1, 4))):
            rows.append(
                tables.status_row(
                    center, f"file-{pseudonym(center, 900 + i)}", "index", "set_aside", "not_dicom", "no DICM mark"
                )
            )
        for i in range(len(own) * 2):
            code = str(
                rng.choice(
                    ["localizer", "bone_kernel", "not_chosen", "contrast_enhanced", "too_few_slices"],
                    p=[0.5, 0.3, 0.1, 0.05, 0.05],
                )
            )
            detail = "6 slices, 10 needed" if code == "too_few_slices" else ""
            rows.append(
                tables.status_row(center, f"series-{pseudonym(center, 2000 + i)}", "select", "set_aside", code, detail)
            )
        for code, stage, outcome, n in (
            ("no_scan", "merge", "set_aside", 2),
            ("no_record", "merge", "set_aside", 1),
            ("missing_slices", "convert", "set_aside", 1),
            ("tilt_corrected", "convert", "flagged", 5),
            ("unknown_code", "harmonise", "flagged", 1),
        ):
            for k in range(n):
                subject = own["patient"].iloc[-1 - k] if code != "no_record" else pseudonym(center, 7000 + k)
                detail = {"missing_slices": "slices 11 and 12 of 24", "tilt_corrected": "18.0 degrees"}.get(code, "")
                rows.append(
                    tables.status_row(center, subject, stage, outcome, code, detail, f"logs/{stage}/{center}.log")
                )
    return tables.frame("status", rows)


def _scans(patients: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for person in patients.itertuples():
        for time_point, after in (("baseline", 0.0), ("followup", float(rng.uniform(18, 36)))):
            if time_point == "followup" and rng.random() < 0.12:
                continue
            rows.append(
                dict(
                    patient=person.patient,
                    center=person.center,
                    time_point=time_point,
                    image=f"results/images/{person.patient}_{time_point}.nii.gz",
                    reference_mask=None if person.center == "estuary" else "mask.nii.gz",
                    source="dicom",
                    onset_to_ct_h=person.onset_to_ct_h + after,
                    baseline_to_ct_h=after,
                    columns=128,
                    rows=128,
                    slices=30,
                    spacing_x_mm=1.8,
                    spacing_y_mm=1.8,
                    spacing_z_mm=5.0,
                    extent_mm=145.0,
                    tilt_deg=0.0,
                    kernel="H30s",
                    manufacturer="SIEMENS",
                    hu_min=-1024,
                    hu_max=2100,
                    voxel_sha256=hashlib.sha256(f"{person.patient}{time_point}".encode()).hexdigest(),
                    flags=None,
                )
            )
    return tables.frame("scans", rows)


def _splits(patients: pd.DataFrame) -> pd.DataFrame:
    rows = []
    developing = [c for c, role in CENTERS.items() if role == "development"]
    for split in ["external", *(f"loco-{c}" for c in developing)]:
        for i, person in enumerate(patients.itertuples()):
            left_out = split.removeprefix("loco-")
            if person.center_role == "external":
                role = "test" if split == "external" else None
            else:
                role = "test" if person.center == left_out else ("tune" if i % 4 == 0 else "train")
            if role:
                fold = None if role == "test" else i % 2
                rows.append(dict(split=split, patient=person.patient, center=person.center, role=role, fold=fold))
    return tables.frame("splits", rows)


def _masks(scans: pd.DataFrame, splits: pd.DataFrame, hidden: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    joined = splits.merge(scans[["patient", "time_point", "reference_mask"]], on="patient")
    for row in joined.itertuples():
        person = hidden.loc[row.patient]
        grown = row.time_point == "followup"
        true = person.volume_ml * (1 + (0.5 if person.growth > 0.9 else 0.04) * grown)
        found, ivh = (
            max(true * (1 + 0.09 * rng.normal()) + rng.normal(), 0.0),
            max(person.ivh_ml * (1 + 0.2 * rng.normal()), 0.0),
        )
        known = row.reference_mask is not None
        rows.append(
            dict(
                split=row.split,
                patient=row.patient,
                center=row.center,
                time_point=row.time_point,
                mask=f"results/masks/{row.patient}.nii.gz",
                model="fold-0",
                iph_ml=found,
                ivh_ml=ivh,
                reference_iph_ml=true if known else None,
                reference_ivh_ml=person.ivh_ml if known else None,
                dice_iph=float(np.clip(0.9 - 0.35 / math.sqrt(true) + 0.03 * rng.normal(), 0, 0.98)) if known else None,
                dice_ivh=float(np.clip(0.7 + 0.12 * rng.normal(), 0, 0.95)) if known and person.ivh_ml else None,
                reason=None,
            )
        )
    return tables.frame("masks", rows)


def _agreement_cases(masks: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in masks[masks["reference_iph_ml"].notna()].to_dict("records"):
        for label in ("iph", "ivh"):
            found, true, overlap = row[f"{label}_ml"], row[f"reference_{label}_ml"], row[f"dice_{label}"]
            known = dict(zip(("predicted_ml", "reference_ml", "dice"), (found, true, overlap), strict=True))
            surface = dict(nsd=min(1.0, 1.1 * overlap), hd95_mm=8 * (1 - overlap)) if overlap == overlap else {}
            keys = {key: row[key] for key in ("split", "patient", "center", "time_point")}
            rows.append(
                keys | known | surface | dict(label=label, size=size_class(true), difference_ml=found - true)
                | dict(location="deep" if true > 15 else "lobar", manufacturer="GE")
            )  # fmt: skip
    return tables.frame("agreement_cases", rows)


def _measures(masks: pd.DataFrame) -> pd.DataFrame:
    keys = ["split", "patient", "center", "time_point", "iph_ml", "ivh_ml"]
    rows = masks[keys].assign(found=1, abc2_ml=masks["iph_ml"] * 1.1, hu_mean=60.0, location="deep", auto_blend=0)
    return tables.frame("measures", rows.to_dict("records"))


def _cohort(patients, scans, splits, masks, hidden, rng) -> pd.DataFrame:
    followed = set(scans.loc[scans["time_point"] == "followup", "patient"])
    base = masks[masks["time_point"] == "baseline"].set_index(["split", "patient"])
    rows = []
    for row in splits.merge(patients.drop(columns=["center", "center_role"]), on="patient").to_dict("records"):
        person, mask = hidden.loc[row["patient"]], base.loc[(row["split"], row["patient"])]
        grows = int(person.growth > 0.9) if row["patient"] in followed else None
        outcome = None if pd.isna(row["gos_discharge"]) else int(row["gos_discharge"] <= 3)
        rows.append(
            row
            | dict(
                image="x.nii.gz",
                image_sha256="0" * 64,
                mask=mask["mask"],
                iph_ml=mask["iph_ml"],
                ivh_ml=mask["ivh_ml"],
                label_expansion=grows,
                label_expansion_source=None if grows is None else "measured",
                label_expansion_reason="no_followup" if grows is None else None,
                label_poor_outcome=outcome,
                label_poor_outcome_reason="label_missing" if outcome is None else None,
                label_death_reason="label_missing",
            )
        )
    return tables.frame("cohort", rows)


def _predictions(
    cohort: pd.DataFrame, hidden: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, truth = [], {}
    for task, target in TARGETS.items():
        known = cohort[cohort[f"label_{target}"].notna()]
        for row in known.itertuples():
            person = hidden.loc[row.patient]
            latent = 1.5 * (person.growth - 1.0) if task == "expansion" else 0.5 + 1.5 * person.severity
            truth[row.patient, task] = dict(
                patient=row.patient, task=task, target=target, risk=1 / (1 + math.exp(-latent))
            )
            for model in MODELS[task]:
                skill = SKILL[model]
                seen = skill * latent + (1 - skill) * 2.4 * rng.normal() + OFFSET[model]
                rows.append(
                    dict(
                        task=task,
                        target=target,
                        model=model,
                        split=row.split,
                        patient=row.patient,
                        center=row.center,
                        role=row.role,
                        time="baseline",
                        label=int(getattr(row, f"label_{target}")),
                        probability=1 / (1 + math.exp(-seen)),
                        seed=0,
                    )
                )
    return tables.frame("predictions", rows), pd.DataFrame(truth.values())
