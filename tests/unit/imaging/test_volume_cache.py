import os
import stat
import threading
import time

import nibabel as nib
import numpy as np
import pytest

from ichor.imaging import crops, volume_cache
from ichor.imaging.geometry import spacing_mm
from ichor.imaging.volume_cache import OtherContentError, VolumeCache, read_volume
from ichor.imaging.voxels import image_sha256, voxel_sha256

SHAPE = (40, 44, 14)
BOX = (slice(5, 31), slice(7, 40), slice(3, 11))


def content_of(path):
    image = nib.load(path)
    return image_sha256(voxel_sha256(np.asanyarray(image.dataobj)), spacing_mm(image.affine))


def write_scan(path, seed=0, affine=None, dtype=np.int16):
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    image = np.where(np.linalg.norm(grid, axis=0) < 0.9, 35.0, -1000.0) + rng.normal(0, 4, SHAPE)
    nib.save(nib.Nifti1Image(np.rint(image).astype(dtype), np.diag([3, 3, 8, 1.0]) if affine is None else affine), path)
    return path


@pytest.fixture
def scan(tmp_path):
    return write_scan(tmp_path / "ct.nii.gz")


@pytest.fixture
def cache(tmp_path):
    return VolumeCache(tmp_path / "volumes")


def entries(cache):
    return sorted(cache._folder.glob("??/*.volume"))


def cached(cache, scan):
    """The scan as an entry gives it, its first reading done."""
    cache.volume(scan, content_of(scan))
    volume = cache.volume(scan, content_of(scan))
    assert type(volume).__name__ == "_CachedVolume"
    return volume


def same(one, other):
    assert one.shape == other.shape
    np.testing.assert_array_equal(one.affine, other.affine)
    np.testing.assert_array_equal(one.spacing_mm, other.spacing_mm)
    np.testing.assert_array_equal(one.head_center(), other.head_center())
    for box in (BOX, (slice(None),) * 3, (slice(0, 0),) * 3, (slice(2, 3), slice(0, 44), slice(13, 14))):
        mine, theirs = one[box], other[box]
        np.testing.assert_array_equal(mine, theirs)
        assert mine.dtype == theirs.dtype


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (-1, -1, -1)])
def test_an_entry_gives_the_voxels_of_the_file(tmp_path, cache, flips):
    affine = np.diag([0.48 * flips[0], 0.48 * flips[1], 5.01 * flips[2], 1.0])
    affine[:3, 3] = (-100.3, 7.1, 55.5)
    scan = write_scan(tmp_path / "ct.nii.gz", affine=affine)
    same(cached(cache, scan), read_volume(scan))


def test_permuted_axes_are_brought_to_canonical_ones(tmp_path, cache):
    affine = np.zeros((4, 4))
    affine[2, 0] = affine[0, 1] = 2.0
    affine[1, 2] = -3.0
    affine[3, 3] = 1.0
    scan = write_scan(tmp_path / "ct.nii.gz", affine=affine)
    volume = cached(cache, scan)
    assert volume.shape == (44, 14, 40)
    same(volume, read_volume(scan))


def test_a_resampled_crop_is_bit_for_bit_the_same(cache, scan):
    grid = crops.Grid((16, 16, 6), (4.0, 4.0, 10.0))
    volume, plain = cached(cache, scan), read_volume(scan)
    views = [
        crops.resample_to_grid(one, one.spacing_mm, np.array([20.3, 18.9, 6.2]), grid, crops.AIR_HU)
        for one in (volume, plain)
    ]
    assert views[0].tobytes() == views[1].tobytes()


def test_only_the_slices_asked_for_are_decompressed(cache, scan, monkeypatch):
    volume, unpacked = cached(cache, scan), []
    unpack = volume_cache._unpack
    monkeypatch.setattr(volume_cache, "_unpack", lambda *given: (unpacked.append(1), unpack(*given)))
    volume[BOX]
    assert len(unpacked) == 8


def test_an_entry_is_smaller_than_the_voxels_and_for_its_owner_only(cache, scan):
    cached(cache, scan)
    (entry,) = entries(cache)
    assert entry.stat().st_size < 0.7 * np.prod(SHAPE) * 2
    for path in (entry, entry.parent, cache._folder):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_one_scan_has_one_entry_and_equal_voxels_of_another_place_have_their_own(tmp_path, cache, scan):
    cached(cache, scan)
    cached(cache, scan)
    assert len(entries(cache)) == 1
    thick = np.diag([3, 3, 9, 1.0])
    other = write_scan(tmp_path / "thick.nii.gz", affine=thick)
    np.testing.assert_array_equal(cached(cache, other).affine, thick)
    moved = thick.copy()
    moved[0, 3] = 12
    np.testing.assert_array_equal(cached(cache, write_scan(tmp_path / "moved.nii.gz", affine=moved)).affine, moved)
    assert len(entries(cache)) == 3


