"""Every preset on a tiny copy of its set, from the sheet to scans, masks and patients."""

from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml
from tests.unit import preset_layouts

from ichor import presets, study
from ichor.cohort.feature_sets import expand
from ichor.cohort.harmonise import harmonise_center
from ichor.dicom.convert import convert_shard
from ichor.dicom.index import index_center
from ichor.dicom.nifti import index_nifti_center
from ichor.dicom.references import ReferenceMasks, list_masks
from ichor.dicom.select import select_center
from ichor.errors import StudyError
from ichor.private_tables import read_private
from ichor.pseudonyms import pseudonym

KEY = b"k" * 32
SHEET = "center role dicom nifti image_pattern masks mask_pattern mask_labels table preset".split()
VOXEL_ML = float(np.prod(preset_layouts.SPACING_MM)) / 1000


def centers_of(tmp_path, *rows):
    table = pd.DataFrame([dict(role="development") | row for row in rows]).reindex(columns=SHEET)
    table.to_csv(tmp_path / "centers.tsv", sep="\t", index=False)
    return study.read_centers(tmp_path / "centers.tsv")


def ingest(name, tmp_path, monkeypatch):
    """What the rules index_center to convert_shard and harmonise_center do with a center that names a preset."""
    monkeypatch.chdir(tmp_path)
    kind = presets.read_preset(name)["kind"]
    preset_layouts.BUILDERS[name](tmp_path / "in")
    centers = centers_of(tmp_path, {"center": "north", kind: "in", "preset": name})
    row = SimpleNamespace(**centers.loc["north"])
    columns = study.read_columns(None, centers)
    records, told = harmonise_center("north", "development", row.table and Path(row.table), columns, KEY)
    index = tmp_path / "work" / "index.parquet"
    index.parent.mkdir()
    if kind == "dicom":
        index_center("north", row.dicom, index, key=KEY)
    else:
        index_nifti_center("north", row.nifti, index, key=KEY, image_pattern=row.image_pattern)
    found = dict(list_masks(row.masks, row.mask_pattern).itertuples(index=False))
    masks = row.masks and ReferenceMasks(Path(row.masks), row.mask_pattern, found)
    chosen = tmp_path / "work" / "0.parquet"
    public, _ = select_center(index, records, [chosen], center="north", masks=masks or None)
    scans, status = convert_shard(read_private(chosen), "north", Path("images"), mask_labels=row.mask_labels or "")
    return SimpleNamespace(
        scans=scans.set_index("patient"), records=records.set_index("patient"), public=public, row=row,
        status=pd.concat([told, status], ignore_index=True),
    )  # fmt: skip


def patients(*ids):
    return {pseudonym(KEY, "north", person) for person in ids}


def volumes_ml(done, person):
    mask = np.asanyarray(nib.load(done.scans.loc[pseudonym(KEY, "north", person), "reference_mask"]).dataobj)
    return {int(value): np.count_nonzero(mask == value) * VOXEL_ML for value in np.unique(mask) if value}


def painted_ml(path):
    mask = np.asanyarray(nib.load(path).dataobj)
    return {int(value): np.count_nonzero(mask == value) * VOXEL_ML for value in np.unique(mask) if value}


def test_ct_ich_scans_masks_of_either_value_and_a_table_that_numbers_without_zeros(tmp_path, monkeypatch):
    done = ingest("physionet_ct_ich", tmp_path, monkeypatch)
    assert set(done.scans.index) == set(done.records.index) == patients("049", "050")
    masks = Path(done.row.masks)
    assert volumes_ml(done, "049") == {1: painted_ml(masks / "049.nii")[255]}
    assert volumes_ml(done, "050") == {1: painted_ml(masks / "050.nii")[1]}
    assert done.records.loc[list(patients("049"))[0], ["age_years", "sex"]].tolist() == [52.0, "male"]
    assert done.records.loc[list(patients("050"))[0], ["age_years", "sex"]].tolist() == [0.25, "female"]


def test_instance_2022(tmp_path, monkeypatch):
    done = ingest("instance2022", tmp_path, monkeypatch)
    assert set(done.scans.index) == patients("001", "002")
    painted = painted_ml(Path(done.row.masks) / "001.nii.gz")
    assert painted[1] > 5 and volumes_ml(done, "001") == painted


def test_bhsd_has_three_of_our_labels_and_keeps_a_patient_of_two_scans_one_patient(tmp_path, monkeypatch):
    done = ingest("bhsd", tmp_path, monkeypatch)
    assert set(done.scans.index) == patients("ID_0a", "ID_2d")
    painted = painted_ml(Path(done.row.masks) / "ID_0a_ID_00000001.nii.gz")
    assert volumes_ml(done, "ID_0a") == {1: painted[2], 2: painted[3]}  # its cap is intraventricular
    assert sorted(done.public["outcome"]) == ["accepted", "accepted", "set_aside"]
    assert "not_chosen" in set(done.public["reason"])
    # the mask is that of the scan that was taken: the second scan's cap is subdural (5), the third one's is 3
    taken = np.asanyarray(nib.load(done.scans.loc[list(patients("ID_2d"))[0], "image"]).dataobj)
    images = [
        np.asanyarray(nib.load(f"in/label_192/images/ID_2d_ID_0000000{number}.nii.gz").dataobj) for number in (2, 3)
    ]
    number = next(number for number, image in zip((2, 3), images, strict=True) if (image == taken).all())
    assert volumes_ml(done, "ID_2d").keys() == ({1, 4} if number == 2 else {1, 2})


