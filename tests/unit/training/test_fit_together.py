"""Networks trained by two processes on the CPU: the code that runs with one GPU per process on a GPU node."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from tests.unit.killed_in_training import launch_killed

from ichor.errors import StudyError
from ichor.training import member
from ichor.training.bundle import read
from ichor.training.fit import fit_model


@pytest.fixture
def fit(phantoms, tmp_path):
    """Fit a model by some processes; return its weights and what its training decided."""

    def run(spec, name, **changes):
        folders = {"checkpoint_dir": tmp_path / name, "bundle_dir": tmp_path / name / "bundle"}
        job = {"task": "t", "target": "expansion", "model": "m", "seed": 1, "device": "cpu", "spec": spec}
        fit_model(phantoms, **(job | folders | changes))
        with safe_open(tmp_path / name / "network-0.safetensors", framework="np") as checkpoint:
            decided = json.loads(checkpoint.metadata()["facts"])
        return read(tmp_path / name / "bundle")[0], decided

    return run


def test_two_processes_make_the_model_of_one_also_when_one_of_them_is_killed(
    fit, small_vit, tmp_path, capfd, monkeypatch
):
    small_vit["training"] |= {
        "batch_size": 7,
        "epochs": 12,
        "patience": 4,
        "checkpoint_every_epochs": 1,
        "accumulate": 2,
    }
    record = {"features": ["age_years", "gcs"], "scan_dropout": 0.2}
    small_vit |= {"kind": "vit_record", "record": record, "record_width": 8}
    one, decided = fit(small_vit, "one")
    with monkeypatch.context() as patch:
        launch_killed(patch, member, tmp_path / "two", "network-0.safetensors")
        with pytest.raises(RuntimeError, match=r"process 2 of 2 of this training was killed \(SIGKILL\)"):
            fit(small_vit, "two", processes=2)
    assert not (tmp_path / "two" / "bundle").exists()
    capfd.readouterr()
    two, also_decided = fit(small_vit, "two", processes=2)
    assert capfd.readouterr().out.count("continues after epoch") == 1
    for name, array in one.items():
        np.testing.assert_allclose(two[name], array, rtol=0, atol=1e-5, err_msg=name)
    assert also_decided["best_epoch"] == decided["best_epoch"] and also_decided["next_epoch"] == decided["next_epoch"]
    assert also_decided["best_figure"] == pytest.approx(decided["best_figure"], abs=1e-6)
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == ["bundle", "network-0.safetensors"]


def test_more_processes_than_images_in_a_batch_are_refused(fit, small_vit):
    small_vit["training"]["batch_size"] = 2
    with pytest.raises(StudyError, match="gpus_per_training is 3, but the smallest batch .* has 2 images"):
        fit(small_vit, "three", processes=3)


def test_without_as_many_gpus_nothing_is_read(fit, small_vit, monkeypatch):
    from ichor.training import networks

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setattr(networks, "choose_device", lambda name: torch.device("cuda"))
    monkeypatch.setattr(networks, "make_examples", None)
    with pytest.raises(StudyError, match=r"is 2, but this job sees 0 GPUs \(CUDA_VISIBLE_DEVICES=3\)"):
        fit(small_vit, "two", processes=2)
