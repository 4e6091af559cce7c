"""Read the weights out of an nnU-Net checkpoint, which is a pickle, without unpickling it; runs in a child process.

A pickle is a program. torch's reader for ``weights_only`` understands tensors and plain values and refuses every other
name that the file calls. nnU-Net logs numpy numbers, whose names would be refused with the rest: here they stand for
`Forgotten`, which takes anything and keeps nothing, so that not even numpy's own functions run.
"""

import pickle
from typing import Any

import numpy as np
import torch

from ichor.errors import StudyError

PREFIXES = ("module.", "_orig_mod.")
"""Put before a layer's name by several GPUs and by torch.compile."""


class Forgotten:
    """In place of a numpy value."""

    def __new__(cls, *_: object) -> "Forgotten":
        """Take anything."""
        return super().__new__(cls)

    def __setstate__(self, _: object) -> None:
        """Keep nothing."""


NUMPY_NAMES = (
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
    *(f"numpy.{core}.numeric.{name}" for core in ("core", "_core") for name in ("_frombuffer",)),
    *(f"numpy.{name}" for name in ("dtype", "ndarray", "float16", "float32", "float64", "int32", "int64", "bool_")),
    *(f"numpy.dtypes.{name}DType" for name in ("Float16", "Float32", "Float64", "Int32", "Int64", "Bool")),
)
"""Names by which numpy 1 and 2 write numbers and arrays of numbers."""


def read_weights(path: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Weights of a checkpoint; for `ichor.confined.read`.

    Parameters
    ----------
    path : str
        ``checkpoint_final.pth``.

    Returns
    -------
    values : dict
        ``names``: layer's name -> name of an array (layers that are one tensor have one array); ``trainer``;
        ``configuration`` (empty if not said); ``mirror_axes`` (None if not said).
    arrays : dict of str to ndarray
        float32.

    Raises
    ------
    StudyError
        If the file is no checkpoint of nnU-Net 2, or calls for what is neither a tensor nor a plain value.
    """
    allowed = [(Forgotten, name) for name in NUMPY_NAMES]
    try:
        with torch.serialization.safe_globals(allowed):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise StudyError(
            "the checkpoint calls for more than tensors and plain values (a Python function or class), so it is not "
            "read: it may come from another program, or run code; ask its makers for weights in safetensors."
        ) from None
    except (RuntimeError, EOFError, OSError):
        raise StudyError("the checkpoint is no file of torch, or it is damaged; copy it again.") from None
    weights = content.get("network_weights") if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in weights.values()):
        raise StudyError("the checkpoint has no network_weights; give checkpoint_final.pth of nnU-Net 2.")
    names, arrays, known = {}, {}, {}
    for name, tensor in weights.items():
        place = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride())
        if place not in known:
            known[place] = str(len(known))
            arrays[known[place]] = tensor.detach().float().contiguous().numpy()
        names[_bare(str(name))] = known[place]
    arguments, axes = content.get("init_args"), content.get("inference_allowed_mirroring_axes")
    values = {
        "names": names,
        "trainer": str(content.get("trainer_name", "")),
        "configuration": str(arguments.get("configuration", "")) if isinstance(arguments, dict) else "",
        "mirror_axes": [int(axis) for axis in axes] if isinstance(axes, list | tuple) else None,
    }
    return values, arrays


def _bare(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name
