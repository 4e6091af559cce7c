import copy

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml

from ichor.cohort.fences import LeakError
from ichor.errors import StudyError
from ichor.synthesis import registry
from ichor.synthesis.diffusion.crops import CropSpec
from ichor.synthesis.diffusion.networks import NO_CLASS, build
from ichor.synthesis.kinds import diffusion

SMALL = {
    "kind": "diffusion",
    "input": {"size_mm": [16, 16, 10], "margin_mm": [4, 4, 5]},
    "augment": {"shift_mm": 0.0},
    "ukan": {"channels": [16, 32], "groups": 8, "patch": 1, "kan_levels": 1},
    "training": {"steps": 150, "batch_size": 8, "learning_rate": 0.004, "checkpoint_every_steps": 500, "ema": 0.9},
    "sampling": {"steps": 12, "batch_size": 2},
    "accept": {"min_volume_ml": 0.2},
}
HU = {0: 50, 1: 95}


def spec(**changes):
    return registry.resolve(copy.deepcopy(SMALL) | changes)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Brain of 30 HU with a bleed, brighter where it expands."""
    folder, rows = tmp_path_factory.mktemp("heads"), []
    rng = np.random.default_rng(0)
    x, y, z = np.meshgrid(
        *((np.arange(n) - (n - 1) / 2) * step for n, step in ((20, 2), (20, 2), (8, 5))), indexing="ij"
    )
    for number in range(10):
        mask = (np.sqrt(x**2 + y**2 + z**2) < rng.uniform(6.5, 8.5)).astype(np.uint8)
        image = 30 + (HU[number % 2] - 30) * mask + rng.normal(0, 2, mask.shape)
        row = {"split": "s", "role": "train", "patient": f"p{number}", "label_expansion": number % 2}
        for name, array in (("image", image), ("mask", mask)):
            row[name] = str(folder / f"{number}-{name}.nii.gz")
            nib.save(nib.Nifti1Image(np.rint(array).astype(np.int16), np.diag([2.0, 2.0, 5.0, 1.0])), row[name])
        rows.append(row)
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def trained(rows, tmp_path_factory):
    return diffusion.fit(spec(), rows, seed=1, checkpoint_dir=tmp_path_factory.mktemp("checkpoints"), device="cpu")


def draw(rows, trained, label=1, n=3, **changes):
    return list(diffusion.generate(spec(**changes), rows, n, label, 7, trained[0]))


def test_drawn_bleeds_are_those_of_the_class(rows, trained):
    found = {}
    for label in (0, 1):
        cases = draw(rows, trained, label)
        found[label] = np.mean([case.image_hu[case.mask == 1].mean() for case in cases])
        for case in cases:
            assert case.label == label and case.parents == () and case.spacing_mm == (1.0, 1.0, 5.0)
            assert case.image_hu.shape == (16, 16, 2)
            assert case.image_hu.min() >= 0 and case.image_hu.max() <= 100
            assert case.image_hu[case.mask == 1].mean() > case.image_hu[case.mask == 0].mean() + 5
    assert found[1] > found[0] + 5


def test_the_facts_name_whom_it_was_trained_on(rows, trained):
    facts = trained[1]
    assert facts["trained_on"] == sorted(rows["patient"])
    assert facts["crops"] == {"no_expansion": 5, "expansion": 5, "no_class": 0}
    assert facts["loss"]["last_steps"] < facts["loss"]["first_steps"]
    assert facts["parameters"] == sum(array.size for array in trained[0].values())


def test_cases_follow_from_the_seed_and_not_from_the_batches(rows, trained):
    first, second = draw(rows, trained), draw(rows, trained, sampling=SMALL["sampling"] | {"batch_size": 3})
    assert [case.seed for case in first] == [case.seed for case in second] and len({case.seed for case in first}) == 3
    for one, other in zip(first, second, strict=True):
        assert np.abs(one.image_hu.astype(int) - other.image_hu).max() <= 1
    again = draw(rows, trained)
    assert all(np.array_equal(one.image_hu, other.image_hu) for one, other in zip(first, again, strict=True))


def test_a_generator_that_draws_no_case_gives_up_early_with_advice(rows, trained, capsys, monkeypatch):
    accept = {"min_volume_ml": 50.0, "redraws": 2}
    assert draw(rows, trained, n=2, accept=accept) == []
    said = capsys.readouterr().out
    assert "generator_draws_unfit: 0 of 2 cases passed, 6 crops were drawn" in said and "training.steps" in said
    monkeypatch.setattr(diffusion, "GIVE_UP_AFTER", 4)
    assert draw(rows, trained, n=1000, accept=accept) == []
    assert "0 of 1000 cases passed, 4 crops were drawn" in capsys.readouterr().out


def test_a_case_that_does_not_fit_is_left_out_and_the_others_are_as_they_were(rows, trained, capsys):
    every = draw(rows, trained, n=6, accept={"min_volume_ml": 0.2, "redraws": 0})
    sizes = sorted(np.count_nonzero(case.mask == 1) for case in every)
    least_ml = float(sizes[0] + 0.5) * 5 / 1000  # a voxel has 5 mm3
    some = draw(rows, trained, n=6, accept={"min_volume_ml": least_ml, "redraws": 0})
    assert 0 < len(some) < len(every) and {case.seed for case in some} < {case.seed for case in every}
    assert "too small" in capsys.readouterr().out


def test_an_he_only_generator_learns_and_draws_expansion_only(rows, tmp_path):
    one_step = {**SMALL["training"], "steps": 1}
    few = spec(classes="he_only", training=one_step)
    arrays, facts = diffusion.fit(few, rows, seed=1, checkpoint_dir=tmp_path, device="cpu")
    assert facts["trained_on"] == sorted(rows.loc[rows["label_expansion"] == 1, "patient"])
    assert facts["crops"]["no_class"] == 5 and NO_CLASS not in (0, 1)
    with pytest.raises(StudyError, match="draws label 1 only, not 0"):
        list(diffusion.generate(few, rows, 1, 0, 7, arrays))


@pytest.mark.parametrize("role", ["tune", "test"])
def test_neither_training_nor_drawing_takes_other_rows(rows, trained, tmp_path, role):
    leaking = rows.assign(role=["train"] * 9 + [role])
    with pytest.raises(LeakError, match=f"s/{role}"):
        diffusion.fit(spec(), leaking, seed=1, checkpoint_dir=tmp_path, device="cpu")
    with pytest.raises(LeakError, match=f"s/{role}"):
        draw(leaking, trained)


def test_nothing_is_drawn_without_weights(rows):
    with pytest.raises(StudyError, match="trained weights"):
        list(diffusion.generate(spec(), rows, 1, 1, 7))


def test_the_larger_example_of_the_docs_can_be_built(repository):
    text = (repository / "docs/explanation/synthesis.md").read_text()
    example = yaml.safe_load(text.partition("### Larger")[2].split("```")[1])["synthesis"]["generators"]["diffusion"]
    settings = registry.resolve(example)
    crop = CropSpec.from_settings(settings)
    assert crop.learned.grid.shape[:2] == (64, 64)
    build(settings, crop.channels, crop.learned.grid.shape)
