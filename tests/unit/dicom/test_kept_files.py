import os
import stat

import pytest

from ichor.dicom.kept_files import KeptFiles


@pytest.fixture
def places(tmp_path):
    return {name: tmp_path / "out" / name for name in ("image", "mask")}


@pytest.fixture
def kept(tmp_path, places):
    """A folder with one entry, of a result without a mask."""
    (tmp_path / "out").mkdir()
    places["image"].write_text("voxels")
    kept = KeptFiles(tmp_path / "kept")
    kept.put("key", places, {"row": 1.5})
    places["image"].unlink()
    return kept


def test_what_was_put_is_taken(kept, places, tmp_path):
    assert kept.take("other key", places) is None and not places["image"].exists()
    assert kept.take("key", places) == {"row": 1.5}
    assert places["image"].read_text() == "voxels" and not places["mask"].exists()
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700


def test_it_takes_no_space_and_outlives_the_output(kept, places, tmp_path):
    kept.take("key", places)
    assert os.path.samefile(places["image"], tmp_path / "kept" / "key" / "image")
    places["image"].unlink()
    assert kept.take("key", places) == {"row": 1.5} and places["image"].exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": {}}', '{"files": {"gone": "x"}, "result": 1}'])
def test_a_damaged_entry_is_none_and_is_removed(content, kept, places, tmp_path):
    (tmp_path / "kept" / "key" / "entry.json").write_text(content)
    assert kept.take("key", places) is None
    assert not (tmp_path / "kept" / "key").exists() and not places["image"].exists()


def test_a_changed_file_is_not_given(kept, places, tmp_path):
    (tmp_path / "kept" / "key" / "image").write_text("voxelz")
    assert kept.take("key", places) is None and not places["image"].exists()


def test_what_was_not_used_is_removed_at_the_end(kept, places, tmp_path):
    kept.finish()
    assert kept.take("key", places)
    places["image"].unlink()
    (tmp_path / "kept" / "of a killed job.part").mkdir()
    again = KeptFiles(tmp_path / "kept")
    again.finish()
    assert list((tmp_path / "kept").iterdir()) == []
