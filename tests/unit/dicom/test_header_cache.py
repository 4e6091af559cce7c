"""Headers that were read once are not read again, and the index is the same bytes as if they were."""

import os
import stat

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from phantom_series import Scan, write_series

from ichor import tables
from ichor.dicom.header_pool import HeaderPool
from ichor.dicom.index import index_center
from ichor.dicom.limits import Limits

KEY = b"k" * 32
CHUNK = 8  # small, so that 60 files are several parts


@pytest.fixture
def archive(tmp_path):
    for number in (1, 2):
        write_series(tmp_path / "in" / f"p{number}" / "ä", Scan(patient_id=f"P{number}", rows=8, columns=8))
    (tmp_path / "in" / "note.txt").write_text("no image")
    (tmp_path / "in" / "cut").write_bytes(next((tmp_path / "in" / "p1" / "ä").iterdir()).read_bytes()[:300])
    return tmp_path / "in"


@pytest.fixture
def opened(monkeypatch):
    """Names of the files that header readers were asked for; they are really read."""
    names, read = [], HeaderPool.read

    def spy(self, paths):
        names.extend(path.rsplit("/", 1)[-1] for path in paths)
        return read(self, paths)

    monkeypatch.setattr(HeaderPool, "read", spy)
    return names


@pytest.fixture
def index_bytes(tmp_path):
    """Index, and return the bytes of index and status."""

    def run(folder, cache="cache", chunk=CHUNK, **options):
        out, status = tmp_path / "index.parquet", tmp_path / "status.tsv"
        cache = cache and tmp_path / cache
        tables.write(
            "status", index_center("aurora", folder, out, key=KEY, cache=cache, chunk=chunk, **options), status
        )
        return out.read_bytes(), status.read_bytes()

    return run


def test_a_second_index_opens_nothing_and_is_the_same_bytes(archive, index_bytes, opened):
    plain = index_bytes(archive, cache=None)
    assert len(opened) == 62
    first = index_bytes(archive)
    opened.clear()
    second = index_bytes(archive)
    assert opened == []
    assert plain == first == second


def test_only_new_and_replaced_files_are_opened(archive, index_bytes, opened, tmp_path):
    index_bytes(archive)
    old, replaced, touched, *_ = sorted((archive / "p1" / "ä").iterdir())
    new = write_series(archive / "p3", Scan(patient_id="P3", rows=8, columns=8))
    old.unlink()
    replaced.write_bytes(replaced.read_bytes() + b"\0")
    os.utime(touched, ns=(1, 1))
    opened.clear()
    changed = index_bytes(archive)
    assert sorted(opened) == sorted([*(path.name for path in new), replaced.name, touched.name])
    assert changed == index_bytes(archive, cache=None)
    opened.clear()
    assert index_bytes(archive) == changed and opened == []
    rows = pd.read_parquet(tmp_path / "index.parquet").set_index("source")
    assert str(old) not in rows.index and rows.loc[str(touched), "modified_ns"] == 1
    assert rows.loc[str(replaced), "bytes"] == replaced.stat().st_size


def test_entries_of_files_that_left_are_dropped(archive, index_bytes, tmp_path):
    index_bytes(archive)
    for path in (archive / "p1" / "ä").iterdir():
        path.unlink()
    index_bytes(archive)
    kept = pd.concat(pd.read_parquet(path) for path in (tmp_path / "cache").iterdir())
    assert len(kept) == 32 and not kept["path"].str.startswith("p1/").any()


@pytest.mark.parametrize("limits", [Limits(header_seconds=9), Limits(header_memory_mb=900)])
def test_other_limits_read_everything_again(limits, archive, index_bytes, opened):
    index_bytes(archive)
    opened.clear()
    index_bytes(archive, limits=limits)
    assert len(opened) == 62


def test_limits_of_the_conversion_change_nothing(archive, index_bytes, opened):
    index_bytes(archive)
    opened.clear()
    index_bytes(archive, limits=Limits(convert_seconds=1, convert_memory_mb=1))
    assert opened == []


def test_other_reading_code_reads_everything_again(archive, index_bytes, opened, monkeypatch):
    index_bytes(archive)
    opened.clear()
    monkeypatch.setattr("ichor.dicom.index.code_digest", lambda *_: "0" * 12)
    index_bytes(archive)
    assert len(opened) == 62


def damage_nothing_left(parts):
    for part in parts:
        part.write_bytes(b"")


