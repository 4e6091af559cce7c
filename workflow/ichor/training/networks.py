"""Fit the networks of one model: scans read once, one training per seed, one bundle."""

import time
from pathlib import Path

import pandas as pd
import torch

from ichor.seeds import seed_for
from ichor.training import bundle
from ichor.training.checkpoint import fingerprint
from ichor.training.data import InputSpec
from ichor.training.device import choose_device, first_gpus, make_deterministic
from ichor.training.example_files import examples_folder, make_examples
from ichor.training.job import Job, check_fitting, describe, too_few
from ichor.training.loop import Examples, LoopSettings, prior_logit, refuse_empty_shares
from ichor.training.member import Member, train_member, train_member_together


def fit_network(job: Job, rows: pd.DataFrame) -> bool:
    """Train and save a network model.

    Parameters
    ----------
    job : ichor.training.job.Job
        What is fitted.
    rows : pandas.DataFrame
        Train rows, which are fitted on, and tune rows, which choose the epoch, with column ``label``.

    Returns
    -------
    bool
        False if too few train rows have a usable scan.
    """
    device = choose_device(job.device)
    if device.type == "cuda":
        first_gpus(job.processes)  # before the scans are read
    make_deterministic(device, job.threads)
    inputs = InputSpec.from_settings(job.spec["input"])
    settings = LoopSettings(**job.spec["training"])
    with examples_folder(job.checkpoint_dir / "examples") as folder:
        sets, usable = {}, {}
        for role, words in {"train": "training", "tune": "tuning"}.items():
            of_role, what = rows[rows["role"] == role], f"read {words} scans for {job.model}"
            sets[role], found = make_examples(folder, role, of_role, inputs, what, job.volumes_dir)
            usable[role] = of_role[found]
        if too_few(usable["train"]["label"]):
            return False
        check_fitting(job, rows, **usable)
        refuse_empty_shares(len(sets["train"]), settings.batch_size, job.processes)
        prior = prior_logit(sets["train"].labels)
        arrays = _train_all(job, device, folder, sets["train"], sets["tune"], prior)
    learned = rows[rows.index.isin([*usable["train"].index, *usable["tune"].index])]
    facts = {"input": describe_input(inputs), "members": settings.seeds, "prior_logit": prior}
    bundle.save(job.bundle_dir, arrays, {**describe(job, learned), **facts})
    return True


def describe_input(inputs: InputSpec) -> dict:
    """What a bundle says of the image that its network reads."""
    channels = [f"window {low:g} to {high:g} HU, scaled to [0, 1] and clipped" for low, high in inputs.windows_hu]
    channels += [f"share of the voxel that the mask's label {label} fills" for label in inputs.mask_labels]
    if inputs.inside:
        where = f"times the share of {inputs.mask_labels[0]}"
        channels += [f"window {low:g} to {high:g} HU {where}" for low, high in inputs.windows_hu]
    center = {"crop": "center of mass of the largest part of the hematoma", "head": "center of the head"}[inputs.view]
    return {
        "format": "hounsfield units, closest canonical orientation (right, anterior, superior)",
        "view": inputs.view,
        "centred_on": center,
        "shape": list(inputs.grid.shape),
        "spacing_mm": list(inputs.grid.spacing_mm),
        "windows_hu": [list(window) for window in inputs.windows_hu],
        "mask_labels": list(inputs.mask_labels),
        "channels": channels,
        "outside_hu": -1000,
    }


def _train_all(
    job: Job, device: torch.device, folder: Path, train_set: Examples, tune_set: Examples, prior: float
) -> dict:
    """Weights of each network of the model, by ``<number>.<name>``."""
    sets = [part for examples in (train_set, tune_set) for part in (examples.views.image_hu, examples.views.masks)]
    sets += [train_set.labels, tune_set.labels]
    facts = {"spec": job.spec, "precision": job.precision, "threads": job.threads, "processes": job.processes}
    facts |= {"code": bundle.code_digest(job.spec["kind"]), "versions": bundle.versions()}
    arrays = {}
    for number in range(job.spec["training"]["seeds"]):
        seed = seed_for(job.seed, job.task, job.target, job.model, job.split, number)
        path = job.checkpoint_dir / f"network-{number}.safetensors"
        mark = fingerprint({**facts, "seed": seed}, sets)
        member = Member(job.spec, seed, job.precision, job.threads, prior, str(path.resolve()), mark)
        started = time.monotonic()
        if job.processes > 1:
            weights = train_member_together(member, device, folder, job.processes)
        else:
            weights = train_member(member, device, train_set, tune_set)
        print(_trained(job, number, time.monotonic() - started, device))
        arrays |= {f"{number}.{name}": tensor.numpy() for name, tensor in weights.items()}
    return arrays


def _trained(job: Job, number: int, seconds: float, device: torch.device) -> str:
    where = f"{device}, {job.processes} processes" if job.processes > 1 else device
    return f"{job.name}: network {number + 1} of {job.spec['training']['seeds']} trained in {seconds:.1f} s on {where}"
