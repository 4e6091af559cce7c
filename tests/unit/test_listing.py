import json
import os
import shutil
import stat
import time

import pytest

from ichor import listing
from ichor.listing import contents_digest, count_files, file_digests, names_digest


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Keep everything at once; what happens to unsettled folders has tests of its own."""
    monkeypatch.setattr(listing, "SETTLED_S", -1.0)


@pytest.fixture
def center(tmp_path):
    folder = tmp_path / "center"
    for patient in ("a", "b"):
        for series in ("1", "2"):
            (folder / patient / series).mkdir(parents=True)
            for number in range(3):
                (folder / patient / series / f"IM{number}").write_text(f"{patient}{series}{number}")
    return folder


@pytest.fixture
def listed(monkeypatch):
    """Folders that were really listed, in order."""
    seen, real = [], listing._list
    monkeypatch.setattr(listing, "_list", lambda path: seen.append(str(path)) or real(path))
    return seen


@pytest.fixture
def opened(monkeypatch):
    """Files that were really read."""
    seen, real = [], listing._sha256
    monkeypatch.setattr(listing, "_sha256", lambda path: seen.append(os.path.basename(path)) or real(path))
    return seen


CHANGES = {
    "a new file": lambda folder: (folder / "a/1/IM9").touch(),
    "a new file in a new folder": lambda folder: [(folder / "c").mkdir(), (folder / "c/IM0").touch()],
    "a removed file": lambda folder: (folder / "a/1/IM0").unlink(),
    "a renamed file": lambda folder: (folder / "a/1/IM0").rename(folder / "a/1/IMx"),
    "a renamed folder": lambda folder: (folder / "a/1").rename(folder / "a/3"),
    "a file moved to another folder": lambda folder: (folder / "a/1/IM0").rename(folder / "b/IM0"),
    "a removed folder": lambda folder: shutil.rmtree(folder / "b"),
    "two folders that change places": lambda folder: [
        (folder / "a/1/IM9").touch(),
        (folder / "a/1").rename(folder / "x"),
        (folder / "a/2").rename(folder / "a/1"),
        (folder / "x").rename(folder / "a/2"),
    ],
}
NO_CHANGES = {
    "a touched file": lambda folder: (folder / "a/1/IM0").touch(),
    "a rewritten file": lambda folder: (folder / "a/1/IM0").write_text("other"),
    "a touched folder": lambda folder: os.utime(folder / "a/1"),
    "an empty folder": lambda folder: (folder / "d/e").mkdir(parents=True),
    "a file that came and went": lambda folder: [(folder / "a/x").touch(), (folder / "a/x").unlink()],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_other_names_change_the_digest_as_a_walk_without_cache_does(center, tmp_path, change):
    before = names_digest([center], tmp_path / "cache")
    change(center)
    after = names_digest([center], tmp_path / "cache")
    assert after != before
    assert after == names_digest([center], tmp_path / "empty-cache")


@pytest.mark.parametrize("change", NO_CHANGES.values(), ids=NO_CHANGES)
def test_what_adds_or_takes_no_file_changes_nothing(center, tmp_path, change):
    before = names_digest([center], tmp_path / "cache")
    change(center)
    assert names_digest([center], tmp_path / "cache") == before == names_digest([center], tmp_path / "empty-cache")


def test_every_folder_is_listed_once_and_then_only_those_that_changed(center, tmp_path, listed):
    names_digest([center], tmp_path / "cache")
    assert len(listed) == 7
    listed.clear()
    names_digest([center], tmp_path / "cache")
    assert listed == []
    (center / "b/2/IM9").touch()
    names_digest([center], tmp_path / "cache")
    assert listed == [str(center / "b/2")]


def test_a_moved_study_has_the_same_digest_and_order_and_nesting_of_folders_matter(center, tmp_path):
    other = tmp_path / "other"
    (other / "a").mkdir(parents=True)
    (other / "a/IM0").touch()
    before = names_digest([center, other], tmp_path / "cache")
    assert names_digest([other, center], tmp_path / "cache") != before
    center.rename(tmp_path / "moved")
    assert names_digest([tmp_path / "moved", other], tmp_path / "cache") == before
    assert names_digest([tmp_path / "moved/a", other], tmp_path / "cache") != before


def test_a_cache_of_another_machine_is_not_believed(center, tmp_path, listed):
    before = names_digest([center], tmp_path / "cache")
    copy = tmp_path / "copy"
    shutil.copytree(center, copy)  # other inodes, the same names and modification times
    center.rename(tmp_path / "gone")
    copy.rename(center)
    (center / "b/1/IM9").touch()
    os.utime(center / "b/1", ns=(1, (tmp_path / "gone/b/1").stat().st_mtime_ns))  # even a modification time put back
    listed.clear()
    after = names_digest([center], tmp_path / "cache")
    assert after != before and after == names_digest([center], tmp_path / "empty-cache")


@pytest.mark.parametrize("content", [b"", b"{}", b"ichor listing 3 0\n{}", b"\xff\xfe", b"[1, 2]\n"])
def test_a_broken_cache_costs_time_and_changes_nothing(center, tmp_path, listed, content):
    before = names_digest([center], tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(content)
    listed.clear()
    assert names_digest([center], tmp_path / "cache") == before
    assert len(listed) == 7
    whole = file.read_text()
    file.write_text(whole.replace("IM", "XX").replace('"a"', '"z"'))  # well formed, but not what was written
    assert names_digest([center], tmp_path / "cache") == before
    file.write_text(whole[: len(whole) // 2])
    assert names_digest([center], tmp_path / "cache") == before


def test_the_cache_is_for_the_owner_only(center, tmp_path):
    os.umask(0o022)
    names_digest([center], tmp_path / "work/listing")
    file_digests(center, tmp_path / "work/listing")
    assert stat.S_IMODE((tmp_path / "work/listing").stat().st_mode) == 0o700
    files = list((tmp_path / "work/listing").iterdir())
    assert len(files) == 2 and all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


def test_what_changed_just_now_is_listed_again(center, tmp_path, listed, monkeypatch):
    monkeypatch.setattr(listing, "SETTLED_S", 60.0)
    names_digest([center], tmp_path / "cache")
    names_digest([center], tmp_path / "cache")
    assert len(listed) == 14
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 61)
    names_digest([center], tmp_path / "cache")
    listed.clear()
    names_digest([center], tmp_path / "cache")
    assert listed == []


def test_a_file_system_that_may_not_keep_folder_times_is_walked_each_time(center, tmp_path, listed, monkeypatch):
    names_digest([center], tmp_path / "cache")
    monkeypatch.setattr(listing, "_file_system", lambda path: "fuse.sshfs")
    listed.clear()
    names_digest([center], tmp_path / "cache")
    assert len(listed) == 7


def test_the_file_system_of_a_path_is_what_the_kernel_says(tmp_path):
    import psutil

    point = max(
        (part for part in psutil.disk_partitions(all=True) if str(tmp_path.resolve()).startswith(part.mountpoint)),
        key=lambda part: len(part.mountpoint),
    )
    assert listing._file_system(str(tmp_path)) == point.fstype
    assert listing._file_system("/proc/self") == "proc"


def test_a_study_that_cannot_be_written_to_is_listed_without_a_cache(center, tmp_path):
    (tmp_path / "file").touch()
    assert names_digest([center], tmp_path / "file/cache") == names_digest([center], tmp_path / "cache")


def test_links_to_folders_count_as_names_and_are_not_entered(center, tmp_path):
    before = names_digest([center], tmp_path / "cache")
    (center / "a/loop").symlink_to(center)
    after = names_digest([center], tmp_path / "cache")
    assert after != before
    (tmp_path / "link").symlink_to(center)
    assert names_digest([tmp_path / "link"], tmp_path / "cache") == after  # the folder itself may be a link


def test_names_that_are_not_text_are_names_too(center, tmp_path):
    before = names_digest([center], tmp_path / "cache")
    (center / os.fsdecode(b"K\xf6ln")).mkdir()
    (center / os.fsdecode(b"K\xf6ln") / os.fsdecode(b"\xff")).touch()
    after = names_digest([center], tmp_path / "cache")
    assert after != before and names_digest([center], tmp_path / "cache") == after
    assert os.fsdecode(b"K\xf6ln/\xff") in file_digests(center, tmp_path / "cache")


def test_a_folder_that_does_not_exist_counts_as_empty(tmp_path):
    (tmp_path / "empty").mkdir()
    assert names_digest([tmp_path / "none"], tmp_path / "cache") == names_digest(
        [tmp_path / "empty"], tmp_path / "cache"
    )


def test_many_folders_give_the_same_digest_with_and_without_threads(tmp_path, monkeypatch):
    for number in range(450):
        (tmp_path / "center" / f"p{number}").mkdir(parents=True)
        (tmp_path / "center" / f"p{number}/IM0").touch()
    threads = names_digest([tmp_path / "center"], tmp_path / "cache")
    monkeypatch.setattr(listing, "CHUNK", 10**6)
    assert names_digest([tmp_path / "center"], tmp_path / "other-cache") == threads


def test_contents_are_read_once_and_then_only_where_a_file_changed(center, tmp_path, opened):
    before = contents_digest([center], tmp_path / "cache")
    assert len(opened) == 12
    opened.clear()
    assert contents_digest([center], tmp_path / "cache") == before and opened == []
    (center / "a/1/IM0").touch()
    assert contents_digest([center], tmp_path / "cache") == before and opened == ["IM0"]
    opened.clear()
    size = (center / "b/2/IM1").stat().st_size
    (center / "b/2/IM1").write_text("x" * size)  # the same name and size
    os.utime(center / "b/2/IM1", ns=(1, 1))
    assert contents_digest([center], tmp_path / "cache") != before and opened == ["IM1"]


def test_file_digests_are_sha256_by_relative_path(tmp_path):
    (tmp_path / "masks/x").mkdir(parents=True)
    (tmp_path / "masks/x/one.nii").write_bytes(b"abc")
    (tmp_path / "masks/broken").symlink_to("nowhere")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert file_digests(tmp_path / "masks", tmp_path / "cache") == {"x/one.nii": known, "broken": ""}
    assert json.loads(next((tmp_path / "cache").iterdir()).read_text().split("\n", 1)[1]).keys() == {"x/one.nii"}


def test_a_corrected_file_changes_the_contents_and_not_the_names(center, tmp_path):
    names, contents = names_digest([center], tmp_path / "cache"), contents_digest([center], tmp_path / "cache")
    (center / "a/1/IM0").write_text("corrected")
    assert names_digest([center], tmp_path / "cache") == names
    assert contents_digest([center], tmp_path / "cache") != contents


def test_files_are_counted_with_and_without_a_cache(center, tmp_path, listed):
    assert count_files([center, center / "a"], tmp_path / "cache") == 12 + 6
    (center / "a/1/IM9").touch()
    listed.clear()
    assert count_files([center], tmp_path / "cache") == 13 and len(listed) == 1


def test_pipes_and_devices_that_are_called_like_masks_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "P1_mask.nii.gz")
    (tmp_path / "P2_mask.nii.gz").symlink_to("/dev/zero")
    (tmp_path / "P3_mask.nii.gz").symlink_to("P3_mask.nii.gz")
    (tmp_path / "P4_mask.nii.gz").write_bytes(b"a mask")
    found = listing.file_digests(tmp_path, cache=tmp_path / "cache")
    assert [name for name, digest in sorted(found.items()) if digest] == ["P4_mask.nii.gz"] and len(found) == 4


@pytest.mark.parametrize("name", ["export.ZIP", "export.tar", "export.tar.gz", "export.TGZ"])
def test_an_archive_that_grows_under_its_name_changes_the_listing_and_a_touched_one_does_not(name, tmp_path):
    folder = tmp_path / "in" / "a"
    folder.mkdir(parents=True)
    archive = folder / name
    archive.write_bytes(b"PK")
    before = names_digest([tmp_path / "in"], tmp_path / "cache")
    os.utime(archive, (5, 5))
    assert names_digest([tmp_path / "in"], tmp_path / "cache") == before
    archive.write_bytes(b"PK and more")
    after = names_digest([tmp_path / "in"], tmp_path / "cache")
    assert after != before and after == names_digest([tmp_path / "in"], tmp_path / "other cache")
