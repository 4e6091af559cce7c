"""Tiny copies of public data sets, made by us: their folders, file names, mask values and table headers, our phantom.

Nothing in them comes from the sets. Where a header or value is not known from a source, `config/presets` says so.
"""

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
from pydicom.config import disable_value_validation
from tests.unit.dicom.phantom_series import CLOT_CENTER_LPS, CLOT_RADIUS_MM, Scan, dataset, geometry, head_hu

SPACING_MM = np.array([2.0, 2.0, 5.0])
SIZE = np.array([96, 112, 32])
AFFINE = np.diag([*SPACING_MM, 1.0])
AFFINE[:3, 3] = -(SIZE - 1) / 2 * SPACING_MM

DIGITALCSIC_COLUMNS = (
    "PatientID,Label (poor_prognosis),Gender,Smoker,Alcohol,HT,DM,Dyslipidemia,MH_ICH,MH_CVD,MH_neuro,MH_dementia,"
    "MH_cancer,MH_hematho,MH_others,Anticoagulant,Antiaggregant,Antihypertensive_drugs,Calcium_antag,Alpha_blockers,"
    "PE_neuro,Cause_head_trauma,GCS,Age,Systolic_AP,Dyastolic_AP,OxSat,Tº,HR,RF,Glucose,Creatinine,Urea,Sodium,"
    "Potassium,WBC,Hgb,Platelets,MCV,RCDW,CMHC,MPV,INR,Fibrinogen"
).split(",")


def _points(seed: int) -> np.ndarray:
    """LPS mm of every voxel in the phantom's own frame: each seed is a head of another size and place."""
    ras = np.moveaxis(np.indices(SIZE), 0, -1) * SPACING_MM + AFFINE[:3, 3]
    rng = np.random.default_rng(seed)
    return (ras * (-1, -1, 1) + rng.uniform(-6, 6, 3)) / rng.uniform(0.85, 1.0, 3)


def save_head(path: Path, seed: int = 0, dtype: type = np.int16) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.rint(head_hu(_points(seed)) + np.random.default_rng(seed).normal(0, 3, SIZE)).astype(dtype)
    nib.save(nib.Nifti1Image(data, AFFINE), path)


