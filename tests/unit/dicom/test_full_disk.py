"""A shard's conversion on a disk that is too small or fills up."""

import pytest
from phantom_series import Scan, write_series

from ichor import disk_space
from ichor.dicom import convert
from ichor.dicom.convert import convert_shard
from ichor.dicom.select import select_series
from ichor.disk_space import DiskFullError


@pytest.fixture
def selection(tmp_path, index):
    write_series(tmp_path / "in")
    return select_series(index(tmp_path / "in")[0], None, center="aurora")[0][0]


def test_it_stops_before_it_starts_when_the_scans_will_not_fit(selection, small_disk):
    disk = small_disk("1m")
    with pytest.raises(DiskFullError, match="aurora: the shard's converted scans: needs about .* MB in .*1 MB free"):
        convert_shard(selection, "aurora", disk / "images")
    assert not list(disk.rglob("*.nii.gz"))


@pytest.mark.parametrize("size", ["64k", "128k"])
def test_a_disk_that_fills_up_leaves_no_half_scan(selection, small_disk, monkeypatch, size):
    monkeypatch.setattr(disk_space, "RESERVE_BYTES", 0)
    monkeypatch.setattr(convert, "BYTES_PER_VOXEL", 0.0)
    disk = small_disk(size)
    with pytest.raises(DiskFullError, match="run the same command again"):
        convert_shard(selection, "aurora", disk / "images")
    assert not [path for path in disk.rglob("*") if path.is_file()]


def test_a_full_disk_of_temporary_files_is_no_fault_of_the_scan(index, small_disk, tmp_path):
    write_series(tmp_path / "in", Scan(intercept=-1000, tags=dict(RescaleSlope=2)))  # a converter has to write it
    selection = select_series(index(tmp_path / "in")[0], None, center="aurora")[0][0]
    disk = small_disk("600k")  # less than one decoded scan
    with pytest.raises(DiskFullError, match="full"):
        convert_shard(selection, "aurora", tmp_path / "images", work_dir=disk / "work")
    assert not list((tmp_path / "images").rglob("*.nii.gz"))


def test_where_it_fits_it_is_converted(selection, small_disk, tmp_path):
    scans, status = convert_shard(selection, "aurora", small_disk("200m") / "images", work_dir=tmp_path / "work")
    assert len(scans) == 1 and set(status["outcome"]) <= {"accepted", "flagged"}
