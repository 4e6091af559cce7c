import os
import time

import numpy as np
import pytest

from ichor.imaging import view_cache
from ichor.imaging.view_cache import ViewCache

KEY = {"content": ["a", "b"], "grid": [[4, 4, 2], [2.0, 2.0, 5.0]]}


@pytest.fixture
def arrays():
    rng = np.random.default_rng(2)
    return rng.integers(-1024, 3000, (4, 4, 2)).astype(np.int16), rng.integers(0, 255, (2, 4, 4, 2)).astype(np.uint8)


def entry_of(folder):
    (entry,) = folder.glob("??/*.view")
    return entry


def test_what_was_put_is_given_back_under_its_key_alone(tmp_path, arrays):
    cache = ViewCache(tmp_path)
    assert cache.get(KEY) is None
    cache.put(KEY, arrays)
    for found, given in zip(ViewCache(tmp_path).get(KEY), arrays, strict=True):
        assert found.dtype == given.dtype
        np.testing.assert_array_equal(found, given)
    assert cache.get(KEY | {"grid": [[4, 4, 2], [2.0, 2.0, 5.5]]}) is None
    assert entry_of(tmp_path).stat().st_mode & 0o077 == 0 and entry_of(tmp_path).parent.stat().st_mode & 0o077 == 0


def test_a_view_without_masks_has_an_empty_array(tmp_path, arrays):
    cache = ViewCache(tmp_path)
    cache.put(KEY, (arrays[0], np.empty((0, 4, 4, 2), np.uint8)))
    assert cache.get(KEY)[1].shape == (0, 4, 4, 2)


@pytest.mark.parametrize("at", [0, 20, 80, -1])
def test_a_damaged_entry_is_not_used_and_made_again(tmp_path, arrays, at):
    cache = ViewCache(tmp_path)
    cache.put(KEY, arrays)
    content = bytearray(entry_of(tmp_path).read_bytes())
    content[at] ^= 1
    entry_of(tmp_path).write_bytes(content)
    assert cache.get(KEY) is None
    entry_of(tmp_path).write_bytes(content[:40])
    assert cache.get(KEY) is None
    cache.put(KEY, arrays)
    np.testing.assert_array_equal(cache.get(KEY)[0], arrays[0])


def test_an_almost_full_disk_keeps_nothing_and_stops_nothing(tmp_path, arrays, monkeypatch, capsys):
    monkeypatch.setattr(view_cache, "free_bytes", lambda _: 1e6)
    cache = ViewCache(tmp_path)
    cache.put(KEY, arrays)
    cache.put(KEY, arrays)
    assert cache.get(KEY) is None and capsys.readouterr().err.count("not written to any more") == 1


def test_what_a_killed_job_left_is_removed_after_a_day(tmp_path, arrays):
    ViewCache(tmp_path).put(KEY, arrays)
    old, new = (tmp_path / "unfinished" / name for name in ("old", "new"))
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (time.time() - 90_000,) * 2)
    assert ViewCache(tmp_path).get(KEY) is not None
    assert not old.exists() and new.exists()
