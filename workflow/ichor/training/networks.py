"""Fit the networks of one model: views in memory, one training per seed, one bundle."""

import time

import numpy as np
import pandas as pd
import torch

from ichor.imaging.augment import AugmentRanges
from ichor.seeds import seed_for
from ichor.training import bundle
from ichor.training.checkpoint import fingerprint
from ichor.training.data import InputSpec, Views, load_views
from ichor.training.device import choose_device, make_deterministic
from ichor.training.inference import network_of
from ichor.training.job import Job, check_fitting, describe, too_few
from ichor.training.loop import Examples, LoopSettings, Training, prior_logit, train


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
    make_deterministic(device, job.threads)
    inputs = InputSpec.from_settings(job.spec["input"])
    settings = LoopSettings(**job.spec["training"])
    views, outcome = load_views(rows, inputs, f"read scans for {job.model}", job.volumes_dir)
    usable = rows[outcome["usable"]]
    train_rows, tune_rows = (usable[usable["role"] == role] for role in ("train", "tune"))
    if too_few(train_rows["label"]):
        return False
    check_fitting(job, rows, train=train_rows, tune=tune_rows)
    train_set, tune_set = _examples(views, usable, train_rows), _examples(views, usable, tune_rows)
    arrays = {}
    prior = prior_logit(train_set.labels)
    for member in range(settings.seeds):
        seed = seed_for(job.seed, job.task, job.target, job.model, job.split, member)
        training = Training(inputs, AugmentRanges(**job.spec["augment"]), settings, device, job.precision, seed, prior)
        weights = _train_member(job, training, member, train_set, tune_set)
        arrays |= {f"{member}.{name}": tensor.numpy() for name, tensor in weights.items()}
    facts = {"input": describe_input(inputs), "members": settings.seeds, "prior_logit": prior}
    bundle.save(job.bundle_dir, arrays, {**describe(job, usable), **facts})
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


def _train_member(
    job: Job, training: Training, member: int, train_set: Examples, tune_set: Examples
) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed_for(training.seed, "initial weights"))
    network = network_of(job.spec, training.inputs)
    settings = {"spec": job.spec, "seed": training.seed, "precision": job.precision, "threads": job.threads}
    settings |= {"code": bundle.code_digest(job.spec["kind"]), "versions": bundle.versions()}
    sets = [part for examples in (train_set, tune_set) for part in (examples.views.image_hu, examples.views.masks)]
    mark = fingerprint(settings, [*sets, train_set.labels, tune_set.labels])
    path = job.checkpoint_dir / f"network-{member}.safetensors"
    started = time.monotonic()
    weights = train(network, training, train_set, tune_set, path, mark)
    seconds = time.monotonic() - started
    print(
        f"{job.name}: network {member + 1} of {training.settings.seeds} trained in {seconds:.1f} s on {training.device}"
    )
    return weights


def _examples(views: Views, usable: pd.DataFrame, part: pd.DataFrame) -> Examples:
    """Views and labels of some rows; ``views`` follow the rows of ``usable``."""
    at = usable.index.get_indexer(part.index)
    return Examples(Views(views.image_hu[at], views.masks[at]), part["label"].to_numpy(dtype=np.float32))
