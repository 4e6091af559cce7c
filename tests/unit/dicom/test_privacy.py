"""Names, ids and dates that stand in headers and paths leave the ingest in no public output."""

import gzip
import json

import pytest
from phantom_series import Scan, write_series
from pydicom import dcmread
from tests.planted import BORN, NAME, RECORD, SCANNED, found_below, found_in, plant_everywhere

from ichor.dicom.vocabulary import is_bone_kernel, known_kernel, known_manufacturer
from ichor.dicom.write import SIDECAR_KEYS, write_sidecar

PLANTED = ["Quastenflosser", "4711-0815", "19501231", "Haifischgasse", "1.2.826.99.4711"]
TEXT_TAGS = [
    "PatientName", "PatientBirthDate", "PatientAddress", "OtherPatientIDs", "InstitutionName", "InstitutionAddress",
    "ReferringPhysicianName", "OperatorsName", "StationName", "StudyDescription", "SeriesDescription", "ProtocolName",
    "ImageComments", "PatientComments", "AccessionNumber", "Manufacturer", "ConvolutionKernel", "StudyID",
    "DeviceSerialNumber",
]  # fmt: skip


def planted_tags():
    values = {name: "Quastenflosser" for name in TEXT_TAGS}
    return values | dict(
        PatientName="Quastenflosser^Q", PatientBirthDate="19501231", PatientAddress="Haifischgasse 1",
        OtherPatientIDs="4711-0815",
        AccessionNumber="4711-0815", ConvolutionKernel="Quastenflosser",
    )  # fmt: skip


def test_nothing_planted_is_found_in_any_public_output(tmp_path, ingest, capfd):
    folder = tmp_path / "Quastenflosser 19501231" / "Haifischgasse"
    scan = Scan(
        patient_id="4711-0815", tags=planted_tags(), study_uid="1.2.826.99.4711", series_uid="1.2.826.99.4711.1"
    )
    write_series(folder, scan)
    write_series(
        folder, Scan(patient_id="4711-0815", kernel="H60s", study_uid="1.2.826.99.4711", series_uid="1.2.826.99.4711.2")
    )
    (folder / "Quastenflosser.txt").write_text("Quastenflosser")
    done = ingest(tmp_path / "Quastenflosser 19501231", masks=folder)
    assert len(done.scans) == 1 and len(done.status) >= 3
    texts = [done.public.to_csv(), done.scans.to_csv(), done.status.to_csv(), *capfd.readouterr()]
    for path in done.out.rglob("*"):
        texts.append(str(path.relative_to(done.out)))
        if path.suffix == ".json":
            texts.append(path.read_text())
        elif path.is_file():
            texts.append(gzip.decompress(path.read_bytes())[:352].decode("latin-1"))
    together = "\n".join(texts)
    for word in PLANTED:
        assert word not in together
    assert "20200101" not in together  # the date of the scan
    assert len(list(done.out.rglob("*.json"))) == 1


def test_free_text_in_kernel_and_manufacturer_becomes_other():
    assert known_kernel("Quastenflosser") == "other" and known_kernel("") == ""
    assert known_manufacturer("Quastenflosser") == "other" and known_manufacturer("GE MEDICAL SYSTEMS") == "GE"


@pytest.mark.parametrize("kernel", ["BONE", "BONEPLUS", "H60s", "H70h", "Hr64h", "FC30", "YC", "EDGE", "E"])
def test_sharp_kernels(kernel):
    assert known_kernel(kernel) == kernel and is_bone_kernel(kernel)


@pytest.mark.parametrize("kernel", ["STANDARD", "SOFT", "H31s", "Hr40f", "J40s\\3", "UB", "FC26", "FC68", "C", "STD+"])
def test_soft_kernels(kernel):
    assert known_kernel(kernel) not in ("", "other") and not is_bone_kernel(known_kernel(kernel))


def test_a_sidecar_takes_allowed_keys_only(tmp_path):
    with pytest.raises(ValueError, match="PatientName"):
        write_sidecar({"Modality": "CT", "PatientName": "x"}, tmp_path / "a.json")
    write_sidecar({"Modality": "CT"}, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == {"Modality": "CT"}


def test_a_planted_text_in_every_attribute_that_holds_text_is_in_no_output(tmp_path, ingest, capfd):
    folder = tmp_path / f"{NAME} {BORN}"
    for path in write_series(folder / RECORD, Scan(patient_id=f"{NAME} {RECORD}", when=f"{SCANNED}120000")):
        ds = dcmread(path)
        made = plant_everywhere(ds, {"SeriesDescription", "ProtocolName", "BodyPartExamined"})
        ds.save_as(path, enforce_file_format=True)
    assert made > 1500 and NAME in str(ds[0x0009, 0x1001].value) and NAME in str(ds.PatientComments)
    (folder / f"{NAME}.dcm").write_text(NAME)
    done = ingest(folder)
    assert len(done.scans) == 1 and "not_dicom" in done.codes("set_aside")
    assert found_below(done.out) == {}
    texts = [done.public.to_csv(), done.scans.to_csv(), done.status.to_csv(), *capfd.readouterr()]
    assert found_in("".join(texts).encode()) == set()
    for sidecar in done.out.rglob("*.json"):
        assert set(json.loads(sidecar.read_text())) <= set(SIDECAR_KEYS)
