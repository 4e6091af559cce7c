import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from safetensors.numpy import load_file

from ichor.errors import StudyError
from ichor.segmentation.bundle import load_model
from ichor.segmentation.train import train_fold

from .conftest import BUDGET

SCRIPT = """
from pathlib import Path
from killed_in_training import Group, kill_at_step_after
from ichor.segmentation.train import train_fold
kill_at_step_after(Group, {work!r}, "checkpoint.pt")
train_fold(Path({work!r}) / "plans.json", Path({work!r}), {fold!r}, budget={budget!r}, seed=5, device="cpu",
           checkpoint_every_epochs=1, out_dir=Path({out!r}))
"""
LONG = BUDGET | {"epochs": 30}


def train(work, out, budget=BUDGET, **changes):
    settings = {"seed": 5, "device": "cpu", "checkpoint_every_epochs": 1} | changes
    train_fold(work / "plans.json", work, 0, budget=budget, out_dir=out, **settings)
    return load_file(out / "model.safetensors")


@pytest.fixture
def own_work(planned, tmp_path):
    """A copy of the planned work folder: checkpoints are made in it."""
    return Path(shutil.copytree(planned[0], tmp_path / "work"))


def equal(a, b):
    return a.keys() == b.keys() and all((a[key] == b[key]).all() for key in a)


def start_and_kill(work, out, fold=0):
    """Train in a process of its own that is killed -9 after its first checkpoint."""
    code = SCRIPT.format(work=str(work), budget=LONG, out=str(out), fold=fold)
    source, tests = Path(__file__).resolve().parents[3] / "workflow", Path(__file__).resolve().parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{source}:{tests}"}
    killed = subprocess.run([sys.executable, "-c", code], env=environment)
    assert killed.returncode == -signal.SIGKILL


def test_a_killed_training_continues_and_ends_with_the_weights_of_one_never_killed(planned, own_work, tmp_path, capfd):
    whole = train(planned[0], tmp_path / "whole", LONG)
    start_and_kill(own_work, tmp_path / "killed")
    assert not (tmp_path / "killed").exists()
    capfd.readouterr()
    resumed = train(own_work, tmp_path / "killed", LONG)
    assert "from epoch 0:" not in capfd.readouterr().err  # it went on where it was
    assert equal(whole, resumed)
    progress = pd.read_csv(tmp_path / "killed" / "progress.tsv", sep="\t")
    assert progress["epoch"].tolist() == list(range(LONG["epochs"]))
    assert progress["train_loss"].notna().all() and progress["learning_rate"].is_monotonic_decreasing
    assert not list(own_work.rglob("checkpoint.pt"))  # nothing left that a later run would take for its own


def test_trained_on_all_no_patient_is_left_out_and_a_killed_training_goes_on(planned, own_work, tmp_path, capfd):
    settings = {"budget": LONG, "seed": 5, "device": "cpu", "checkpoint_every_epochs": 1}
    train_fold(planned[0] / "plans.json", planned[0], "all", out_dir=tmp_path / "whole", **settings)
    start_and_kill(own_work, tmp_path / "killed", fold="all")
    capfd.readouterr()
    train_fold(own_work / "plans.json", own_work, "all", out_dir=tmp_path / "killed", **settings)
    assert "from epoch 0:" not in capfd.readouterr().err
    assert equal(*(load_file(tmp_path / name / "model.safetensors") for name in ("whole", "killed")))
    content = json.loads((tmp_path / "whole/model.json").read_text())
    assert content["fold"] is None and content["training"]["patients"] == 8 and content["training"]["scans"] == 9
    model = load_model(tmp_path / "whole")
    assert model.fold is None and all(model.has_seen("aurora", f"p{i:02d}") for i in range(8))


def test_a_fold_that_is_none_is_refused(planned, tmp_path):
    for fold in ("al", -1):
        with pytest.raises(StudyError, match="'all' trains on every one"):
            train_fold(
                planned[0] / "plans.json",
                planned[0],
                fold,
                budget=BUDGET,
                seed=5,
                device="cpu",
                checkpoint_every_epochs=1,
                out_dir=tmp_path,
            )


def test_a_checkpoint_of_another_budget_is_not_resumed(planned, own_work, tmp_path, capfd):
    start_and_kill(own_work, tmp_path / "killed")
    capfd.readouterr()
    fresh = train(own_work, tmp_path / "killed", BUDGET)
    captured = capfd.readouterr()
    assert "training starts over" in captured.out and "from epoch 0:" in captured.err
    assert equal(fresh, train(planned[0], tmp_path / "fresh", BUDGET))


def test_a_training_that_diverges_stops_and_leaves_no_model(planned, tmp_path):
    with pytest.raises(FloatingPointError, match="lower initial_lr"):
        train(planned[0], tmp_path / "out", BUDGET | {"initial_lr": 1e30, "optimizer": "sgd"})
    assert not (tmp_path / "out").exists()


def test_weights_depend_on_the_seed_and_training_moves_them(planned, tmp_path):
    first = train(planned[0], tmp_path / "a")
    other = train(planned[0], tmp_path / "b", seed=6)
    assert not equal(first, other)


def test_model_json_says_what_it_is_and_names_no_patient(planned, tmp_path):
    train(planned[0], tmp_path)
    text = (tmp_path / "model.json").read_text()
    content = json.loads(text)
    assert content["labels"] == ["iph", "ivh"] and content["fold"] == 0 and content["split"] == "external"
    assert content["training"]["patients"] == 4 and content["training"]["centers"] == ["aurora"]
    assert content["training"]["epochs_done"] == BUDGET["epochs"]
    assert "p01" not in text
    model = load_model(tmp_path)
    assert model.has_seen("aurora", "p01") and not model.has_seen("aurora", "p00")
    assert {path.name for path in tmp_path.iterdir()} == {"model.json", "model.safetensors", "progress.tsv"}


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"epochs": 2, "iterations_per_epoch": 2}, "initial_lr is missing"),
        (BUDGET | {"epoch": 3}, "unknown key 'epoch'"),
        (BUDGET | {"optimizer": "lion"}, "write sgd or adamw"),
    ],
)
def test_a_wrong_budget_says_what_to_write(planned, tmp_path, budget, message):
    with pytest.raises(StudyError, match=message):
        train(planned[0], tmp_path, budget)


def test_a_work_folder_of_another_plan_is_refused(own_work, tmp_path):
    plans = json.loads((own_work / "plans.json").read_text()) | {"sha256": "0"}
    (own_work / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(StudyError, match="to plan again"):
        train(own_work, tmp_path / "out")
