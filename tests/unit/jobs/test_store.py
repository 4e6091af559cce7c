import json
import os
import stat
import time

import pytest

from ichor.jobs.hashes import content
from ichor.jobs.store import ENTRY, Store

KEY = "ab" + 62 * "0"


def make_outputs(folder):
    (folder / "images" / "deep").mkdir(parents=True)
    (folder / "images" / "a.nii.gz").write_bytes(b"first")
    (folder / "images" / "deep" / "b.nii.gz").write_bytes(b"second")
    (folder / "scans.tsv").write_text("patient\n")
    return {"images-0": folder / "images", "scans-0": folder / "scans.tsv"}


def described(outputs):
    return {"made": "now", "outputs": {name: {"sha256": content(path)[0]} for name, path in outputs.items()}}


@pytest.fixture(params=[True, False], ids=["links", "copies"])
def filled(request, tmp_path):
    store = Store(tmp_path / "store", linked=request.param)
    outputs = make_outputs(tmp_path / "study")
    store.put(KEY, outputs, described(outputs))
    return store, outputs


def test_what_was_put_is_taken_with_new_times_and_old_content(filled, tmp_path):
    store, outputs = filled
    before = {name: content(path) for name, path in outputs.items()}
    old = time.time() - 1000
    for path in [tmp_path / "study/scans.tsv", tmp_path / "study/images/a.nii.gz"]:
        os.utime(path, (old, old))
        path.unlink()
    (tmp_path / "study/images/left-over.nii.gz").write_bytes(b"of a killed job")
    assert store.take(KEY, outputs)["made"] == "now"
    assert {name: content(path) for name, path in outputs.items()} == before
    assert (tmp_path / "study/scans.tsv").stat().st_mtime > old + 500


def test_links_cost_no_disk_and_copies_share_nothing(filled, tmp_path):
    store, outputs = filled
    assert (outputs["scans-0"].stat().st_nlink == 2) == store.linked


def test_another_key_or_another_set_of_outputs_is_not_taken(filled):
    store, outputs = filled
    assert store.take("cd" + KEY[2:], outputs) is None
    assert store.take(KEY, {"images-0": outputs["images-0"]}) is None


@pytest.mark.parametrize("damage", ["changed", "lost", "entry"])
def test_a_damaged_entry_is_dropped_and_never_given(filled, damage):
    store, outputs = filled
    entry = store.folder / KEY[:2] / KEY
    if damage == "changed":
        (entry / "images-0" / "a.nii.gz").write_bytes(b"other")
    elif damage == "lost":
        (entry / "images-0" / "deep" / "b.nii.gz").unlink()
    else:
        (entry / ENTRY).write_text('{"made": ')
    assert store.take(KEY, outputs) is None
    assert not entry.exists()


def test_a_changed_output_of_a_linked_store_is_noticed(tmp_path):
    store = Store(tmp_path / "store", linked=True)
    outputs = make_outputs(tmp_path / "study")
    store.put(KEY, outputs, described(outputs))
    outputs["scans-0"].write_text("edited by hand\n")  # the same inode as the store's
    assert store.take(KEY, outputs) is None


def test_the_store_is_readable_by_its_owner_alone(filled):
    store, _ = filled
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def test_entries_that_are_used_stay(filled):
    store, outputs = filled
    entry = store.folder / KEY[:2] / KEY / ENTRY
    old = time.time() - 10 * 86400
    os.utime(entry, (old, old))
    assert store.drop_unused(days=11) == 0
    assert store.take(KEY, outputs)  # taking counts as use
    assert store.drop_unused(days=9) == 0
    os.utime(entry, (old, old))
    assert store.drop_unused(days=9) == 1
    assert store.take(KEY, outputs) is None


def test_a_half_written_entry_of_a_killed_job_is_no_entry(filled):
    store, outputs = filled
    other = "ab" + 62 * "1"
    part = store.folder / "ab" / f"{other}.host-1.part"
    part.mkdir()
    (part / ENTRY).write_text(json.dumps(described(outputs)))
    assert store.take(other, outputs) is None
    assert store.drop_unused(days=1) == 0 and part.exists(), "another job may be writing it"
    long_ago = time.time() - 2 * 86400
    os.utime(part, (long_ago, long_ago))
    assert store.drop_unused(days=100) == 0 and not part.exists()