def test_hemseg_200_has_both_of_our_labels(tmp_path, monkeypatch):
    done = ingest("hemseg200", tmp_path, monkeypatch)
    assert set(done.scans.index) == patients("54a97c0465", "609847bfe2")
    assert volumes_ml(done, "54a97c0465") == painted_ml(Path(done.row.masks) / "54a97c0465.nii.gz")


def test_digitalcsic_14706_brings_43_of_its_44_columns(tmp_path, monkeypatch):
    assert len(set(preset_layouts.DIGITALCSIC_COLUMNS)) == 44
    done = ingest("digitalcsic14706", tmp_path, monkeypatch)
    assert set(done.scans.index) == patients("7", "12")  # those without a skull are not read
    assert set(done.records.index) == patients("7", "12", "213")
    first, second = (done.records.loc[pseudonym(KEY, "north", person)] for person in ("7", "12"))
    assert first[["age_years", "gcs", "systolic_mmhg", "diastolic_mmhg", "heart_rate_bpm"]].tolist() == [
        61, 15, 170, 95, 80,
    ]  # fmt: skip
    assert first["glucose_mmol_l"] == pytest.approx(8.0)  # 144.16 mg/dL
    assert first[["hypertension", "antiplatelet", "anticoagulant", "death_in_hospital"]].tolist() == [1, 1, 0, 0]
    assert second[["gcs", "prior_cognitive_impairment", "anticoagulant", "death_in_hospital"]].tolist() == [6, 1, 1, 1]
    assert done.records["sex"].isna().all()  # what Gender 0 and 1 mean is not documented
    filled = {name for name in done.records if done.records[name].notna().all()} - {"center", "center_role"}
    assert filled == set(expand(["cobo_2024"])) - {"sex"} | {"death_in_hospital"}
    assert first[["temperature_c", "hemoglobin_g_l", "fibrinogen_g_l", "white_cells_10e9_l"]].tolist() == [
        36.5, 138, 3.8, 9.2,
    ]  # fmt: skip
    assert first[["creatinine_umol_l", "urea_mmol_l"]].tolist() == pytest.approx([79.578, 6.993], abs=1e-3)
    assert set(done.status["reason"]) - {""} == {"unmapped_column"}


def test_a_table_of_another_encoding_keeps_its_column_of_temperatures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    preset_layouts.digitalcsic14706(tmp_path / "in")
    centers = centers_of(tmp_path, dict(center="north", nifti="in", preset="digitalcsic14706"))
    table = Path(centers.loc["north", "table"])
    table.write_bytes(table.read_text(encoding="utf-8-sig").encode("latin-1"))
    columns = study.read_columns(None, centers)
    records, status = harmonise_center("north", "development", table, columns, KEY)
    assert records["temperature_c"].tolist() == [36.5] * 3 and set(status["reason"]) == {"unmapped_column"}


def test_rsna_2019_volumes_come_out_of_a_folder_of_slices(tmp_path, monkeypatch):
    done = ingest("rsna2019", tmp_path, monkeypatch)
    assert set(done.scans.index) == patients("ID_0a")
    assert done.scans["slices"].tolist() == [30] and done.scans["spacing_z_mm"].tolist() == pytest.approx([5.0])
    twice = done.public[done.public["patient"].isin(patients("ID_2d"))]
    assert twice["reason"].tolist() == ["time_unknown"] * 2


def test_cq500_takes_a_plain_soft_tissue_series_of_a_study(tmp_path, monkeypatch):
    done = ingest("cq500", tmp_path, monkeypatch)
    assert set(done.scans.index) == patients("CQ500CT0")
    assert done.scans["kernel"].tolist() == ["H31s"]
    reasons = set(done.public.loc[done.public["outcome"] == "set_aside", "reason"])
    assert {"bone_kernel", "contrast_enhanced"} <= reasons


def test_every_preset_is_complete_and_builds_a_copy():
    assert set(preset_layouts.BUILDERS) | {"bhx"} == set(presets.names())
    for name in presets.names():
        preset = presets.read_preset(name)
        assert preset["licence"] and preset["citation"] and preset["url"].startswith("http")
        for other in preset.get("overlaps", {}):
            assert name in presets.read_preset(other)["overlaps"], f"{name} and {other}"