def damage_bits(parts):
    for part in parts:
        raw = bytearray(part.read_bytes())
        raw[len(raw) // 3] ^= 0xFF
        part.write_bytes(bytes(raw))


def damage_cut(parts):
    parts[2].write_bytes(parts[2].read_bytes()[:-100])


def damage_other_table(parts):
    pd.DataFrame({"a": [1]}).to_parquet(parts[1])


@pytest.mark.parametrize("damage", [damage_nothing_left, damage_bits, damage_cut, damage_other_table])
def test_a_damaged_cache_is_made_anew(damage, archive, index_bytes, opened, tmp_path):
    good = index_bytes(archive)
    damage(sorted((tmp_path / "cache").iterdir()))
    opened.clear()
    assert index_bytes(archive) == good
    assert opened
    opened.clear()
    assert index_bytes(archive) == good and opened == []


def test_an_interrupted_run_keeps_what_it_read(archive, index_bytes, opened, monkeypatch, tmp_path):
    with monkeypatch.context() as stopping:
        spy = HeaderPool.read

        def stop_at_the_fourth_chunk(self, paths):
            if len(opened) >= 3 * CHUNK:
                raise KeyboardInterrupt
            return spy(self, paths)

        stopping.setattr(HeaderPool, "read", stop_at_the_fourth_chunk)
        with pytest.raises(KeyboardInterrupt):
            index_bytes(archive)
    assert not (tmp_path / "index.parquet").exists()
    assert len(opened) == 3 * CHUNK
    complete = index_bytes(archive)
    assert len(opened) == 62  # no file twice
    assert complete == index_bytes(archive, cache=None)


def test_an_interrupted_second_run_loses_nothing(archive, index_bytes, opened, monkeypatch):
    index_bytes(archive)
    write_series(archive / "a", Scan(patient_id="P0", rows=8, columns=8))  # sorted before the others
    opened.clear()
    with monkeypatch.context() as stopping:
        spy = HeaderPool.read

        def stop(self, paths):
            if len(opened) >= CHUNK:
                raise KeyboardInterrupt
            return spy(self, paths)

        stopping.setattr(HeaderPool, "read", stop)
        with pytest.raises(KeyboardInterrupt):
            index_bytes(archive)
    complete = index_bytes(archive)
    assert len(opened) == 30
    assert complete == index_bytes(archive, cache=None)


def test_what_could_not_be_opened_is_tried_again(archive, index_bytes, opened, monkeypatch):
    path = archive / "cut"
    raw, times = path.read_bytes(), path.stat()
    with monkeypatch.context() as racing:
        spy = HeaderPool.read

        def gone(self, paths):  # between the walk and the reading
            path.unlink(missing_ok=True)
            return spy(self, paths)

        racing.setattr(HeaderPool, "read", gone)
        _, status = index_bytes(archive)
    assert b"not read, FileNotFoundError" in status
    path.write_bytes(raw)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    opened.clear()
    _, status = index_bytes(archive)
    assert opened == ["cut"] and b"not read" not in status


def test_the_cache_is_for_its_owner_alone(archive, index_bytes, tmp_path):
    index_bytes(archive)
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "cache").iterdir()}
    assert modes == {stat.S_IMODE((tmp_path / "index.parquet").stat().st_mode)} == {0o600}


def test_no_more_than_a_chunk_is_in_memory(archive, index_bytes, tmp_path):
    index_bytes(archive)
    about = pq.ParquetFile(tmp_path / "index.parquet").metadata
    assert {about.row_group(number).num_rows for number in range(about.num_row_groups)} <= set(range(CHUNK + 1))
    small = pd.read_parquet(tmp_path / "index.parquet")
    index_bytes(archive, chunk=1000)
    assert small.equals(pd.read_parquet(tmp_path / "index.parquet"))


def test_an_emptied_folder_is_told_although_its_files_are_known(archive, index_bytes, tmp_path):
    index_bytes(archive)
    archive.rename(tmp_path / "away")
    _, status = index_bytes(archive)
    assert b"empty_folder" in status


def test_a_moved_archive_keeps_its_pseudonyms(archive, index_bytes, opened, tmp_path):
    write_series(archive / "p4", Scan(patient_id="P4", rows=8, columns=8, tags=dict(SOPInstanceUID="")))
    index_bytes(archive)
    before = pd.read_parquet(tmp_path / "index.parquet")
    archive.rename(tmp_path / "other")
    opened.clear()
    index_bytes(tmp_path / "other")
    after = pd.read_parquet(tmp_path / "index.parquet")
    assert opened == []
    assert before.drop(columns="source").equals(after.drop(columns="source"))
    assert after["source"].str.startswith(str(tmp_path / "other")).all()


def test_names_that_are_no_text_are_set_aside_and_do_not_stop_the_index(archive, index_bytes, tmp_path):
    good = np.sum([path.is_file() for path in archive.rglob("*")])
    os.makedirs(os.fsencode(archive) + b"/M\xfcller")
    with open(os.fsencode(archive) + b"/M\xfcller/1", "wb") as stream:
        stream.write(b"x")
    _, status = index_bytes(archive)
    assert b"name is not UTF-8" in status and good == 62
    assert len(pd.read_parquet(tmp_path / "index.parquet")) + len(status.splitlines()) - 1 == 63
