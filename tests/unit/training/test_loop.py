import math
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from ichor.errors import StudyError
from ichor.imaging.augment import AugmentRanges
from ichor.imaging.crops import Grid
from ichor.training import checkpoint
from ichor.training.balance import Balance, plan, prior_logit
from ichor.training.bundle import read
from ichor.training.data import InputSpec, Views
from ichor.training.device import choose_device
from ichor.training.fit import fit_model
from ichor.training.loop import (
    Examples,
    LoopSettings,
    Training,
    learning_rate_factor,
    monitored,
    predict_logits,
    train,
)

SETTINGS = {
    "epochs": 6,
    "batch_size": 4,
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "warmup_epochs": 1,
    "monitor": "loss",
    "keep": "best",
    "patience": 0,
    "checkpoint_every_epochs": 1,
    "seeds": 1,
}
INPUTS = InputSpec("head", Grid((4, 4, 2), (2.0, 2.0, 5.0)), ((0.0, 100.0),), ())


class Killed(Exception):
    pass


class Flat(torch.nn.Module):
    """A network that is small, has dropout and can die in a chosen call."""

    def __init__(self, dies_at=None):
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(32, 8), torch.nn.GELU(), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1)
        )
        self.calls, self.dies_at = 0, dies_at

    def forward(self, image):
        self.calls += self.training
        if self.calls == self.dies_at:
            raise Killed
        return self.layers(image)


def examples(n, seed):
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % 3 == 0).astype(np.float32)
    images = rng.normal(40 + 20 * labels[:, None, None, None], 20, size=(n, 4, 4, 2))
    return Examples(Views(images.astype(np.int16), np.zeros((n, 0, 4, 4, 2), np.uint8)), labels)


def training(**changes):
    settings = LoopSettings(**{**SETTINGS, **changes})
    return Training(
        INPUTS, AugmentRanges(), settings, torch.device("cpu"), "32", 3, prior_logit(examples(21, 1).labels)
    )


def test_killed_and_continued_is_equal_to_uninterrupted(tmp_path):
    sets = examples(21, 1), examples(9, 2)
    whole = train(Flat(), training(), *sets, tmp_path / "a", "mark")
    for dies_at in (1, 8, 17, 30):
        path = tmp_path / f"b{dies_at}"
        with pytest.raises(Killed):
            train(Flat(dies_at), training(), *sets, path, "mark")
        continued = train(Flat(), training(), *sets, path, "mark")
        for name, tensor in whole.items():
            assert torch.equal(tensor, continued[name]), (dies_at, name)


def test_kill_minus_nine_in_training_then_the_same_bundle(phantoms, tmp_path, small_vit, repository, capsys):
    small_vit["training"] |= {"epochs": 20, "checkpoint_every_epochs": 1}
    job = {"task": "t", "target": "expansion", "model": "m", "seed": 1, "spec": small_vit, "device": "cpu"}
    folders = {
        name: {"checkpoint_dir": f"{tmp_path}/{name}", "bundle_dir": f"{tmp_path}/{name}/bundle"} for name in "ab"
    }
    phantoms.to_parquet(tmp_path / "cohort.parquet")
    script = tmp_path / "job.py"
    script.write_text(
        "import pandas as pd\n"
        "from killed_in_training import Group, kill_at_step_after\n"
        "from ichor.training.fit import fit_model\n"
        f"kill_at_step_after(Group, {str(tmp_path / 'a')!r}, 'network-0.safetensors')\n"
        f"fit_model(pd.read_parquet({str(tmp_path / 'cohort.parquet')!r}), **{job | folders['a']!r})\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{repository / 'workflow'}:{repository / 'tests/unit'}"}
    killed = subprocess.run([sys.executable, script], env=environment, stderr=subprocess.DEVNULL)
    assert killed.returncode == -signal.SIGKILL and not (tmp_path / "a" / "bundle").exists()
    for name, continues in {"a": True, "b": False}.items():
        fit_model(phantoms, **job, **folders[name])
        assert ("continues after epoch" in capsys.readouterr().out) == continues
    first, second = (read(tmp_path / name / "bundle")[0] for name in "ab")
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


def test_a_checkpoint_of_another_training_or_a_torn_one_is_not_used(tmp_path):
    sets, path = (examples(21, 1), examples(9, 2)), tmp_path / "c"
    train(Flat(), training(epochs=2), *sets, path, "other")
    assert checkpoint.load(path, "mark") is None
    whole = train(Flat(), training(), *sets, path, "mark")
    path.write_bytes(path.read_bytes()[:100])
    torn = train(Flat(), training(), *sets, path, "mark")
    assert all(torch.equal(whole[name], torn[name]) for name in whole)


