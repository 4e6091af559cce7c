import numpy as np
import pytest
import torch
from monai.networks.schedulers import DDIMScheduler, DDPMScheduler

from ichor.errors import StudyError
from ichor.synthesis.diffusion.schedule import Schedule, betas

MONAI_NAMES = {"linear": "linear_beta", "cosine": "cosine"}
MONAI_PREDICTIONS = {"epsilon": "epsilon", "v": "v_prediction", "image": "sample"}
ALL = pytest.mark.parametrize("prediction", MONAI_PREDICTIONS)


def schedule(kind="linear", steps=1000, prediction="epsilon"):
    return Schedule.from_settings({"kind": kind, "steps": steps, "prediction": prediction})


def test_the_linear_schedule_is_that_of_the_paper():
    steps = np.linspace(0.0001, 0.02, 1000)
    left, product = [], 1.0
    for beta in steps:
        product *= 1 - beta
        left.append(product)
    np.testing.assert_allclose(schedule().alpha_bar, left, rtol=1e-12)


@pytest.mark.parametrize("kind", MONAI_NAMES)
def test_both_schedules_are_those_of_monai(kind):
    theirs = DDPMScheduler(1000, MONAI_NAMES[kind]).alphas_cumprod.double().numpy()
    np.testing.assert_allclose(schedule(kind).alpha_bar, theirs, atol=2e-6)


def test_the_cosine_schedule_follows_its_formula_until_the_limit_on_beta():
    at = (np.arange(1000) + 1) / 1000
    wanted = np.cos((at + 0.008) / 1.008 * np.pi / 2) ** 2 / np.cos(0.008 / 1.008 * np.pi / 2) ** 2
    np.testing.assert_allclose(schedule("cosine").alpha_bar[:-1], wanted[:-1], rtol=1e-9)
    assert betas("cosine", 1000).max() == 0.999


def test_noised_images_have_the_moments_of_the_closed_form():
    drawn = torch.randn(40_000, 1, generator=torch.Generator().manual_seed(3))
    for t in (0, 300, 999):
        left = schedule().alpha_bar[t]
        noised = schedule().noised(torch.full((40_000, 1), 0.7), drawn, torch.full((40_000,), t))
        assert abs(float(noised.mean()) - 0.7 * np.sqrt(left)) < 5 * np.sqrt((1 - left) / 40_000)
        assert abs(float(noised.var()) / (1 - left) - 1) < 5 * np.sqrt(2 / 40_000)


@ALL
def test_the_image_comes_back_from_the_right_prediction(prediction):
    torch.manual_seed(0)
    image, noise = torch.randn(2, 5, 1, 4, 4, 2, dtype=torch.float64)
    for kind in MONAI_NAMES:
        of = schedule(kind, prediction=prediction)
        for t in (0, 10, 500, 990):
            times = torch.full((5,), t)
            found = of.image_of(of.noised(image, noise, times), of.target(image, noise, times), t)
            torch.testing.assert_close(found, image, atol=1e-9, rtol=0)


def test_a_velocity_is_signal_times_noise_less_spread_times_image():
    of, times = schedule("cosine", prediction="v"), torch.tensor([400])
    left = of.alpha_bar[400]
    found = of.target(torch.tensor([[2.0]]), torch.tensor([[3.0]]), times)
    assert float(found) == pytest.approx(np.sqrt(left) * 3 - np.sqrt(1 - left) * 2, rel=1e-6)


def test_the_variance_with_eta_one_is_the_posterior_of_ddpm():
    of, theirs = schedule(), DDPMScheduler(1000, "linear_beta")
    for t in (1, 2, 77, 999):
        left, before, beta = of.alpha_bar[t], of.alpha_bar[t - 1], betas("linear", 1000)[t]
        assert of.step_variance(t, t - 1, 1.0) == pytest.approx((1 - before) / (1 - left) * beta, rel=1e-9)
        assert of.step_variance(t, t - 1, 1.0) == pytest.approx(float(theirs._get_variance(t)), rel=2e-3)
    assert of.step_variance(0, -1, 1.0) == 0.0
    assert of.step_variance(500, 400, 0.0) == 0.0


def test_the_mean_of_a_step_with_eta_one_is_the_posterior_mean_of_ddpm():
    of, noisy, image = schedule(), torch.tensor([0.4], dtype=torch.float64), torch.tensor([-0.2], dtype=torch.float64)
    for t in (1, 77, 999):
        left, before, beta = of.alpha_bar[t], of.alpha_bar[t - 1], betas("linear", 1000)[t]
        wanted = np.sqrt(before) * beta / (1 - left) * -0.2 + np.sqrt(1 - beta) * (1 - before) / (1 - left) * 0.4
        assert float(of.step_back(noisy, image, t, t - 1, 1.0, torch.zeros(1))) == pytest.approx(wanted, rel=1e-9)


@ALL
def test_a_step_is_that_of_monai_where_monai_can_take_it(prediction):
    torch.manual_seed(0)
    of = schedule(prediction=prediction)
    theirs = DDIMScheduler(1000, "linear_beta", clip_sample=False, prediction_type=MONAI_PREDICTIONS[prediction])
    theirs.set_timesteps(50)
    noisy, predicted = torch.randn(2, 3, 1, 4, 4)
    for t in (980, 500, 20, 0):
        wanted, image = theirs.step(predicted, t, noisy, eta=0.0)
        found = of.image_of(noisy, predicted, t)
        torch.testing.assert_close(found, image, rtol=1e-3, atol=1e-3)
        earlier = t - 20 if t else -1
        torch.testing.assert_close(of.step_back(noisy, found, t, earlier, 0.0, None), wanted, rtol=1e-3, atol=1e-3)


def test_times_fall_from_the_last_step_to_the_first():
    assert schedule(steps=10).times(10) == list(range(9, -1, -1))
    assert schedule().times(1) == [999]
    found = schedule().times(7)
    assert found[0] == 999 and found[-1] == 0 and np.ptp(np.diff(found)) <= 1
    for steps in (0, 1001):
        with pytest.raises(StudyError, match=r"sampling\.steps: found .* write 1 to 1000"):
            schedule().times(steps)


@pytest.mark.parametrize("changes", [{"kind": "sigmoid"}, {"prediction": "x0"}, {"steps": 1}])
def test_unknown_settings_are_refused(changes):
    with pytest.raises(StudyError, match="linear or cosine"):
        schedule(**changes)
