"""A training that starts from the weights of a file: they are where it starts, and another file is another training."""

import hashlib
import json

import numpy as np
import pytest

from ichor.training import bundle
from ichor.training.fit import fit_model


@pytest.fixture
def fit(phantoms, tmp_path, small_vit):
    """Fit without learning anything; return the weights, what the bundle says and where it is."""

    def run(name, seed=1, **changes):
        training = small_vit["training"] | {"epochs": 2, "checkpoint_every_epochs": 1, "learning_rate": 0.0}
        spec = small_vit | {"training": training | {"keep": "last"}} | changes
        folders = {"checkpoint_dir": tmp_path / name / "state", "bundle_dir": tmp_path / name / "bundle"}
        job = {"task": "t", "target": "expansion", "model": "m", "seed": seed, "device": "cpu", "spec": spec}
        fit_model(phantoms, **job, **folders)
        return *bundle.read(folders["bundle_dir"]), folders["bundle_dir"] / "model.safetensors"

    return run


def test_training_starts_from_the_file_and_says_so(fit, capsys):
    first, described, path = fit("first")
    assert "initial_weights" not in described
    scratch, *_ = fit("scratch", seed=2)
    capsys.readouterr()
    started, described, _ = fit("started", seed=2, weights=str(path))
    said = described["initial_weights"]
    assert said["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert said["from_scratch"] == ["head.bias", "head.weight"] and said["taken"] == len(first) - 2
    assert f"starts from model.safetensors (SHA-256 {said['sha256']})" in capsys.readouterr().out
    for name, array in started.items():
        source = scratch if name.startswith("0.head") else first
        np.testing.assert_array_equal(array, source[name], err_msg=name)
    assert not np.array_equal(first["0.pos_embed"], scratch["0.pos_embed"])
    assert json.dumps(described)  # plain values


def test_a_file_of_other_content_is_not_continued(fit, capsys):
    *_, path = fit("first")
    fit("started", weights=str(path))
    *_, other = fit("other", seed=3)
    path.write_bytes(other.read_bytes())
    capsys.readouterr()
    fit("started", weights=str(path))
    assert "continues" not in capsys.readouterr().out
    fit("started", weights=str(path))
    assert "continues after epoch 2" in capsys.readouterr().out
