import json

import pandas as pd
import pytest

from ichor.errors import StudyError
from ichor.segmentation import study_bundle
from ichor.segmentation.study_bundle import choose_bundle, facts, require_masks

from .bundle_texts import ABOUT

CONTENT = {
    "format": "ichor-segmentation-model/2",
    "architecture": {},
    "labels": ["iph", "edema"],
    "grid": {
        "spacing_mm": [5.0, 1.0, 1.0],
        "keep_slices": True,
        "clip_hu": [0.0, 100.0],
        "shift_hu": 0,
        "scale_hu": 25.0,
    },
    "patch_size": [8, 32, 32],
    "fold": None,
    "trained_on": None,
    "weights_sha256": "0",
    "about": ABOUT,
}


def centers(*rows):
    return pd.DataFrame(rows, columns=["center", "role", "masks"])


BOTH = centers(("north", "development", "masks"), ("south", "external", None))
NO_MASKS = centers(("north", "development", None), ("south", "external", "masks"))


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write bundles below a folder that stands for the one that comes with Ichor."""
    monkeypatch.setattr(study_bundle, "FOLDER", tmp_path / "bundles")

    def written(folder):
        folder.mkdir(parents=True)
        (folder / "model.json").write_text(json.dumps(CONTENT))
        (folder / "model.safetensors").touch()
        return folder

    return written


def test_without_masks_to_learn_from_the_shipped_bundle_is_used(write, tmp_path):
    assert choose_bundle(None, NO_MASKS, tmp_path) is None
    with pytest.raises(StudyError, match="no development center brings reference masks"):
        require_masks(None, NO_MASKS)
    shipped = write(tmp_path / "bundles/phe-sich-40")
    assert choose_bundle(None, NO_MASKS, tmp_path) == shipped
    assert choose_bundle(None, BOTH, tmp_path) is None
    require_masks(None, BOTH)
    assert choose_bundle("shipped", BOTH, tmp_path) == shipped


def test_a_folder_is_looked_for_in_the_study_and_beside_the_workflow(write, tmp_path, monkeypatch):
    beside = write(tmp_path / "repository/mine")
    (tmp_path / "study").mkdir()
    monkeypatch.chdir(tmp_path / "study")
    assert choose_bundle("mine", BOTH, tmp_path / "repository") == beside
    write(tmp_path / "study/mine")
    assert choose_bundle("mine", BOTH, tmp_path / "repository").resolve() == tmp_path / "study/mine"


def test_a_bundle_that_is_not_there_or_none_is_refused(write, tmp_path):
    with pytest.raises(StudyError, match="this copy of Ichor has no bundle"):
        choose_bundle("shipped", BOTH, tmp_path)
    with pytest.raises(StudyError, match="write shipped, null or the folder of a bundle"):
        choose_bundle("nowhere", BOTH, tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match="is no segmentation bundle"):
        choose_bundle(str(tmp_path / "empty"), BOTH, tmp_path)


def test_facts_of_a_bundle(write, tmp_path):
    assert facts(None) is None
    found = facts(write(tmp_path / "one"))
    assert found["name"] == "tiny" and found["labels"] == ["iph", "edema"] and found["knows_patients"] is False
    assert found["about"] == ABOUT
