"""A few hundred hostile files among good series; `make bench-hostile` does the same with thousands."""

import sys

import pytest
from phantom_series import Scan, write_series

from ichor.pseudonyms import pseudonym


@pytest.fixture(scope="module")
def measured(tmp_path_factory, repository):
    sys.path.insert(0, str(repository / "benchmarks"))  # scripts, in no package
    try:
        from hostile_files import measure
    finally:
        sys.path.pop(0)
    place = tmp_path_factory.mktemp("hostile")
    rows, about = measure(place, files=300, seed=20260101, patients=1)
    yield {row.figure: row for row in rows}, about
    (place / "archive/dicom/special/closed").chmod(0o700)


def test_good_series_among_hostile_files_have_the_voxels_that_they_have_alone(measured):
    rows, about = measured
    assert rows["good scans with the same voxels"].value >= 3 and about["different"] == []


def test_every_file_has_a_place_in_the_index_or_a_code(measured):
    rows, about = measured
    assert rows["hostile files"].value > 400 and about["lost"] == []
    assert {"unreadable_file", "not_dicom", "not_ct", "archive_refused", "too_few_slices"} <= set(about["codes"])


def test_nothing_is_written_or_changed_outside_of_the_run(measured):
    assert measured[1]["changed"] == []


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_texts_with_zero_bytes_lose_no_image(tmp_path, index):
    """A patient id and UIDs that end in or hold zero bytes; `Series.map` of pandas takes them for missing."""
    names = ("a\0b", "a\0c")
    for number, name in enumerate(names):
        uid = f"1.2.3\0.{number}"
        write_series(tmp_path / str(number), Scan(patient_id=name, along_mm=[0.0, 5.0], study_uid=uid, series_uid=uid))
    rows, status = index(tmp_path)
    assert len(rows) == 4 and status.empty
    assert rows[["patient", "study", "series", "sop"]].map(len).eq(12).all(axis=None)
    assert set(rows["patient"]) == {pseudonym(b"k" * 32, "aurora", name) for name in names}
    assert rows["series"].nunique() == 2
