"""The settings of the papers as the documentation gives them, and the flaws of their code that are not in them."""

import re

import numpy as np
import pytest
import yaml

from ichor.errors import StudyError
from ichor.imaging.augment import AugmentRanges, draw_change
from ichor.models import registry
from ichor.training.data import channels_of
from ichor.training.input_spec import InputSpec


@pytest.fixture(scope="module")
def papers(repository):
    """Complete settings of a DenseNet with the inputs of Chen et al. 2023 and Cobo et al. 2024."""
    text = (repository / "docs/reference/network-inputs.md").read_text()
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    return [registry.resolve({"kind": "densenet"} | block) for block in blocks]


def test_grids_are_those_of_the_papers(papers):
    chen, cobo = (InputSpec.from_settings(paper["input"]) for paper in papers)
    assert chen.grid.shape == (192, 192, 80) and chen.windows_hu == ((0, 90),) and chen.cut_below_foramen
    assert cobo.grid.shape == (301, 301, 40) and cobo.windows_hu == ((15, 100),) and not cobo.cut_below_foramen
    assert all(spec.strips and spec.skull_strip == "morphology" and not spec.needs_mask for spec in (chen, cobo))


def test_what_is_brighter_than_the_window_is_white(papers):
    """Their code thresholds at 1 with 0 as what is put there: bone and dense clot become black."""
    spec = InputSpec.from_settings(papers[1]["input"] | {"size_mm": [2.1, 0.7, 5.0]})
    hu = np.array([15, 100, 400], np.int16).reshape(3, 1, 1)
    channels = channels_of(hu, np.empty((0, 3, 1, 1), np.uint8), spec)
    assert channels.ravel().tolist() == [0, 1, 1]


def test_images_are_changed_in_training_only_and_by_chance(papers):
    """Their zoom is 1.1 for every training image and 1 for the others, so the network is judged at another scale."""
    zooms = np.array(
        [draw_change(AugmentRanges(**papers[1]["augment"]), np.random.default_rng(n)).zoom for n in range(400)]
    )
    assert 0.4 < np.mean(zooms == 1) < 0.6 and 0.98 < zooms.mean() < 1.02 and zooms.max() <= 1.1
    spec = InputSpec.from_settings(papers[1]["input"] | {"size_mm": [2.8, 2.8, 10.0]})
    hu = np.random.default_rng(0).integers(0, 100, spec.grid.shape).astype(np.int16)
    channels = channels_of(hu, np.empty((0, *spec.grid.shape), np.uint8), spec)
    np.testing.assert_allclose(channels[0], np.clip((hu - 15) / 85, 0, 1), atol=1e-6)


def test_settings_written_before_there_was_a_strip_have_none():
    old = {"view": "head", "size_mm": [8, 8, 8], "spacing_mm": [2, 2, 2], "windows_hu": [[0, 100]]}
    spec = InputSpec.from_settings(old | {"mask_labels": [], "inside": False})
    assert not spec.strips and spec.brain_masks is None


def test_a_strip_that_is_nothing_is_refused():
    with pytest.raises(StudyError, match="skull_strip"):
        InputSpec.from_settings(registry.resolve({"kind": "densenet", "input": {"skull_strip": ""}})["input"])
