import os

import pytest

from ichor.dicom.archive import chunks, count_files, file_subject, find_files
from ichor.dicom.file_patterns import any_name
from ichor.dicom.references import list_masks
from ichor.pseudonyms import pseudonym

KEY = b"k" * 32


def paths(folder):
    return [found.path for found in find_files(folder)]


def test_the_order_is_that_of_the_names_with_files_before_folders(tmp_path):
    for name in ("b/2", "b/10", "a/x/y", "a/z", "c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert paths(tmp_path) == ["c", "a/z", "a/x/y", "b/10", "b/2"]
    assert [len(chunk) for chunk in chunks(find_files(tmp_path), 2)] == [2, 2, 1]
    assert count_files(tmp_path) == 5 and paths(tmp_path / "absent") == []


def test_large_files_make_short_chunks(tmp_path):
    for name, size in (("a", 5), ("b", 1), ("c", 1), ("d", 9)):
        (tmp_path / name).write_bytes(bytes(size))
    cut = [[file.path for file in chunk] for chunk in chunks(find_files(tmp_path), 3, most_bytes=5)]
    assert cut == [["a"], ["b", "c", "d"]]


def test_size_and_time_are_those_of_the_file_behind_a_link(tmp_path):
    (tmp_path / "out").write_text("four")
    os.utime(tmp_path / "out", ns=(1, 2))
    (tmp_path / "in").mkdir()
    os.symlink(tmp_path / "out", tmp_path / "in" / "link")
    os.symlink("itself", tmp_path / "in" / "itself")
    os.symlink(tmp_path, tmp_path / "in" / "loop")
    found = {file.path: file[1:] for file in find_files(tmp_path / "in")}
    assert found == {"itself": (0, 0, "broken link or no permission"), "link": (4, 2, "")}


def test_marks_of_snakemake_are_no_files_of_the_center(tmp_path):
    (tmp_path / ".snakemake_timestamp").write_text("")
    (tmp_path / ".other").write_text("")
    assert paths(tmp_path) == [".other"]


def test_a_folder_that_cannot_be_listed_is_told(tmp_path, monkeypatch):
    for name in ("closed", "open"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    scandir = os.scandir

    def refuse(path):
        if str(path).rstrip("/").endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = {file.path: file.wrong for file in find_files(tmp_path)}
    assert found == {"closed": "folder cannot be listed: PermissionError", "open/file": ""}


def test_subjects_of_names_that_are_text_are_pseudonyms_and_others_do_not_stop():
    assert file_subject(KEY, "aurora", "a/ä") == f"file-{pseudonym(KEY, 'aurora', 'a/ä')}"
    assert len(file_subject(KEY, "aurora", "a\udcfc")) == len("file-") + 12


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("{patient}_mask.nii.gz", "P.1_mask.nii.gz", True),
        ("{patient}_mask.nii.gz", "P1_ct.nii.gz", False),
        ("{patient}_mask.nii.gz", "deep/P1_mask.nii.gz", False),
        ("sub-{patient}/sub-{patient}_{time_point}.nii", "sub-1/sub-1_baseline.nii", True),
    ],
)
def test_names_that_a_pattern_can_give(pattern, name, fits):
    assert bool(any_name(pattern).fullmatch(name)) == fits


def test_images_beside_the_masks_are_not_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for name in ("P1_mask.nii.gz", "P1_ct.nii.gz"):
        (tmp_path / "in" / name).write_text(name)
    assert list_masks("in", "{patient}_mask.nii.gz")["path"].tolist() == ["P1_mask.nii.gz"]
    assert list_masks(None, None).empty and list(list_masks(None, None)) == ["path", "sha256"]
