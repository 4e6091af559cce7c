"""Checkpoints of a training, as safetensors: a kill never leaves half a file, loading never runs code."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ichor.disk_space import whole_file

Tensors = dict[str, torch.Tensor]


def fingerprint(settings: dict, arrays: list[np.ndarray]) -> str:
    """SHA-256 of everything a training depends on; a checkpoint of another fingerprint is not continued.

    Parameters
    ----------
    settings : dict
        Plain values: the model's settings, seed, precision, versions.
    arrays : list of numpy.ndarray
        Images, masks and labels that are trained on.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for array in arrays:
        digest.update(str((array.shape, array.dtype)).encode())
        for row in array:  # of a file mapped into memory, perhaps larger than that
            digest.update(np.ascontiguousarray(row))
    return digest.hexdigest()


def save(path: Path, tensors: Tensors, facts: dict) -> None:
    """Write tensors and plain facts; the old file is replaced only when the new one is complete on disk."""
    # copies: a best state may share memory with the current one, which safetensors refuses
    on_cpu = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with whole_file(path) as part:
        save_file(on_cpu, part, metadata={"facts": json.dumps(facts)})
        with open(part, "rb") as stream:
            os.fsync(stream.fileno())


def load(path: Path, wanted_fingerprint: str) -> tuple[Tensors, dict] | None:
    """Tensors and facts of a checkpoint, or None if there is none that belongs to this training.

    A file that cannot be read is as good as none: training starts over and replaces it.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as stream:
            facts = json.loads((stream.metadata() or {}).get("facts", "{}"))
            if facts.get("fingerprint") != wanted_fingerprint:
                return None
            return {name: stream.get_tensor(name) for name in stream.keys()}, facts
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        print(f"checkpoint {path} cannot be read, training starts over: {error}")
        return None


def pack(prefix: str, tensors: Tensors) -> Tensors:
    """Put a prefix before every name."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def unpack(prefix: str, tensors: Tensors) -> Tensors:
    """Tensors whose name has the prefix, without it."""
    start = f"{prefix}."
    return {name[len(start) :]: tensor for name, tensor in tensors.items() if name.startswith(start)}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """Moments and steps of an optimizer; its settings come from the config and are not kept."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": tensor for index, values in state.items() for name, tensor in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Take up what :func:`optimizer_tensors` gave."""
    state: dict[int, Tensors] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
