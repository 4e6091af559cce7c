"""nnU-Net's folders of one split, and the environment variables through which nnU-Net finds them.

nnU-Net reads its folders and the number of its helper processes from the environment; users never see these names.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DATASET = "Dataset001_Ichor"
"""One dataset per split, each in folders of its own: the number needs to be unique within them only."""
CONFIGURATION = "3d_fullres"
PREPARED = "prepared.json"
"""File that says which plan the preprocessed cases belong to; written when all of them are there."""


def preprocessed(work_dir: Path) -> Path:
    """Folder with fingerprint, plans, folds and the preprocessed cases of a split."""
    return work_dir / "nnUNet_preprocessed" / DATASET


def is_prepared(manifest: Path) -> bool:
    """Whether the preprocessed cases beside a plan's manifest are those of the plan."""
    mark = manifest.with_name(PREPARED)
    return mark.is_file() and json.loads(mark.read_text())["sha256"] == json.loads(manifest.read_text())["sha256"]


@contextmanager
def nnunet_environment(work_dir: Path, *, loader_processes: int) -> Iterator[None]:
    """Point nnU-Net at the folders under `work_dir` while the block runs.

    Parameters
    ----------
    work_dir : Path
        The split's work folder.
    loader_processes : int
        Processes that load and augment; 0 does both in this process. Planning needs at least 1, though it starts none.
    """
    folders = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")
    values = {name: str((work_dir / name).resolve()) for name in folders}
    values |= {"nnUNet_n_proc_DA": str(loader_processes), "nnUNet_def_n_proc": "1", "nnUNet_wandb_enabled": "0"}
    values.setdefault("nnUNet_compile", os.environ.get("nnUNet_compile", "f"))
    before = {name: os.environ.get(name) for name in values}
    for name in folders:
        (work_dir / name / DATASET).mkdir(parents=True, exist_ok=True)
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
