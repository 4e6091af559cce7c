"""Both networks through the same plan, trainer, bundle and inference as nnU-Net's own."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from ichor import reruns
from ichor.errors import StudyError
from ichor.imaging.measures import LABEL_CODES
from ichor.reruns import code_parts
from ichor.segmentation.bundle import load_model
from ichor.segmentation.dataset import plan_segmentation
from ichor.segmentation.predict import segment_scan
from ichor.segmentation.scan import read_scan
from ichor.segmentation.train import train_fold
from ichor.segmentation.trainers.ichor_trainer import IchorTrainer
from ichor.segmentation.umamba.networks import MambaLayer

PLAN = {
    "planner": "ExperimentPlanner",
    "spacing_mm": [4.0, 4.0, None],
    "window_hu": [0.0, 100.0],
    "patch_size": [32, 32, 8],
    "batch_size": 2,
    "features_per_stage": [4, 8, 8],
    "convs_per_stage": 1,
}
BUDGET = {"epochs": 4, "iterations_per_epoch": 2, "initial_lr": 0.01, "optimizer": "adamw", "validation_iterations": 1}


def plan(network, cohort, fitting, work):
    return plan_segmentation(
        fitting,
        cohort[0],
        labels=["iph", "ivh"],
        plan=PLAN,
        work_dir=work,
        out_plans=work / "plans.json",
        network=network,
    )


@pytest.fixture(scope="module", params=["umamba_bot", "umamba_enc"])
def work(request, cohort, fitting, tmp_path_factory):
    """A planned split of either network."""
    folder = tmp_path_factory.mktemp(request.param)
    plan(request.param, cohort, fitting, folder)
    return folder


def train(work, out, **changes):
    settings = {"seed": 5, "device": "cpu", "checkpoint_every_epochs": 2, "budget": BUDGET} | changes
    train_fold(work / "plans.json", work, 0, out_dir=out, **settings)
    return load_file(out / "model.safetensors")


class Stopped(Exception):
    """Stands for whatever ends a run."""


def test_a_stopped_training_goes_on_and_its_bundle_segments(work, cohort, tmp_path, monkeypatch):
    own = Path(shutil.copytree(work, tmp_path / "work"))
    whole = train(work, tmp_path / "whole")
    on_epoch_end = IchorTrainer.on_epoch_end

    def stop(trainer):
        on_epoch_end(trainer)
        if trainer.current_epoch == 3:  # one epoch after a checkpoint: this epoch is lost
            raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(IchorTrainer, "on_epoch_end", stop)
        with pytest.raises(Stopped):
            train(own, tmp_path / "resumed")
    resumed = train(own, tmp_path / "resumed")
    assert whole.keys() == resumed.keys() and all((whole[name] == resumed[name]).all() for name in whole)

    description = json.loads((tmp_path / "whole" / "model.json").read_text())
    model = load_model(tmp_path / "whole")
    assert description["architecture"]["class"] == type(model.network).__name__
    assert any(isinstance(module, MambaLayer) for module in model.network.modules())
    scan = read_scan(cohort[0]["image"].iloc[0])  # of fold 0, which the training left out
    mask = segment_scan(scan, [model])
    assert mask.shape == scan.hu.shape and set(np.unique(mask)) <= {0, LABEL_CODES["iph"], LABEL_CODES["ivh"]}
    losses = pd.read_csv(tmp_path / "whole" / "progress.tsv", sep="\t")["train_loss"]
    assert losses.iloc[-1] < losses.iloc[0] - 0.1


def test_an_unknown_network_says_what_to_write(cohort, fitting, tmp_path):
    with pytest.raises(StudyError, match="write one of nnunet, umamba_bot, umamba_enc"):
        plan("mamba", cohort, fitting, tmp_path)


@pytest.mark.parametrize("script", ["train_segmentation", "segment_shard"])
def test_the_code_of_the_jobs_is_known_to_hold_the_networks(script):
    parts = code_parts(Path(reruns.__file__).parents[1] / "scripts" / f"{script}.py")
    assert {f"ichor.segmentation.umamba.{name}" for name in ("networks", "mamba", "selective_scan")} <= parts.keys()
