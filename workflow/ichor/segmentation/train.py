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
from ichor.training.group import Group
from ichor.training.launch import launch

BUDGET = {
    "epochs": True,
    "iterations_per_epoch": True,
    "initial_lr": True,
    "batch_size": False,
    "validation_iterations": False,
    "optimizer": False,
    "oversample_foreground": False,
    "mirror_left_right": False,
    "change_intensities": False,
}
"""Keys of a budget; True: required."""
ALL = "all"
"""In place of a fold: no fold is left out, the network learns from every case (nnU-Net's own word for it)."""


def train_fold(
    plans: Path,
    work_dir: Path,
    fold: int | str,
    *,
    budget: dict,
    seed: int,
    device: str,
    checkpoint_every_epochs: int,
    out_dir: Path,
    threads: int = 1,
    loader_processes: int = 0,
    processes: int = 1,
    precision: str = "32",
) -> None:
    """Train on the other folds; write ``model.safetensors``, ``model.json`` and ``progress.tsv`` to `out_dir`.

    Parameters
    ----------
    plans : Path
        As written by `ichor.segmentation.dataset.plan_segmentation`.
    work_dir : Path
        The split's work folder, with the preprocessed cases; checkpoints lie there too.
    fold : int or "all"
        The fold that is not trained on. With `ALL` every case is; the validation figures in ``progress.tsv`` are then
        of training cases and say nothing about other patients.
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
        Processes that load and augment; 0 (in this process) is reproducible, more is for a GPU that would wait. Only 0
        where several processes train.
    processes : int
        Processes that train together, each on a GPU of its own with ``"cuda"``, with `threads` threads each.
    precision : {"32", "bf16"}
        Arithmetic on a CPU; on CUDA it is always nnU-Net's mixed precision.

    Raises
    ------
    StudyError
        If the work folder is not that of the plan, the fold does not exist, the budget is not understood, or there are
        more processes than cases in a batch or than GPUs.
    """
    _check_budget(budget)
    manifest = _manifest(plans, work_dir)
    folds = sorted({case["fold"] for case in manifest["cases"]})
    if fold != ALL and (not isinstance(fold, int) or fold < 0 or not _train_cases(manifest, fold)):
        raise StudyError(
            f"{plans}: fold {fold} leaves no case to train on; the plan has cases of folds {folds}, and "
            f"{ALL!r} trains on every one."
        )
    _check_processes(manifest, budget, processes, loader_processes)
    request = {
        "plans": str(plans.resolve()),
        "work_dir": str(work_dir.resolve()),
        "fold": fold,
        "budget": budget,
        "seed": seed,
        "device": device,
        "checkpoint_every_epochs": checkpoint_every_epochs,
        "out_dir": str(out_dir.resolve()),
        "threads": threads,
        "loader_processes": loader_processes,
        "precision": precision,
    }
    if processes > 1:
        launch(__name__, request, processes=processes, device=device, threads=threads)
    else:
        work(request, Group())


def work(request: dict, group: Group) -> None:
    """Train as one of the processes of `train_fold`, with its arguments; the first of them writes the model."""
    manifest = _manifest(Path(request["plans"]), Path(request["work_dir"]))
    fold, budget, seed, out_dir = request["fold"], request["budget"], request["seed"], Path(request["out_dir"])
    torch.set_num_threads(request["threads"])
    with nnunet_environment(Path(request["work_dir"]), loader_processes=request["loader_processes"]):
        every = request["checkpoint_every_epochs"]
        trainer = _trainer(manifest, fold, budget, seed, request["device"], every, group, request["precision"])
        checkpoint = trainer.checkpoint_path
        if checkpoint.exists() and not trainer.load_checkpoint(str(checkpoint)):
            print(f"{checkpoint} is of another plan, budget or seed: not resumed, training starts over")
        trainer.run_training()
    group.sum(0.0)  # until all have read the checkpoint, if it was that of a finished training
    if not group.writes:
        return
    train = _train_cases(manifest, fold)
    progress = _progress(trainer, manifest["labels"])
    patients = {(case["center"], case["patient"]) for case in train}
    about = _description(manifest, fold, budget, seed, train, progress)
    save_model(out_dir, trainer.bare_network, about, patients, [case["voxel_sha256"] for case in train])
    progress.to_csv(out_dir / "progress.tsv", sep="\t", index=False, float_format="%.6g")
    shutil.rmtree(checkpoint.parent)  # or a later run with new code would take the finished training for its own


def _train_cases(manifest: dict, fold: int | str) -> list[dict]:
    return [case for case in manifest["cases"] if case["fold"] != fold]


def _check_processes(manifest: dict, budget: dict, processes: int, loader_processes: int) -> None:
    if processes > 1 and loader_processes:
        raise ValueError("several processes train only where each loads its own cases: loader_processes must be 0")
    batch = budget.get("batch_size") or manifest["plans"]["configurations"][CONFIGURATION]["batch_size"]
    if processes > batch:
        raise StudyError(
            f"compute.gpus_per_training is {processes}, but a batch of the segmentation has {batch} patches; write at "
            f"most {batch}, or a larger segmentation.budget.batch_size"
        )


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


def _trainer(
    manifest: dict, fold: int | str, budget: dict, seed: int, device: str, every: int, group: Group, precision: str
) -> IchorTrainer:
    plans = json.loads(json.dumps(manifest["plans"]))
    if budget.get("batch_size"):
        plans["configurations"][CONFIGURATION]["batch_size"] = int(budget["batch_size"])
    about = {"plan": manifest["sha256"], "fold": fold, "budget": budget, "seed": seed, "nnunetv2": version("nnunetv2")}
    about |= {"precision": precision}
    identity = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    plans["continue_training"] = False  # nnU-Net takes it out again
    trainer = IchorTrainer(plans, CONFIGURATION, fold, manifest["dataset"], torch.device(device))
    if group.size > 1:
        trainer.join(group)
    trainer.labels_of_case = {case["case"]: case["labels"] for case in manifest["cases"]}
    codes = {label: value for value, label in enumerate(manifest["labels"], start=1)}
    trainer.unlabelled = [[codes[label] for label in labels] for labels in manifest["unlabelled"]]
    trainer.set_budget(budget, seed=seed, identity=identity, checkpoint_every_epochs=every, precision=precision)
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


def _description(manifest: dict, fold: int | str, budget: dict, seed: int, train: list[dict], progress) -> dict:
    last = progress.iloc[-1]
    return {
        "split": manifest["split"],
        "fold": None if fold == ALL else fold,
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
