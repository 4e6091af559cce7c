import numpy as np
import pytest
import torch

from ichor.errors import StudyError
from ichor.synthesis.diffusion.networks import NO_CLASS
from ichor.synthesis.diffusion.sampling import SamplingSettings, sample
from ichor.synthesis.diffusion.schedule import Schedule

CPU, SHAPE = torch.device("cpu"), (1, 16, 16, 8)


def settings(**changes):
    return SamplingSettings(**{"steps": 50, "eta": 0.0, "guidance": 1.0, "batch_size": 4, "precision": "32"} | changes)


def perfect_predictor(schedule, mean, sd):
    """Best prediction for voxels that are independent and normal: a line through the noisy value (class 1: + 0.2)."""

    def network(noisy, t, classes):
        left = torch.as_tensor(schedule.alpha_bar)[t].reshape(-1, 1, 1, 1, 1).float()
        middle = mean + 0.2 * (classes == 1).reshape(-1, 1, 1, 1, 1)
        noise = (1 - left).sqrt() * (noisy - left.sqrt() * middle) / (left * sd**2 + 1 - left)
        if schedule.prediction == "epsilon":
            return noise
        image = middle + left.sqrt() * sd**2 * (noisy - left.sqrt() * middle) / (left * sd**2 + 1 - left)
        return left.sqrt() * noise - (1 - left).sqrt() * image

    return network


@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize(("kind", "prediction"), [("linear", "epsilon"), ("cosine", "v")])
def test_a_perfect_predictor_gives_back_the_distribution(kind, prediction, eta):
    schedule = Schedule.from_settings({"kind": kind, "steps": 1000, "prediction": prediction})
    drawn = sample(
        perfect_predictor(schedule, 0.1, 0.15), schedule, SHAPE, range(5), 0, settings(steps=1000, eta=eta), CPU
    )
    assert drawn.shape == (5, *SHAPE)
    n = drawn.size
    assert abs(drawn.mean() - 0.1) < 5 * 0.15 / np.sqrt(n)
    assert abs(drawn.std() / 0.15 - 1) < 0.01 + 5 / np.sqrt(2 * n)


def test_guidance_moves_along_the_difference_of_the_classes():
    schedule = Schedule.from_settings({"kind": "linear", "steps": 1000, "prediction": "epsilon"})
    network, means = perfect_predictor(schedule, 0.1, 0.15), {}
    for guidance in (0.0, 1.0, 2.0):
        drawn = sample(network, schedule, SHAPE, [1, 2], 1, settings(steps=200, guidance=guidance), CPU)
        means[guidance] = drawn.mean()
    np.testing.assert_allclose([means[0.0], means[1.0], means[2.0]], [0.1, 0.3, 0.5], atol=0.01)
    without = sample(network, schedule, SHAPE, [1, 2], NO_CLASS, settings(steps=200, guidance=3.0), CPU)
    assert without.mean() == pytest.approx(0.1, abs=0.01)


def test_a_crop_depends_on_its_own_seed_only():
    schedule = Schedule.from_settings({"kind": "linear", "steps": 100, "prediction": "epsilon"})
    network = perfect_predictor(schedule, 0.0, 0.3)
    together = sample(network, schedule, SHAPE, [7, 8, 9], 0, settings(eta=0.5), CPU)
    alone = sample(network, schedule, SHAPE, [8], 0, settings(eta=0.5), CPU)
    np.testing.assert_allclose(together[1], alone[0], atol=1e-6)
    assert np.abs(together[0] - together[1]).mean() > 0.1


@pytest.mark.parametrize("changes", [{"steps": 0}, {"eta": 1.5}, {"guidance": -1.0}, {"batch_size": 0}])
def test_settings_that_no_sampling_can_use_are_refused(changes):
    with pytest.raises(StudyError, match="sampling"):
        settings(**changes)
