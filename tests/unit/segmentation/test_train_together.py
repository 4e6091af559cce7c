"""One fold trained by several processes on the CPU: the code that runs with one GPU per process on a GPU node."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from tests.unit.killed_in_training import launch_killed

from ichor.errors import StudyError
from ichor.segmentation import train as starter
from ichor.segmentation.train import train_fold

from .conftest import BUDGET

UNEQUAL = BUDGET | {"epochs": 3, "batch_size": 3, "optimizer": "sgd", "validation_iterations": 2}


def train(work, out, budget=UNEQUAL, **changes):
    settings = {"seed": 5, "device": "cpu", "checkpoint_every_epochs": 1} | changes
    train_fold(work / "plans.json", work, 0, budget=budget, out_dir=out, **settings)
    return load_file(out / "model.safetensors"), pd.read_csv(out / "progress.tsv", sep="\t")


@pytest.fixture
def own_work(planned, tmp_path):
    """A copy of the planned work folder: checkpoints are made in it."""
    return Path(shutil.copytree(planned[0], tmp_path / "work"))


def assert_close(one, several):
    for name, array in one[0].items():
        np.testing.assert_allclose(several[0][name], array, rtol=0, atol=2e-5, err_msg=name)
    figures = [column for column in one[1] if column != "seconds"]
    pd.testing.assert_frame_equal(one[1][figures], several[1][figures], rtol=1e-3)


def test_two_processes_make_the_model_of_one_also_when_one_of_them_is_killed(
    planned, own_work, tmp_path, capfd, monkeypatch
):
    budget = UNEQUAL | {"epochs": 8}
    one = train(planned[0], tmp_path / "one", budget)
    with monkeypatch.context() as patch:
        launch_killed(patch, starter, own_work, "checkpoint.pt")
        with pytest.raises(RuntimeError, match=r"process 2 of 2 of this training was killed \(SIGKILL\)"):
            train(own_work, tmp_path / "two", budget, processes=2)
    assert not (tmp_path / "two").exists()
    capfd.readouterr()
    two = train(own_work, tmp_path / "two", budget, processes=2)
    shown = capfd.readouterr().err
    assert "from epoch 0:" not in shown and shown.count("8/8") <= 1  # went on, and is told once
    assert_close(one, two)
    assert {path.name for path in (tmp_path / "two").iterdir()} == {"model.json", "model.safetensors", "progress.tsv"}
    assert not list(own_work.rglob("checkpoint.pt"))


def test_more_processes_than_patches_in_a_batch_are_refused(planned, tmp_path):
    with pytest.raises(StudyError, match="gpus_per_training is 4, but a batch of the segmentation has 3 patches"):
        train(planned[0], tmp_path, processes=4)


def test_without_as_many_gpus_nothing_is_started(planned, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(StudyError, match=r"gpus_per_training is 2, but this job sees 0 GPUs \(CUDA_VISIBLE_DEVICES=\)"):
        train(planned[0], tmp_path, device="cuda", processes=2)