def save_mask(path: Path, values: dict[str, int], seed: int = 0, dtype: type = np.uint8) -> None:
    """Write the mask of a head: ``clot`` is the value of the phantom's clot, ``cap`` that of the slab on top of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    points = _points(seed)
    inside = np.linalg.norm(points - CLOT_CENTER_LPS, axis=-1) < CLOT_RADIUS_MM - 1
    top = points[..., 2] > CLOT_CENTER_LPS[2] + 8
    mask = np.zeros(SIZE, dtype)
    mask[inside & ~top] = values["clot"]
    mask[inside & top] = values.get("cap", 0)
    nib.save(nib.Nifti1Image(mask, AFFINE), path)


def physionet_ct_ich(root: Path) -> Path:
    folder = root / "computed-tomography-images-for-intracranial-hemorrhage-detection-and-segmentation-1.3.1"
    for number, value in ((49, 255), (50, 1)):
        save_head(folder / "ct_scans" / f"{number:03d}.nii", number, np.float64)
        save_mask(folder / "masks" / f"{number:03d}.nii", {"clot": value}, number, np.float64)
    rows = [
        ["Patient Number", "Age\n(years)", "Gender", "Hemorrhage type", "", "", "", "", "Fracture"],
        ["", "", "", "Intraventricular", "Intraparenchymal", "Subarachnoid", "Epidural", "Subdural", "(yes 1/no 0)"],
        [49, 52, "Male", "", 1, "", "", "", ""],
        [50, 0.25, "Female", "", "", "", 1, "", 1],
    ]
    _write_csv(folder / "patient_demographics.csv", rows)
    return root


def instance2022(root: Path) -> Path:
    for number in (1, 2):
        save_head(root / "train_2" / "data" / f"{number:03d}.nii.gz", number)
        save_mask(root / "train_2" / "label" / f"{number:03d}.nii.gz", {"clot": 1}, number)
    return root


def bhsd(root: Path) -> Path:
    """Two patients, the second one twice."""
    scans = ("ID_0a_ID_00000001", "ID_2d_ID_00000002", "ID_2d_ID_00000003")
    for seed, name in enumerate(scans):
        save_head(root / "label_192" / "images" / f"{name}.nii.gz", seed)
        save_mask(root / "label_192" / "ground truths" / f"{name}.nii.gz", {"clot": 2, "cap": 3 + seed % 2 * 2}, seed)
    return root


def hemseg200(root: Path) -> Path:
    for seed, name in enumerate(("54a97c0465", "609847bfe2")):
        save_head(root / "image" / f"{name}.nii.gz", seed)
        save_mask(root / "label" / f"{name}.nii.gz", {"clot": 1, "cap": 2}, seed)
    return root


def digitalcsic14706(root: Path) -> Path:
    """Two patients in folders that contradict the table, which must not matter, and one without a scan."""
    for seed, name in enumerate(("POOR_PROGNOSIS/7", "GOOD_PROGNOSIS/12")):
        save_head(root / "ICH_nii" / f"{name}.nii.gz", seed)
        save_head(root / "ICH_nii_StrippedSkull" / f"{name}_brain.nii.gz", seed)
    usual = dict.fromkeys(DIGITALCSIC_COLUMNS, 0) | {
        "GCS": 15, "Age": 61, "Systolic_AP": 170, "Dyastolic_AP": 95, "HR": 80, "Glucose": 144.16, "Tº": 36.5,
        "OxSat": 96, "RF": 18, "Creatinine": 0.9, "Urea": 42, "Sodium": 139, "Potassium": 4.1, "WBC": 9.2, "Hgb": 13.8,
        "Platelets": 210, "MCV": 90.5, "RCDW": 13.4, "CMHC": 33.6, "MPV": 9.9, "INR": 1.02, "Fibrinogen": 380,
    }  # fmt: skip
    people = [
        usual | {"PatientID": 7, "HT": 1, "Antiaggregant": 1},
        usual
        | {"PatientID": 12, "Label (poor_prognosis)": 1, "GCS": 6, "Age": 84, "Anticoagulant": 1, "MH_dementia": 1},
        usual | {"PatientID": 213},  # a row without a scan, as in the set
    ]
    rows = [DIGITALCSIC_COLUMNS, *([person[name] for name in DIGITALCSIC_COLUMNS] for person in people)]
    _write_csv(root / "ICH_tabular_data" / "CLINICAL_DATA_ICH.csv", rows)
    return root


def rsna2019(root: Path) -> Path:
    """Slices of all patients in one folder; few attributes, no times, no image type, no kernel, names for UIDs."""
    folder = root / "stage_2_train"
    folder.mkdir(parents=True)
    kept = (
        "SOPInstanceUID Modality PatientID StudyInstanceUID SeriesInstanceUID StudyID ImagePositionPatient "
        "ImageOrientationPatient SamplesPerPixel PhotometricInterpretation Rows Columns PixelSpacing BitsAllocated "
        "BitsStored HighBit PixelRepresentation WindowCenter WindowWidth RescaleIntercept RescaleSlope PixelData"
    ).split()
    for patient, studies in (("ID_0a", 1), ("ID_2d", 2)):
        for study in range(studies):
            scan = Scan(
                patient_id=patient, study_uid=f"ID_{patient[3:]}{study}", series_uid=f"ID_{patient[3:]}{study}5"
            )
            for number, corner in enumerate(geometry(scan)[3]):
                with disable_value_validation():  # the set's UIDs are none
                    ds = dataset(scan, corner, number, 5.0)
                    ds.StudyID, ds.WindowCenter, ds.WindowWidth = "", 40, 80
                    for name in [element.keyword for element in ds if element.keyword not in kept]:
                        del ds[name]
                    ds.SOPInstanceUID = f"ID_{patient[3:]}{study}{number:03d}"
                    ds.save_as(folder / f"{ds.SOPInstanceUID}.dcm", enforce_file_format=True)
    return root


def cq500(root: Path) -> Path:
    """One study of four series: thick and thin, bone, and one with contrast agent."""
    study = "1.2.3.1"
    series = [
        ("CT Plain", Scan(pixel_mm=2.4)),
        ("CT PLAIN THIN", Scan(along_mm=np.arange(60) * 2.5 - 72.5, thickness_mm=2.5)),
        ("CT Bone", Scan(kernel="H70h")),
        ("CT POST CONTRAST", Scan(tags={"ContrastBolusAgent": "yes"})),
    ]
    folder = root / "CQ500CT0 CQ500CT0" / "Unknown Study"
    for number, (name, scan) in enumerate(series, start=1):
        scan.patient_id, scan.study_uid, scan.series_uid = "CQ500CT0", study, f"{study}.{number}"
        (folder / name).mkdir(parents=True)
        thickness = float(np.asarray(scan.thickness_mm))
        for slice_number, corner in enumerate(geometry(scan)[3]):
            ds = dataset(scan, corner, slice_number + 1, thickness)
            for tag in ("StudyDate", "AcquisitionDate", "StudyTime", "AcquisitionTime"):
                delattr(ds, tag)
            ds.save_as(folder / name / f"CT{slice_number:06d}.dcm", enforce_file_format=True)
    _write_csv(root / "reads.csv", [["name", "Category", "R1:ICH"], ["CQ500-CT-0", "B1", 1]])
    return root


def _write_csv(path: Path, rows: list[list]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


BUILDERS = {
    build.__name__: build
    for build in (physionet_ct_ich, instance2022, bhsd, hemseg200, digitalcsic14706, rsna2019, cq500)
}