def test_what_is_typed_in_the_row_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    preset_layouts.bhsd(tmp_path / "in")
    (tmp_path / "own.csv").write_text("id,Age\n1,50\n")
    typed = dict(mask_labels="2=iph", table="own.csv")
    row = centers_of(tmp_path, dict(center="north", nifti="in", preset="bhsd") | typed).loc["north"]
    assert row["mask_labels"] == "2=iph" and row["table"] == "own.csv"
    assert row["image_pattern"] == "{patient}_ID_{scan}.nii.gz" and row["nifti"] == "in/label_192/images"
    own = dict(image_pattern="x/{patient}.nii.gz")
    row = centers_of(tmp_path, dict(center="north", nifti="in", preset="bhsd") | own).loc["north"]
    assert row["image_pattern"] == "x/{patient}.nii.gz" and row["nifti"] == "in" and not row["masks"]


def test_rows_of_the_columns_sheet_win(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    preset_layouts.digitalcsic14706(tmp_path / "in")
    centers = centers_of(tmp_path, dict(center="north", nifti="in", preset="digitalcsic14706"))
    (tmp_path / "columns.tsv").write_text("center\tvariable\tcolumn\tcodes\nnorth\tsex\tGender\t1=male;0=female\n")
    columns = study.read_columns(tmp_path / "columns.tsv", centers)
    assert (columns["variable"] == "sex").sum() == 1 and len(columns) == 44
    (tmp_path / "columns.tsv").write_text("center\tvariable\tcolumn\nnorth\tpatient\tPatientID\n")
    assert study.read_columns(tmp_path / "columns.tsv", centers)["variable"].tolist() == ["patient"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (dict(nifti="in", preset="bhds"), ["unknown preset 'bhds'", "did you mean bhsd", "cq500, digitalcsic14706"]),
        (dict(dicom="in", preset="bhsd"), ["BHSD is NIFTI", "column nifti", "found dicom 'in'"]),
        (dict(nifti="in", preset="bhsd"), ["expected label_192/images/<patient>_ID_<scan>.nii.gz", "0 folders"]),
        (dict(dicom="in", preset="bhx"), ["bounding boxes", "Use the preset cq500"]),
    ],
)
def test_a_preset_that_does_not_fit_says_what_to_write(row, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    with pytest.raises(StudyError) as caught:
        centers_of(tmp_path, dict(center="north") | row)
    for word in ["centers.tsv, row 2 (center north), column preset", *words]:
        assert word in str(caught.value)


def test_the_jpg_editions_of_ct_ich_are_refused_with_their_reason(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    slices = tmp_path / "in" / "ct-ich-1.0.0" / "Patients_CT" / "049" / "brain"
    slices.mkdir(parents=True)
    (slices / "1.jpg").write_bytes(b"")
    with pytest.raises(StudyError, match="Patients_CT.*8 bits.*Take version 1.3.1"):
        centers_of(tmp_path, dict(center="north", nifti="in", preset="physionet_ct_ich"))


def test_a_table_without_the_patients_column_says_so_and_shows_no_header(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    preset_layouts.digitalcsic14706(tmp_path / "in")
    (tmp_path / "in/ICH_tabular_data/CLINICAL_DATA_ICH.csv").write_text("Smith John,Age\n1,50\n")
    centers = centers_of(tmp_path, dict(center="north", nifti="in", preset="digitalcsic14706"))
    with pytest.raises(StudyError, match="no column 'PatientID' among its 2.*columns sheet") as caught:
        study.read_columns(None, centers)
    assert "Smith" not in str(caught.value)


def test_centers_that_share_patients_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    preset_layouts.bhsd(tmp_path / "b")
    preset_layouts.hemseg200(tmp_path / "h")
    (tmp_path / "r").mkdir()
    rows = [
        dict(center="one", nifti="b", preset="bhsd"),
        dict(center="two", nifti="h", preset="hemseg200"),
        dict(center="three", dicom="r", preset="rsna2019", role="external"),
        dict(center="four", dicom="r"),
    ]
    centers = centers_of(tmp_path, *rows)
    pairs = [(text.split()[1], text.split(" and ")[1].split()[0]) for text in presets.overlaps(centers)]
    assert pairs == [("one", "two"), ("one", "three"), ("two", "three")]
    with pytest.raises(StudyError, match="one .bhsd. and three .rsna2019.*cut from RSNA 2019.*duplicates: set_aside"):
        presets.refuse_overlaps(centers)
    presets.refuse_overlaps(centers.loc[["one", "four"]])
    told = {source["center"]: source for source in presets.sources(centers)}
    assert set(told) == {"one", "two", "three"} and len(told["one"]["overlaps"]) == 2
    assert "non-commercial" in told["one"]["licence"] and any("epidural" in text for text in told["one"]["remarks"])
    assert not any("epidural" in text for text in told["three"]["remarks"])


def test_the_page_of_presets_names_each_one_with_its_licence(repository):
    page = " ".join((repository / "docs/reference/presets.md").read_text().split())
    for name in presets.names():
        preset = yaml.safe_load((repository / f"config/presets/{name}.yaml").read_text())
        assert f"`{name}`" in page and preset["url"] in page
