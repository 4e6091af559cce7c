"""Examples in mapped files are those that are read into memory, and nothing of them stays."""

import numpy as np
import pytest

from ichor import disk_space
from ichor.disk_space import DiskFullError
from ichor.models import registry
from ichor.training.data import InputSpec, load_views
from ichor.training.example_files import examples_folder, make_examples, read_examples


@pytest.mark.parametrize("labels", [["iph"], []])
def test_files_hold_what_memory_would(phantoms, tmp_path, small_vit, labels):
    settings = small_vit["input"] | {"mask_labels": labels, "inside": False, "view": "head", "windows_hu": [[0, 80]]}
    spec = InputSpec.from_settings(settings)
    rows = phantoms.head(6).assign(label=[0, 1, 1, 0, 1, 0])
    rows.loc[rows.index[2], "image"] = str(tmp_path / "absent.nii.gz")
    in_memory, outcome = load_views(rows, spec, "test")
    with examples_folder(tmp_path / "examples") as folder:
        made, usable = make_examples(folder, "train", rows, spec, "test")
        again = read_examples(folder, "train")
        assert isinstance(again.views.image_hu, np.memmap)  # and so shared by all processes
        for examples in (made, again):
            np.testing.assert_array_equal(examples.views.image_hu, in_memory.image_hu)
            np.testing.assert_array_equal(examples.views.masks, in_memory.masks)
            assert examples.labels.tolist() == [0, 1, 0, 1, 0]
    assert usable.equals(outcome["usable"]) and usable.tolist() == [True, True, False, True, True, True]
    assert not (tmp_path / "examples").exists()


def test_what_a_killed_job_left_is_taken_away_and_a_full_disk_is_told_before(
    phantoms, tmp_path, small_vit, monkeypatch
):
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "train-labels.npy").write_bytes(b"torn")
    with examples_folder(tmp_path / "examples") as folder:
        assert not list(folder.iterdir())
        monkeypatch.setattr(disk_space, "RESERVE_BYTES", 1 << 60)
        with pytest.raises(DiskFullError, match="2 views for training"):
            make_examples(
                folder,
                "tune",
                phantoms.head(2),
                InputSpec.from_settings(registry.resolve(small_vit, "small")["input"]),
                "test",
            )