def test_a_finished_training_is_not_trained_again(tmp_path):
    sets, path = (examples(21, 1), examples(9, 2)), tmp_path / "c"
    first = train(Flat(), training(), *sets, path, "mark")
    second = train(Flat(dies_at=1), training(), *sets, path, "mark")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_fingerprint_depends_on_settings_and_data():
    base = checkpoint.fingerprint({"a": 1}, [np.zeros(3, np.int16)])
    assert base == checkpoint.fingerprint({"a": 1}, [np.zeros(3, np.int16)])
    others = [
        ({"a": 2}, [np.zeros(3, np.int16)]),
        ({"a": 1}, [np.ones(3, np.int16)]),
        ({"a": 1}, [np.zeros(6, np.int8)]),
    ]
    assert base not in [checkpoint.fingerprint(*other) for other in others]


def test_best_epoch_is_kept_and_patience_stops(tmp_path):
    sets = examples(21, 1), examples(9, 2)
    figures = {}
    for keep in ("best", "last"):
        weights = train(Flat(), training(keep=keep, epochs=12), *sets, tmp_path / keep, "mark")
        network = Flat()
        network.load_state_dict(weights)
        figures[keep] = monitored(network, training(), sets[1])
    assert figures["best"] <= figures["last"]
    network = Flat()
    train(network, training(epochs=60, patience=2, learning_rate=0.3), *sets, tmp_path / "p", "mark")
    assert network.calls < 60 * 5


def test_no_tune_rows_is_no_obstacle(tmp_path):
    assert train(Flat(), training(), examples(21, 1), examples(0, 2), tmp_path / "c", "mark")


@pytest.mark.parametrize("arm", ["none", "class_weights", "oversample"])
def test_network_starts_at_the_base_rate_and_what_balancing_shifts_is_taken_back(tmp_path, arm):
    assert prior_logit(np.array([1, 0, 0, 0])) == pytest.approx(-math.log(3))
    rng = np.random.default_rng(0)
    n = 300
    labels = (np.arange(n) % 5 == 0).astype(np.float32)
    noise = Views(rng.integers(0, 100, size=(n, 4, 4, 2)).astype(np.int16), np.zeros((n, 0, 4, 4, 2), np.uint8))
    settings = LoopSettings(**{**SETTINGS, "batch_size": 30, "weight_decay": 1.0})
    means = {}
    for correct in (True, False):
        balance = Balance(arm, "", "1:1" if arm == "oversample" else "", 2.0, correct)
        seen = plan(labels, n, balance, balance.candidates()[0], 3)
        how = Training(INPUTS, AugmentRanges(), settings, torch.device("cpu"), "32", 3, seen.prediction_logit, seen)
        network = Flat()
        weights = train(network, how, Examples(noise, labels), examples(0, 2), tmp_path / f"{correct}", "m")
        network.load_state_dict(weights)
        means[correct] = (1 / (1 + np.exp(-predict_logits(network, how, noise)))).mean()
    assert means[True] == pytest.approx(0.2, abs=0.05)
    assert means[False] == pytest.approx(0.2 if arm == "none" else 0.5, abs=0.06)


def test_monitored_auc_is_the_auc():
    class Read(torch.nn.Module):
        def forward(self, image):
            return image.mean(dim=(1, 2, 3, 4))[:, None]

    values = np.array([10, 20, 30, 40], dtype=np.int16)
    views = Views(np.tile(values[:, None, None, None], (1, 4, 4, 2)), np.zeros((4, 0, 4, 4, 2), np.uint8))
    how = training(monitor="auc")
    assert monitored(Read(), how, Examples(views, np.array([0, 1, 0, 1], np.float32))) == pytest.approx(-0.75)
    only_one = Examples(views, np.ones(4, np.float32))
    assert monitored(Read(), how, only_one) == pytest.approx(monitored(Read(), training(), only_one))


def test_learning_rate_rises_and_falls_to_zero():
    factors = [learning_rate_factor(step, 10, 100) for step in range(100)]
    assert np.argmax(factors) == 10 and factors[10] == 1.0
    assert (np.diff(factors[:11]) > 0).all() and (np.diff(factors[10:]) < 0).all()
    assert learning_rate_factor(100, 10, 100) == pytest.approx(0)


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"seeds": 0}, {"monitor": "accuracy"}, {"keep": "first"}])
def test_wrong_settings_are_named(wrong):
    with pytest.raises(StudyError, match=f"training.{next(iter(wrong))}"):
        LoopSettings(**{**SETTINGS, **wrong})


def test_devices():
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(StudyError, match="gpu"):
        choose_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(StudyError, match="no GPU"):
            choose_device("cuda")


def test_bfloat16_stays_near_full_precision():
    from dataclasses import replace

    network, sets = Flat(), examples(9, 2)
    full = predict_logits(network, training(), sets.views)
    half = predict_logits(network, replace(training(), precision="bf16"), sets.views)
    np.testing.assert_allclose(half, full, atol=0.05)
    assert not np.array_equal(half, full)
