import copy
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from ichor.errors import StudyError
from ichor.synthesis import registry
from ichor.synthesis.diffusion.crops import Crops, CropSpec
from ichor.synthesis.diffusion.networks import build
from ichor.synthesis.diffusion.schedule import Schedule
from ichor.synthesis.diffusion.training import State, TrainingSettings, take_step, train
from ichor.training import checkpoint
from ichor.training.data import Views

SPEC = registry.resolve(
    {
        "kind": "diffusion",
        "input": {"size_mm": [16, 16, 10], "margin_mm": [0, 0, 0], "mask_labels": ["iph"]},
        "ukan": {"channels": [8, 16], "groups": 4, "patch": 1, "kan_levels": 1, "dropout": 0.2},
        "training": {"steps": 8, "batch_size": 3, "checkpoint_every_steps": 2, "warmup_share": 0.2},
    }
)
CROP = CropSpec.from_settings(SPEC)


def crops(n=6):
    rng, shape = np.random.default_rng(0), CROP.with_room_for_shifts().grid.shape
    image = rng.normal(35, 5, (n, *shape))
    image[:, 3:6, 3:6] = 70
    masks = np.zeros((n, 1, *shape), np.uint8)
    masks[:, :, 3:6, 3:6] = 255
    return Crops(Views(image.astype(np.int16), masks), np.arange(n) % 2)


def run(path, *, seed=1, mark="mark", **changes):
    spec = copy.deepcopy(SPEC)
    spec["training"] |= changes
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = build(spec, CROP.channels, CROP.learned.grid.shape)
    schedule, settings = Schedule.from_settings(spec["schedule"]), TrainingSettings(**spec["training"])
    how = {"seed": seed, "device": torch.device("cpu"), "precision": "32", "path": path, "fingerprint": mark}
    weights, losses = train(network, crops(), CROP, schedule, settings, **how)
    return weights, losses, network


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {folder!r})
import test_training
from ichor.synthesis.diffusion import training
take, path = training.take_step, Path({path!r})
def take_or_die(state, *arguments):
    if path.exists() and state.next_step == 5:  # a step after the second checkpoint
        os.kill(os.getpid(), signal.SIGKILL)
    take(state, *arguments)
training.take_step = take_or_die
test_training.run(path)
"""


def test_kill_minus_nine_in_training_then_the_same_weights(tmp_path, repository, capsys):
    path = tmp_path / "killed.safetensors"
    script = KILLED.format(folder=os.path.dirname(__file__), path=str(path))
    environment = {**os.environ, "PYTHONPATH": str(repository / "workflow")}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, stderr=subprocess.PIPE)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]
    assert checkpoint.load(path, "mark")[1]["next_step"] == 4
    weights, losses, _ = run(path)
    assert "continues after step 4" in capsys.readouterr().out
    whole, all_losses, _ = run(tmp_path / "whole.safetensors")
    assert "continues" not in capsys.readouterr().out
    assert_same(weights, whole)
    np.testing.assert_array_equal(losses, all_losses)


def test_the_same_seed_gives_the_same_weights_and_another_one_others(tmp_path):
    first, second = run(tmp_path / "a")[0], run(tmp_path / "b")[0]
    assert_same(first, second)
    other = run(tmp_path / "c", seed=2)[0]
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_a_finished_training_or_that_of_another_fingerprint(tmp_path):
    first, losses, network = run(tmp_path / "a")
    again, kept, untouched = run(tmp_path / "a")
    assert_same(first, again)
    np.testing.assert_array_equal(losses, kept)
    assert_same(dict(network.state_dict()), dict(untouched.state_dict()))
    assert_same(first, run(tmp_path / "a", mark="other")[0])  # trained from the start, to the same end


def test_averaged_weights_are_a_running_mean_that_forgets_faster_at_the_start():
    network = torch.nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    state = State(network, optimizer, {"weight": network.weight.detach().clone()}, torch.zeros(3))
    settings = TrainingSettings(**SPEC["training"] | {"gradient_norm": 2.0, "ema": 0.15})
    wanted, at = network.weight.item(), network.weight.item()
    for decay in (0.1, 0.15, 0.15):  # (1 + step) / (10 + step) up to ema
        take_step(state, 100 * network.weight.sum(), settings)
        at -= 0.5 * 2.0  # a gradient of 100 is clipped to 2
        wanted = decay * wanted + (1 - decay) * at
        assert network.weight.item() == pytest.approx(at, rel=1e-4)
        assert state.averaged["weight"].item() == pytest.approx(wanted, rel=1e-4)
    assert state.next_step == 3


def test_the_loss_falls(tmp_path):
    losses = run(tmp_path / "a", steps=120, learning_rate=0.003, checkpoint_every_steps=1000)[1]
    assert losses[-20:].mean() < 0.6 * losses[:10].mean()


@pytest.mark.parametrize(
    "changes", [{"steps": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"ema": 1.0}, {"class_dropout": -0.1}]
)
def test_settings_that_no_training_can_use_are_refused(changes):
    name, value = next(iter(changes.items()))
    with pytest.raises(StudyError, match=rf"training\.{name}: found {value}"):
        TrainingSettings(**SPEC["training"] | changes)
