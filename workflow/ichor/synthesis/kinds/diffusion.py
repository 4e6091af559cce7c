"""Diffusion-UKAN: crops drawn by a diffusion model that learned from the train rows.

Yu et al., npj Digital Medicine 2025, add HE-class images of a Diffusion-UKAN; their settings are not public. The
released Diffusion-UKAN (Li et al. 2025) draws 64 x 64 pictures of one class with T 1000, a linear schedule, base width
64 and multipliers 1 to 4. The defaults here are ours and fit a CPU.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ichor import reruns
from ichor.errors import StudyError
from ichor.reasons import Reason
from ichor.seeds import seed_for
from ichor.synthesis.cases import SyntheticCase
from ichor.synthesis.diffusion.acceptance import AcceptSettings, Unfit, image_and_mask
from ichor.synthesis.diffusion.crops import CropSpec, assert_train_rows, load_crops
from ichor.synthesis.diffusion.networks import NO_CLASS, Predictor, build
from ichor.synthesis.diffusion.sampling import SamplingSettings, sample
from ichor.synthesis.diffusion.schedule import Schedule
from ichor.synthesis.diffusion.training import TrainingSettings, train
from ichor.training.checkpoint import fingerprint
from ichor.training.device import choose_device, make_deterministic

LEARNS = True
GIVE_UP_AFTER = 32
"""Crops without one that is fit after which no more are drawn. If one in ten is fit, 97 in 100 runs see it."""
SPEC = {
    "classes": "conditional",  # he_only (the paper's form: label 1 alone) | conditional (both, by class tokens)
    "input": {
        "size_mm": [64.0, 64.0, 60.0],  # written crop; not smaller than input.size_mm of the networks that read it
        "spacing_mm": [2.0, 2.0, 5.0],
        "margin_mm": [8.0, 8.0, 10.0],  # learned beyond each side, so that the case can be cut around its bleed
        "window_hu": [0.0, 100.0],  # holds every window of the networks that read the cases
        "mask_labels": ["iph", "ivh"],
    },
    "augment": {"flip": True, "shift_mm": 2.0},  # left-right only; whole voxels
    "dimensions": 2,  # 2 = slices as channels, 3
    "network": "ukan",  # ukan | monai_unet
    "ukan": {
        "patch": 2,  # voxels in the plane that the first level takes together; 1 = full resolution
        "channels": [64, 96, 128],  # of every level
        "kan_levels": 2,  # deepest levels with KAN blocks
        "blocks": 1,  # per level, on the way down and up
        "kan_layers": 2,  # per block
        "grid_range": [-2.0, 2.0],  # of the splines, in standard deviations of a token's channels
        "dropout": 0.0,
        "groups": 8,
    },
    "monai_unet": {
        "channels": [32, 64, 96, 128],
        "attention_levels": [2, 3],
        "blocks": 1,
        "head_channels": 32,
        "groups": 32,
    },
    "schedule": {"kind": "cosine", "steps": 1000, "prediction": "v"},  # linear | cosine; T; epsilon | v | image
    "training": {
        "steps": 1000,
        "batch_size": 16,
        "learning_rate": 0.001,
        "weight_decay": 0.0001,
        "warmup_share": 0.1,
        "gradient_norm": 1.0,
        "ema": 0.99,
        "class_dropout": 0.1,  # share of crops whose class is hidden, for guidance
        "checkpoint_every_steps": 200,
    },
    "sampling": {"steps": 25, "eta": 0.0, "guidance": 1.0, "batch_size": 16, "precision": "32"},
    "accept": {"min_volume_ml": 0.5, "redraws": 4},  # drawn anew so often, a case that is still unfit is left out
}


def fit(
    spec: dict,
    rows: pd.DataFrame,
    *,
    seed: int,
    checkpoint_dir: str | Path,
    device: str = "auto",
    precision: str = "32",
    threads: int = 1,
) -> tuple[dict[str, np.ndarray], dict]:
    """Train a generator.

    Parameters
    ----------
    spec : dict
        Every setting of the kind.
    rows : pandas.DataFrame
        Train rows of one split with image and mask.
    seed : int
        Of this generator and split.
    checkpoint_dir : path
        Where a training that is killed is continued from.
    device : {"auto", "cpu", "cuda"}
        Where it is trained.
    precision : {"32", "bf16"}
        Arithmetic.
    threads : int
        CPU threads.

    Returns
    -------
    dict of str to numpy.ndarray
        Averaged weights.
    dict
        Facts for the generator's description; ``trained_on`` names the patients.

    Raises
    ------
    ichor.cohort.fences.LeakError
        If a row is no train row.
    ichor.errors.StudyError
        On settings that cannot be used, or too few crops.
    """
    where = choose_device(device)
    make_deterministic(where, threads)
    crop, schedule = CropSpec.from_settings(spec), Schedule.from_settings(spec["schedule"])
    settings = TrainingSettings(**spec["training"])
    network = _network(spec, crop, seed_for(seed, "weights"))
    crops, used = load_crops(rows, crop, spec["classes"])
    learned = {key: spec[key] for key in spec if key not in ("sampling", "accept")}
    facts = {"spec": learned, "seed": seed, "precision": precision, "threads": threads, "device": where.type}
    mark = fingerprint(
        {**facts, "code": reruns.code_digest(__file__), "torch": torch.__version__},
        [crops.views.image_hu, crops.views.masks, crops.classes],
    )
    path = Path(checkpoint_dir) / "diffusion.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    weights, losses = train(
        network, crops, crop, schedule, settings,
        seed=seed, device=where, precision=precision, path=path, fingerprint=mark,
    )  # fmt: skip
    some = max(1, len(losses) // 20)
    facts = {
        "trained_on": sorted(used["patient"].astype(str)),
        "crops": {name: int((crops.classes == token).sum()) for name, token in _TOKENS.items()},
        "shape": list(crop.learned.grid.shape),
        "written_shape": list(crop.shape),
        "window_hu": list(crop.window_hu),
        "parameters": sum(weight.size for weight in map(np.asarray, weights.values())),
        "loss": {"first_steps": float(losses[:some].mean()), "last_steps": float(losses[-some:].mean())},
    }
    return {name: weight.numpy() for name, weight in weights.items()}, facts


_TOKENS = {"no_expansion": 0, "expansion": 1, "no_class": NO_CLASS}


def generate(
    spec: dict,
    rows: pd.DataFrame,
    n_cases: int,
    label: int,
    seed: int,
    weights: dict[str, np.ndarray] | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> Iterator[SyntheticCase]:
    """Draw cases of one class.

    Parameters
    ----------
    spec : dict
        Every setting of the kind.
    rows : pandas.DataFrame
        Train rows of the split; only checked to be that.
    n_cases : int
        How many.
    label : {0, 1}
        1 = hematoma expansion. A generator of ``classes: he_only`` draws 1 only.
    seed : int
        Of the draws.
    weights : dict of str to numpy.ndarray
        Arrays of :func:`fit`.
    device : {"auto", "cpu", "cuda"}
        Where.
    threads : int
        CPU threads.

    Yields
    ------
    SyntheticCase
        Without parents: it comes from all patients that the generator learned from.

    Raises
    ------
    ichor.errors.StudyError
        If a class is asked for that the generator did not learn.

    Notes
    -----
    A case that is unfit after ``accept.redraws`` more draws is left out. If of the first `GIVE_UP_AFTER` drawn crops
    none is fit, no more are drawn: a generator that was trained for too short a time draws none in hours either.
    """
    assert_train_rows(rows)
    if weights is None:
        raise StudyError("a diffusion generator draws with trained weights; none were given")
    if spec["classes"] == "he_only" and label != 1:
        raise StudyError(f"a generator of classes: he_only draws label 1 only, not {label}; write classes: conditional")
    crop, schedule = CropSpec.from_settings(spec), Schedule.from_settings(spec["schedule"])
    sampling, accept = SamplingSettings(**spec["sampling"]), AcceptSettings(**spec["accept"])
    where = choose_device(device)
    make_deterministic(where, threads)
    network = _network(spec, crop, 0)
    network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()})
    network.to(where).eval()
    token = NO_CLASS if spec["classes"] == "he_only" else label
    shape = (crop.channels, *crop.learned.grid.shape)
    drawn, made, reasons = 0, 0, []
    for start in range(0, n_cases, sampling.batch_size):
        numbers = range(start, min(start + sampling.batch_size, n_cases))
        waiting, fit_cases = list(numbers), {}
        for attempt in range(accept.redraws + 1):
            seeds = [seed_for(seed, "case", label, number, attempt) for number in waiting]
            crops = sample(network, schedule, shape, seeds, token, sampling, where)
            for number, case_seed, channels in zip(waiting, seeds, crops, strict=True):
                try:
                    image, mask, spacing_mm = image_and_mask(channels, crop, accept.min_volume_ml)
                except Unfit as unfit:
                    reasons.append(str(unfit))
                    continue
                fit_cases[number] = SyntheticCase(image, mask, spacing_mm, label, (), case_seed)
            drawn += len(waiting)
            waiting = [number for number in waiting if number not in fit_cases]
            if not waiting or (made + len(fit_cases) == 0 and drawn >= GIVE_UP_AFTER):
                break
        yield from (fit_cases[number] for number in numbers if number in fit_cases)
        made += len(fit_cases)
        if not made and drawn >= GIVE_UP_AFTER:
            break
    if made < n_cases:
        print(_too_few(made, n_cases, drawn, reasons))


def _network(spec: dict, crop: CropSpec, seed: int) -> Predictor:
    torch.manual_seed(seed)
    return build(spec, crop.channels, crop.learned.grid.shape)


def _too_few(made: int, wanted: int, drawn: int, reasons: list[str]) -> str:
    """What to do about a generator that draws too few cases."""
    counts = ", ".join(f"{reason} {reasons.count(reason)} times" for reason in sorted(set(reasons)))
    return (
        f"{Reason.GENERATOR_DRAWS_UNFIT}: {made} of {wanted} cases passed, {drawn} crops were drawn ({counts}); train "
        "the generator longer (training.steps), or lower accept.min_volume_ml, or use a generator that does not learn "
        "(kind: transplant)"
    )
