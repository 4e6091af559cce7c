"""What a new patient, a touched file, a replaced file and a corrected mask change in the private selections."""

import os

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from phantom_series import Scan, write_series

from ichor import tables
from ichor.dicom import convert
from ichor.dicom.contents import file_contents, selection_contents
from ichor.dicom.convert import convert_shard, read_contents
from ichor.dicom.index import index_center
from ichor.dicom.references import ReferenceMasks, list_masks
from ichor.dicom.select import select_series, shard_of
from ichor.private_tables import read_private, write_private
from ichor.pseudonyms import pseudonym

KEY = b"k" * 32
PATTERN = "{patient}_{time_point}.nii.gz"
SHARDS = 4


def shard(patient):
    return shard_of(pseudonym(KEY, "aurora", patient), SHARDS)


def head(path, patient, seed=0, **options):
    return write_series(path / patient, Scan(patient_id=patient, **options))


def put_mask(folder, patient, label=1):
    """A block in the brain of `head`, on the scan's own grid of 2.4 x 2.4 x 5 mm."""
    affine = np.diag([2.4, 2.4, 5.0, 1.0])
    affine[:3, 3] = [-2.4 * 103 / 2, -2.4 * 95 / 2, -72.5]
    mask = np.zeros((104, 96, 30), np.uint8)
    mask[50:60, 40:50, 14:17] = label
    folder.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(mask, affine), folder / f"{patient}_baseline.nii.gz")


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Index and select in a study's folder; returns the bytes of each shard's selection."""
    monkeypatch.chdir(tmp_path)

    def run(records=None):
        index_center("aurora", "in", "work/index.parquet", key=KEY, cache="work/headers")
        masks = ReferenceMasks("masks", PATTERN, dict(list_masks("masks", PATTERN).itertuples(index=False)))
        shards, _, _ = select_series(
            read_private("work/index.parquet"), records, center="aurora", shards=SHARDS, masks=masks
        )
        for number, rows in shards.items():
            write_private(rows, f"work/selection/{number}.parquet")
        return {number: open(f"work/selection/{number}.parquet", "rb").read() for number in shards}

    return run


def changed(before, after):
    return {number for number in before if before[number] != after[number]}


def test_a_new_patient_changes_the_bytes_of_one_selection(study, tmp_path):
    for patient in ("A", "B", "C", "D", "E"):
        head(tmp_path / "in", patient, rows=8, columns=8)
    before = study()
    assert study() == before
    head(tmp_path / "in", "0 first of all", rows=8, columns=8)
    assert changed(before, study()) == {shard("0 first of all")}


def test_a_corrected_mask_changes_the_selection_of_its_patient_and_a_touched_one_none(study, tmp_path):
    for patient in ("A", "B", "C", "D", "E"):
        head(tmp_path / "in", patient, rows=8, columns=8)
        put_mask(tmp_path / "masks", patient)
    before = study()
    assert len({shard(patient) for patient in "ABCDE"}) > 1
    os.utime(tmp_path / "masks" / "A_baseline.nii.gz", ns=(1, 1))
    assert changed(before, study()) == set()
    put_mask(tmp_path / "masks", "C", label=2)
    assert changed(before, study()) == {shard("C")}


def test_a_replaced_file_is_seen_and_a_touched_one_has_the_same_contents(study, tmp_path):
    paths = head(tmp_path / "in", "A", rows=8, columns=8)
    number = shard("A")
    before = study()
    known = read_contents(f"work/selection/{number}.parquet", "work/convert")
    os.utime(paths[3], ns=(1, 1))
    touched = study()
    assert changed(before, touched) == {number}  # nobody can tell from outside whether it was replaced
    assert read_contents(f"work/selection/{number}.parquet", "work/convert").equals(known)
    raw = bytearray(paths[3].read_bytes())
    raw[-1] ^= 1  # a voxel; size and header stay
    paths[3].write_bytes(bytes(raw))
    assert changed(touched, study()) == {number}
    assert not read_contents(f"work/selection/{number}.parquet", "work/convert").equals(known)


def test_contents_do_not_depend_on_where_the_files_lie(study, tmp_path):
    head(tmp_path / "in", "A", rows=8, columns=8)
    study()
    selection = read_private(f"work/selection/{shard('A')}.parquet")
    here = selection_contents(selection, tmp_path / "1")
    (tmp_path / "in").rename(tmp_path / "moved")
    selection["source"] = selection["source"].str.replace("in/", "moved/", n=1)
    assert here.equals(selection_contents(selection, tmp_path / "2"))
    assert not {"source", "mask", "bytes", "modified_ns"} & set(here) and here["sha256"].str.len().eq(64).all()


def test_contents_are_read_again_only_where_a_file_may_have_changed(tmp_path, monkeypatch):
    for name in "abc":
        (tmp_path / name).write_text(name)
    paths = [str(tmp_path / name) for name in "abcx"]
    first = file_contents(paths, tmp_path / "cache")
    assert first[paths[3]] == "" and len(set(first.values())) == 4
    asked = []
    real = convert.file_contents.__globals__["file_sha256"]
    monkeypatch.setattr("ichor.dicom.contents.file_sha256", lambda path: asked.append(path) or real(path))
    assert file_contents(paths, tmp_path / "cache") == first and asked == []
    (tmp_path / "b").write_text("B")
    os.utime(tmp_path / "c", ns=(1, 1))
    again = file_contents(paths, tmp_path / "cache")
    assert sorted(asked) == paths[1:3] and again[paths[1]] != first[paths[1]] and again[paths[2]] == first[paths[2]]
    (tmp_path / "cache").write_bytes(b"damaged")
    assert file_contents(paths, tmp_path / "cache") == again


@pytest.fixture
def convert_again(study, tmp_path, monkeypatch):
    """Convert all shards as one; returns the bytes of everything written and who was really converted."""
    converted = []
    real = convert.read_dicom
    monkeypatch.setattr(
        convert, "read_dicom", lambda files, *rest: converted.append(files["patient_id"].iloc[0]) or real(files, *rest)
    )

    def run(records=None, work_dir="work/convert", **options):
        converted.clear()
        study(records)
        selection = pd.concat(
            [part for n in range(SHARDS) if len(part := read_private(f"work/selection/{n}.parquet"))],
            ignore_index=True,
        )
        for old in tmp_path.glob("images/**/*.*"):
            old.unlink()  # as Snakemake does before a job
        scans, status = convert_shard(selection, "aurora", "images", work_dir=work_dir, log="log", **options)
        tables.write("scans", scans, "images/scans.tsv")
        tables.write("status", status, "images/status.tsv")
        made = {path.name: path.read_bytes() for path in tmp_path.glob("images/**/*.*") if path.is_file()}
        return made, sorted(converted)

    return run


def test_scans_that_were_converted_before_are_taken_and_are_the_same_bytes(convert_again, tmp_path):
    head(tmp_path / "in", "A")
    head(tmp_path / "in", "B", tilt_deg=15)
    for patient in "AB":
        put_mask(tmp_path / "masks", patient)
    fresh, who = convert_again(work_dir=None)
    assert who == ["A", "B"] and len(fresh) == 8
    first, who = convert_again()
    assert who == ["A", "B"]
    kept, who = convert_again()
    assert who == []
    assert fresh == first == kept
    os.utime(next((tmp_path / "in" / "A").iterdir()), ns=(1, 1))
    kept, who = convert_again()
    assert who == [] and fresh == kept


def test_only_what_changed_is_converted(convert_again, tmp_path):
    paths = head(tmp_path / "in", "A")
    head(tmp_path / "in", "B")
    put_mask(tmp_path / "masks", "B")
    convert_again()
    head(tmp_path / "in", "C")
    made, who = convert_again()
    assert who == ["C"]
    raw = bytearray(paths[10].read_bytes())
    raw[-1000] ^= 1
    paths[10].write_bytes(bytes(raw))
    assert convert_again()[1] == ["A"]
    put_mask(tmp_path / "masks", "B", label=2)
    corrected, who = convert_again()
    assert who == ["B"]
    scans = [pd.read_csv(tmp_path / "images" / "scans.tsv", sep="\t").set_index("patient")]
    assert scans[0]["reference_sha256"].notna().sum() == 1
    assert corrected == convert_again(work_dir=None)[0]
    assert convert_again(mask_labels="1=iph;2=ivh;3=edema;4=extraaxial")[1] == []  # ours, written out
    assert convert_again(mask_labels="2=iph")[1] == ["A", "B", "C"]


def test_a_corrected_time_changes_the_row_and_converts_nothing(convert_again, tmp_path):
    head(tmp_path / "in", "A")
    record = dict(patient=pseudonym(KEY, "aurora", "A"), onset_to_followup_ct_h=None, onset_to_surgery_h=None)
    for hours in (2.0, 3.0):
        made, who = convert_again(pd.DataFrame([record | dict(onset_to_ct_h=hours)]))
        scans = pd.read_csv(tmp_path / "images" / "scans.tsv", sep="\t")
        assert scans["onset_to_ct_h"].tolist() == [hours]
    assert who == []
    assert made == convert_again(pd.DataFrame([record | dict(onset_to_ct_h=3.0)]), work_dir=None)[0]


def test_other_rules_or_code_convert_everything_again(convert_again, tmp_path, monkeypatch):
    head(tmp_path / "in", "A")
    convert_again()
    assert convert_again(rules=convert.CheckRules(min_brain_ml=401))[1] == ["A"]
    monkeypatch.setattr(convert, "_code", lambda: ["other"])
    assert convert_again()[1] == ["A"]


def test_a_kept_scan_that_was_changed_is_not_used(convert_again, tmp_path):
    head(tmp_path / "in", "A")
    first, _ = convert_again()
    image = next(tmp_path.glob("images/**/*_ct.nii.gz"))
    with image.open("r+b") as stream:  # in place: the kept link is the same file
        stream.seek(100)
        stream.write(b"!")
    again, who = convert_again()
    assert who == ["A"] and again == first


def test_scans_of_patients_that_left_are_not_kept(convert_again, tmp_path):
    head(tmp_path / "in", "A")
    head(tmp_path / "in", "B")
    convert_again()
    assert len(list((tmp_path / "work" / "convert" / "scans").iterdir())) == 2
    for path in (tmp_path / "in" / "A").iterdir():
        path.unlink()
    _, who = convert_again()
    assert who == [] and len(list((tmp_path / "work" / "convert" / "scans").iterdir())) == 1


def test_without_hard_links_everything_is_converted(convert_again, tmp_path, monkeypatch):
    head(tmp_path / "in", "A")

    def refuse(*_, **__):
        raise OSError("no links on this file system")

    monkeypatch.setattr(os, "link", refuse)
    first, _ = convert_again()
    second, who = convert_again()
    assert who == ["A"] and first == second
