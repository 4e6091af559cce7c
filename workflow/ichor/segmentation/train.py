"""Train one fold's network of a split, resuming where a killed run stopped."""

import hashlib
import json
import shutil
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch

from ichor.errors import StudyError
from ichor.segmentation.bundle import save_model
from ichor.segmentation.folders import CONFIGURATION, is_prepared, nnunet_environment, preprocessed
from ichor.segmentation.trainers.ichor_trainer import IchorTrainer

BUDGET = {
    "epochs": True,
    "iterations_per_epoch": True,
    "initial_lr": True,
    "batch_size": False,
    "validation_iterations": False,
    "optimizer": False,
    "oversample_foreground": False,
    "mirror_left_right": False,
}
"""Keys of a budget; True: required."""


def train_fold(
    plans: Path,
    work_dir: Path,
    fold: int,
    *,
    budget: dict,
    seed: int,
    device: str,
    checkpoint_every_epochs: int,
    out_dir: Path,
    threads: int = 1,
    loader_processes: int = 0,
) -> None:
    """Train on the other folds; write ``model.safetensors``, ``model.json`` and ``progress.tsv`` to `out_dir`.

    Parameters
    ----------
    plans : Path
        As written by `ichor.segmentation.dataset.plan_segmentation`.
    work_dir : Path
        The split's work folder, with the preprocessed cases; checkpoints lie there too.
    fold : int
        The fold that is not trained on.
    budget : dict
        See `IchorTrainer.set_budget`; ``batch_size`` overrides the plan's.
    seed : int
    device : str
        ``"cpu"`` or ``"cuda"``.
    checkpoint_every_epochs : int
    out_dir : Path
    threads : int
        Threads of torch.
    loader_processes : int
        Processes that load and augment; 0 (in this process) is reproducible, more is for a GPU that would wait.

    Raises
    ------
    StudyError
        If the work folder is not that of the plan, the fold does not exist, or the budget is not understood.
    """
    _check_budget(budget)
    manifest = _manifest(plans, work_dir)
    folds = sorted({case["fold"] for case in manifest["cases"]})
    train = [case for case in manifest["cases"] if case["fold"] != fold]
    if fold < 0 or not train:
        raise StudyError(f"{plans}: fold {fold} leaves no case to train on; the plan has cases of folds {folds}.")
    torch.set_num_threads(threads)
    with nnunet_environment(work_dir, loader_processes=loader_processes):
        trainer = _trainer(manifest, fold, budget, seed, device, checkpoint_every_epochs)
        checkpoint = trainer.checkpoint_path
        if checkpoint.exists() and not trainer.load_checkpoint(str(checkpoint)):
            print(f"{checkpoint} is of another plan, budget or seed: not resumed, training starts over")
        trainer.run_training()
    progress = _progress(trainer, manifest["labels"])
    patients = {(case["center"], case["patient"]) for case in train}
    save_model(out_dir, trainer.bare_network, _description(manifest, fold, budget, seed, train, progress), patients)
    progress.to_csv(out_dir / "progress.tsv", sep="\t", index=False, float_format="%.6g")
    shutil.rmtree(checkpoint.parent)  # or a later run with new code would take the finished training for its own


def _check_budget(budget: dict) -> None:
    unknown = [key for key in budget if key not in BUDGET]
    missing = [key for key, required in BUDGET.items() if required and budget.get(key) is None]
    if unknown or missing:
        problem = f"unknown key {unknown[0]!r}" if unknown else f"{missing[0]} is missing"
        raise StudyError(f"segmentation budget: {problem}; keys are {', '.join(BUDGET)}.")
    if budget.get("optimizer") not in (None, "sgd", "adamw"):
        raise StudyError(f"segmentation budget, optimizer: found {budget['optimizer']!r}; write sgd or adamw.")


def _manifest(plans: Path, work_dir: Path) -> dict:
    """Read the plan; make sure that the work folder holds its cases and no other's."""
    manifest = json.loads(plans.read_text())
    beside = preprocessed(work_dir) / "manifest.json"
    same = beside.exists() and json.loads(beside.read_text())["sha256"] == manifest["sha256"]
    if not same or not is_prepared(beside):
        raise StudyError(f"{work_dir} does not hold the preprocessed cases of {plans}; delete {plans} to plan again.")
    return manifest


def _trainer(manifest: dict, fold: int, budget: dict, seed: int, device: str, every: int) -> IchorTrainer:
    plans = json.loads(json.dumps(manifest["plans"]))
    if budget.get("batch_size"):
        plans["configurations"][CONFIGURATION]["batch_size"] = int(budget["batch_size"])
    about = {"plan": manifest["sha256"], "fold": fold, "budget": budget, "seed": seed, "nnunetv2": version("nnunetv2")}
    identity = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    plans["continue_training"] = False  # nnU-Net takes it out again
    trainer = IchorTrainer(plans, CONFIGURATION, fold, manifest["dataset"], torch.device(device))
    trainer.labels_of_case = {case["case"]: case["labels"] for case in manifest["cases"]}
    trainer.set_budget(budget, seed=seed, identity=identity, checkpoint_every_epochs=every)
    return trainer


def _progress(trainer: IchorTrainer, labels: list[str]) -> pd.DataFrame:
    """One row per epoch; Dice is nnU-Net's estimate on random validation patches, not on whole scans."""
    log = trainer.logger.get_checkpoint()
    table = pd.DataFrame({"epoch": range(len(log["lrs"])), "learning_rate": log["lrs"]})
    table["train_loss"], table["validation_loss"] = log["train_losses"], log["val_losses"]
    for i, label in enumerate(labels):
        table[f"patch_dice_{label}"] = [scores[i] for scores in log["dice_per_class_or_region"]]
    ends, starts = log["epoch_end_timestamps"], log["epoch_start_timestamps"]
    table["seconds"] = [end - start for end, start in zip(ends, starts, strict=True)]
    return table


def _description(manifest: dict, fold: int, budget: dict, seed: int, train: list[dict], progress) -> dict:
    last = progress.iloc[-1]
    return {
        "split": manifest["split"],
        "fold": fold,
        "labels": manifest["labels"],
        "architecture": manifest["architecture"],
        "grid": manifest["grid"],
        "patch_size": manifest["patch_size"],
        "training": {
            "scans": len(train),
            "patients": len({(case["center"], case["patient"]) for case in train}),
            "centers": sorted({case["center"] for case in train}),
            "budget": budget,
            "seed": seed,
            "epochs_done": len(progress),
            "train_loss": float(last["train_loss"]),
            "validation_loss": float(last["validation_loss"]),
        },
        "plan_sha256": manifest["sha256"],
        "versions": {name: version(name) for name in ("torch", "nnunetv2", "dynamic-network-architectures")},
        "plans": manifest["plans"],
        "dataset": manifest["dataset"],
    }