@pytest.mark.parametrize(
    "where", ["magic", "length", "header", "slices", "cut in the header", "cut in the slices", "empty"]
)
def test_a_damaged_entry_is_dropped_and_made_again(cache, scan, where, capsys):
    cached(cache, scan)
    (entry,) = entries(cache)
    good = bytearray(entry.read_bytes())
    bad = bytearray(good)
    places = {"magic": 3, "length": len(volume_cache.MAGIC) + 1, "header": 90, "slices": len(good) - 2000}
    if where in places:
        bad[places[where]] ^= 0x10
    else:
        del bad[{"cut in the header": 200, "cut in the slices": len(good) - 500, "empty": 0}[where] :]
    entry.write_bytes(bad)
    same(cache.volume(scan, content_of(scan)), read_volume(scan))
    assert "dropped and made again" in capsys.readouterr().err
    assert entry.read_bytes() == good
    same(cache.volume(scan, content_of(scan)), read_volume(scan))
    assert capsys.readouterr().err == ""


def test_every_byte_of_an_entry_counts(cache, scan):
    """Whatever byte is changed, the voxels that come out are right."""
    cached(cache, scan)
    (entry,) = entries(cache)
    good, plain = entry.read_bytes(), read_volume(scan)[:, :, :]
    for place in np.linspace(0, len(good) - 1, 60).astype(int):
        bad = bytearray(good)
        bad[place] ^= 0x01
        entry.write_bytes(bad)
        np.testing.assert_array_equal(cache.volume(scan, content_of(scan))[:, :, :], plain)


def test_an_entry_of_another_scan_is_not_taken(tmp_path, cache, scan):
    cached(cache, scan)
    other = write_scan(tmp_path / "other.nii.gz", seed=1)
    cached(cache, other)
    one, two = entries(cache)
    two.write_bytes(one.read_bytes())
    one.write_bytes(one.read_bytes())
    for path in (scan, other):
        same(cache.volume(path, content_of(path)), read_volume(path))


def test_entries_of_other_code_are_made_again(cache, scan, monkeypatch, capsys):
    cached(cache, scan)
    monkeypatch.setattr(volume_cache, "_code", lambda: "other")
    cache.volume(scan, content_of(scan))
    assert "other code" in capsys.readouterr().err
    cached(cache, scan)


def test_the_folder_may_vanish_at_any_time(cache, scan):
    import shutil

    volume = cached(cache, scan)
    shutil.rmtree(cache._folder)
    same(volume, read_volume(scan))
    shutil.rmtree(cache._folder)
    same(cached(cache, scan), read_volume(scan))


def test_voxels_that_the_tables_do_not_name_are_refused_and_not_kept(tmp_path, cache, scan):
    with pytest.raises(OtherContentError, match="scans table"):
        cache.volume(scan, content_of(write_scan(tmp_path / "other.nii.gz", seed=1)))
    assert not entries(cache)


def test_an_absent_or_cut_file_is_an_error_of_reading(tmp_path, cache, scan):
    content = content_of(scan)
    with pytest.raises(FileNotFoundError):
        cache.volume(tmp_path / "absent.nii.gz", content)
    scan.write_bytes(scan.read_bytes()[: scan.stat().st_size // 2])
    with pytest.raises((EOFError, OSError)):
        cache.volume(scan, content)
    assert not entries(cache)


def test_images_that_are_not_int16_are_read_from_their_file(tmp_path, cache):
    scan = write_scan(tmp_path / "float.nii.gz", dtype=np.float32)
    same(cache.volume(scan, content_of(scan)), read_volume(scan))
    assert not entries(cache)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, scan, capsys):
    (tmp_path / "volumes").write_text("a file where the folder should be")
    cache = VolumeCache(tmp_path / "volumes")
    for _ in range(3):
        same(cache.volume(scan, content_of(scan)), read_volume(scan))
    assert capsys.readouterr().err.count("not written to any more") == 1


@pytest.mark.parametrize("keep_free", [volume_cache.KEEP_FREE_BYTES, 0])
def test_a_full_disk_costs_time_only(small_disk, scan, monkeypatch, capsys, keep_free):
    monkeypatch.setattr(volume_cache, "KEEP_FREE_BYTES", keep_free)
    disk = small_disk("16k")
    cache = VolumeCache(disk / "volumes")
    for _ in range(2):
        same(cache.volume(scan, content_of(scan)), read_volume(scan))
    assert capsys.readouterr().err.count("not written to any more") == 1
    assert not [path for path in disk.rglob("*") if path.is_file()]


def test_many_threads_may_make_one_entry(tmp_path, cache):
    scans = [write_scan(tmp_path / f"{seed}.nii.gz", seed) for seed in range(3)]
    contents, wrong = [content_of(scan) for scan in scans], []

    def read(number):
        mine = VolumeCache(cache._folder)
        for turn in range(9):
            at = (number + turn) % 3
            if not np.array_equal(mine.volume(scans[at], contents[at])[:, :, :], read_volume(scans[at])[:, :, :]):
                wrong.append(at)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(entries(cache)) == 3
    assert not list((cache._folder / "unfinished").iterdir())


def test_what_killed_jobs_left_is_removed_after_a_day(cache, scan):
    cached(cache, scan)
    old, new = (cache._folder / "unfinished" / name for name in ("old", "new"))
    for path in (old, new):
        path.write_text("half")
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    VolumeCache(cache._folder)
    assert not old.exists() and new.exists()


def test_the_hash_of_the_cohort_is_that_of_its_scan(scan):
    """The cohort's ``image_sha256`` is made from a row of the scans table, the cache's from the file."""
    image = nib.load(scan)
    spacing = [round(float(step), 6) for step in spacing_mm(image.affine)]
    assert image_sha256(voxel_sha256(np.asanyarray(image.dataobj)), spacing) == content_of(scan)
