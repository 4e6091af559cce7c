"""Train a generator and make its cases, for one split and from its train rows."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file

from ichor.cohort.fences import fitting_rows
from ichor.disk_space import whole_file
from ichor.errors import StudyError
from ichor.seeds import seed_for
from ichor.synthesis import registry
from ichor.synthesis.cases import write_cases
from ichor.synthesis.fences import assert_train, fence
from ichor.synthesis.plan import candidates_wanted

LABEL = "label_expansion"
COLUMNS = ["split", "patient", "center", "role", "image", "image_sha256", "mask", "mask_sha256", LABEL]
WEIGHTS_SUFFIX, FACTS_SUFFIX = ".safetensors", ".json"


def generator_rows(cohort: pd.DataFrame, split: str) -> pd.DataFrame:
    """Rows that a generator may see: train rows of the split with image and mask, and no column that it has no use for.

    Raises
    ------
    ichor.cohort.fences.LeakError
        If the table holds rows of another split.
    """
    fitting = fitting_rows(cohort, split)
    rows = fitting.loc[fitting["role"] == "train", [name for name in COLUMNS if name in fitting]]
    rows = rows[rows["image"].notna() & rows["mask"].notna()]
    assert_train(rows, cohort, split)
    return rows


def train_generator(
    cohort: pd.DataFrame,
    *,
    split: str,
    generator: str,
    spec: dict,
    seed: int,
    checkpoint_dir: str | Path,
    weights: str | Path,
    device: str = "auto",
    precision: str = "32",
    threads: int = 1,
) -> None:
    """Fit a generator that learns and save it as safetensors and JSON.

    Parameters
    ----------
    cohort : pandas.DataFrame
        Table ``cohort`` of the split.
    split, generator : str
        What is fitted.
    spec : dict
        Complete settings.
    seed : int
        The study's.
    checkpoint_dir : path
        Where a killed training is continued from.
    weights : path
        Ends in ``.safetensors``; what the generator says of itself goes beside it, ``.json``.
    device, precision, threads
        As for a network, see `ichor.training.job.Job`.

    Raises
    ------
    ichor.cohort.fences.LeakError
        If the generator says that it saw a patient who is no train patient of the split.
    """
    rows = generator_rows(cohort, split)
    own_seed = seed_for(seed, "generator", generator, split)
    how = {"device": device, "precision": precision, "threads": threads}
    arrays, facts = registry.load(spec["kind"]).fit(spec, rows, seed=own_seed, checkpoint_dir=checkpoint_dir, **how)
    seen = list(facts.get("trained_on", rows["patient"]))
    assert_train(rows[rows["patient"].isin(seen)], cohort, split)
    if not set(seen) <= set(rows["patient"]):
        raise StudyError(f"generator {generator}: it names patients that it was not given")
    weights = Path(weights)
    weights.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(weights) as part:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, part)
    described = {"split": split, "generator": generator, "kind": spec["kind"], "seed": own_seed, **facts}
    described |= {"trained_on": seen, "sha256": _sha256(weights)}
    with whole_file(weights.with_suffix(FACTS_SUFFIX)) as part:
        part.write_text(json.dumps(described, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def synthesize(
    cohort: pd.DataFrame,
    *,
    split: str,
    generator: str,
    spec: dict,
    seed: int,
    folder: str | Path,
    weights: str | Path | None = None,
    device: str = "auto",
    threads: int = 1,
) -> pd.DataFrame:
    """Make the cases of a generator, as many as any training of the split may want.

    Parameters
    ----------
    cohort, split, generator, spec, seed
        As for `train_generator`.
    folder : path
        Where the images and masks go.
    weights : path, optional
        What `train_generator` saved, for a kind that learns.
    device, threads
        Where such a kind draws, as for a network, see `ichor.training.job.Job`.

    Returns
    -------
    pandas.DataFrame
        Table ``synthetic``, outcome ``candidate``. Fewer cases than wanted, or none, where there is too little to make
        them from: the training that uses them says so.

    Raises
    ------
    ichor.cohort.fences.LeakError
        If weights belong to another split, or a case is not made of the split's train rows.
    """
    rows = generator_rows(cohort, split)
    wanted = candidates_wanted(rows[LABEL])
    facts = read_facts(weights) if weights else None
    arrays = load_file(weights) if weights else None
    own_seed = seed_for(seed, "synthesize", generator, split)
    learned = {"weights": arrays, "device": device, "threads": threads} if weights else {}
    made = registry.load(spec["kind"]).generate(spec, rows, wanted, 1, own_seed, **learned)
    cases = write_cases(made, folder, split, generator)
    fence(cases, split, cohort, facts)
    print(f"{generator}, split {split}: {len(cases)} of {wanted} cases made from {len(rows)} train scans")
    return cases


def read_facts(weights: str | Path) -> Mapping:
    """What a generator says of itself, checked against its weights.

    Raises
    ------
    ichor.errors.StudyError
        If the weights are not those that the description names.
    """
    weights = Path(weights)
    facts = json.loads(weights.with_suffix(FACTS_SUFFIX).read_text(encoding="utf-8"))
    if facts["sha256"] != _sha256(weights):
        raise StudyError(f"{weights}: not the weights that {weights.stem}.json names (SHA-256 differs); train anew")
    return facts


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
