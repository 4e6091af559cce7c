"""Fit the networks of one model: scans read once, one training per seed, one bundle."""

from pathlib import Path

import numpy as np
import pandas as pd

from ichor.models import registry
from ichor.models.auxiliary_tasks import AuxiliaryTasks
from ichor.training import bundle
from ichor.training.candidates import Sets, train_candidates
from ichor.training.data import InputSpec
from ichor.training.device import choose_device, first_gpus, make_deterministic
from ichor.training.example_files import add_record, add_targets, examples_folder, make_examples
from ichor.training.examples import Examples, refuse_empty_shares
from ichor.training.inference import network_of, start
from ichor.training.job import Job, check_fitting, describe, too_few
from ichor.training.loop_settings import LoopSettings
from ichor.training.record import Record


def fit_network(job: Job, rows: pd.DataFrame, synthetic: pd.DataFrame | None = None) -> dict | None:
    """Train and save a network model.

    Parameters
    ----------
    job : ichor.training.job.Job
        What is fitted.
    rows : pandas.DataFrame
        Train rows, which are fitted on, and tune rows, which choose the epoch, with column ``label``.
    synthetic : pandas.DataFrame, optional
        Rows of synthetic cases, see `ichor.training.synthetic.synthetic_rows`, that are added to the train rows.

    Returns
    -------
    dict or None
        What the bundle says under ``balance``; None if too few train rows have a usable scan.
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
            if role == "train" and synthetic is not None:
                of_role = pd.concat([of_role, synthetic])
            sets[role], found = make_examples(folder, role, of_role, inputs, what, job.volumes_dir)
            usable[role] = of_role[found]
        usable["train"] = usable["train"][usable["train"].index.isin(rows.index)]  # the others are synthetic
        if too_few(usable["train"]["label"]):
            return None
        check_fitting(job, rows, **usable)
        n_real = len(usable["train"])
        refuse_empty_shares(n_real, settings, job.processes)  # more rows make no batch smaller than that
        tasks = AuxiliaryTasks.of(job.spec)
        if tasks:
            unknown = np.full((len(sets["train"]) - n_real, tasks.outputs), np.nan, np.float32)  # of synthetic cases
            targets = np.concatenate([tasks.targets(usable["train"]), unknown])
            sets["train"] = add_targets(folder, "train", sets["train"], targets)
        said = _with_record(job, folder, sets, usable) | _initial_weights(job, inputs, sets["train"])
        arrays, trained = train_candidates(job, device, Sets(folder, sets["train"], sets["tune"], n_real, said))
    learned = rows[rows.index.isin([*usable["train"].index, *usable["tune"].index])]
    facts = {"input": describe_input(inputs), "members": settings.seeds, **said, **trained}
    bundle.save(job.bundle_dir, arrays, {**describe(job, learned), **facts})
    return trained["balance"]


def _with_record(job: Job, folder: Path, sets: dict[str, Examples], usable: dict[str, pd.DataFrame]) -> dict:
    """Add the record to the examples, where it is read, prepared as the train rows say; facts for the bundle."""
    features = job.spec["record"]["features"]
    if not features:
        return {}
    record = Record.fitted(features, usable["train"], registry.post_baseline(job.spec))
    for role, rows in usable.items():
        sets[role] = add_record(folder, role, sets[role], record.matrix(rows))
    return {"record": record.facts()}


def _initial_weights(job: Job, inputs: InputSpec, train_set: Examples) -> dict:
    """Say, before anything is trained, what is taken of the file that training starts from; facts for the bundle."""
    if not job.spec.get("weights"):
        return {}
    record = train_set.views.record
    taken = start(network_of(job.spec, inputs, 0 if record is None else record.shape[1]), job.spec)
    print(f"{job.name}: starts from {taken['file']} (SHA-256 {taken['sha256']}), {taken['taken']} tensors taken")
    for key in ("adapted", "not_fitting", "from_scratch"):
        print(f"  {key.replace('_', ' ')}: {', '.join(taken[key]) or 'none'}")
    return {"initial_weights": taken}


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
        "skull_strip": inputs.skull_strip,
        "cut_below_foramen": inputs.cut_below_foramen,
        "outside_hu": -1000,
    }
