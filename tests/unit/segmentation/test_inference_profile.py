from dataclasses import replace

import pytest
import yaml

from ichor.errors import StudyError
from ichor.segmentation.inference_profile import PROFILES, Profile, inference_settings, profile_of


def config_of(repository, name):
    return yaml.safe_load((repository / "config" / name).read_text())["segmentation"]["inference"]


def test_the_config_asks_for_default_with_larger_steps_and_the_full_one_for_max(repository):
    ours = profile_of(config_of(repository, "config.yaml"))
    assert ours == replace(PROFILES["default"], step_size=0.75, precision="bfloat16")  # minutes count in the demo
    assert profile_of(config_of(repository, "config.yaml") | config_of(repository, "full.yaml")) == PROFILES["max"]
    assert profile_of({}) == PROFILES["default"]


def test_default_does_what_nnunet_does_without_mirroring():
    assert PROFILES["default"] == Profile(step_size=0.5, mirroring=False, region="head", precision="float32")


def test_what_is_named_overrides_the_profile_and_null_does_not():
    options = {"profile": "fast", "mirroring": True, "step_size": None, "region": "head", "precision": None}
    assert profile_of(options) == Profile(step_size=0.5, mirroring=True, region="head", precision="bfloat16")
    assert profile_of({"profile": "max", "mirroring": False}) == PROFILES["default"]


def test_a_rule_depends_on_the_settings_however_they_are_said():
    spelled = {"profile": "default", "step_size": 0.5, "mirroring": False}
    assert inference_settings(spelled) == inference_settings({"profile": "default"})
    assert Profile(**inference_settings({"profile": "fast"})) == PROFILES["fast"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile": "quick"}, "found 'quick'; write one of fast, default, max"),
        ({"profile": None}, "write one of fast, default, max"),
        ({"tiles": 3}, "unknown key 'tiles'; known: profile, mirroring"),
        ({"region": "skull"}, "region: found 'skull'; write one of brain, head"),
        ({"precision": "float16"}, "precision: found 'float16'; write one of float32, bfloat16"),
        ({"step_size": 0.0}, "above 0, at most 1"),
        ({"step_size": 1.5}, "above 0, at most 1"),
    ],
)
def test_what_is_not_understood_says_what_to_write(options, message):
    with pytest.raises(StudyError, match=message):
        profile_of(options)
