"""Weights of a vision transformer from a local file: read without running anything, fitted to another grid, told.

Nothing is ever downloaded. What timm knows how to adapt (position embeddings to another grid, patches to another size
and number of channels) is adapted by timm's own functions; what does not fit keeps its random start and is named.
"""

import hashlib
import math
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from ichor.errors import StudyError
from ichor.models.torchvision_on_cpu import import_torchvision

import_torchvision()  # timm imports torchvision, which a CPU build of torch would refuse

from timm.layers import resample_abs_pos_embed, resample_patch_embed  # noqa: E402
from timm.models import adapt_input_conv  # noqa: E402

Tensors = dict[str, torch.Tensor]

_PREFIXES = ("", "module.", "visual.trunk.", "0.", "0.transformer.", "0.image.", "0.image.transformer.")
"""What names may begin with: plain, of torch's DataParallel, of OpenCLIP, of a bundle of ours (its first network)."""

_OF_TORCH = (".pth", ".pt", ".bin")


def start_from(transformer: nn.Module, path: str | Path) -> dict:
    """Fill a transformer with the weights of a file, as far as they fit.

    Parameters
    ----------
    transformer : timm.models.vision_transformer.VisionTransformer
        With `ichor.models.vit.PatchEmbedding`; changed in place.
    path : path
        ``.safetensors``; or ``.pth``, ``.pt``, ``.bin`` that torch can read as tensors and plain containers alone.

    Returns
    -------
    dict
        Plain values: ``file`` (its name), ``sha256``, ``taken`` (number of tensors), ``adapted`` (taken in another
        shape), ``not_fitting`` (of the file) and ``from_scratch`` (of the network), by name.

    Raises
    ------
    ichor.errors.StudyError
        If the file is absent or cannot be read so, or if no block of the transformer fits.
    """
    path = Path(path)
    wanted, given = transformer.state_dict(), _named_as(transformer, read_tensors(path))
    taken, adapted, not_fitting = {}, [], []
    for name, tensor in given.items():
        made = _adapted(name, tensor, transformer) if name in wanted and not name.startswith("head.") else None
        if made is None or made.shape != wanted[name].shape:
            not_fitting.append(f"{name} {list(tensor.shape)}")
            continue
        taken[name] = made.to(wanted[name].dtype)
        if made.shape != tensor.shape or not torch.equal(made, tensor):
            adapted.append(f"{name} {list(tensor.shape)} to {list(made.shape)}")
    if not any(name.startswith("blocks.") for name in taken):
        raise StudyError(
            f"weights: {path.name} fits no block of this transformer ({_size(wanted)}; the file: {_size(given)}); "
            "set architecture, or dim, depth and heads, to those of the file, or weights to an empty text"
        )
    transformer.load_state_dict(taken, strict=False)
    return {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "taken": len(taken),
        "adapted": sorted(adapted),
        "not_fitting": sorted(not_fitting),
        "from_scratch": sorted(set(wanted) - set(taken)),
    }


def read_tensors(path: Path) -> Tensors:
    """Tensors of a file by name; nothing in it is run.

    Raises
    ------
    ichor.errors.StudyError
        If the file is absent, of another kind, damaged, or holds more than tensors.
    """
    if not path.is_file():
        raise StudyError(f"weights: there is no file {path}; a path is relative to the study's working directory")
    if path.suffix not in (".safetensors", *_OF_TORCH):
        raise StudyError(f"weights: found {path.name}; write a file that ends in .safetensors, .pth, .pt or .bin")
    try:
        if path.suffix in _OF_TORCH:
            found = torch.load(path, map_location="cpu", weights_only=True)
        else:
            found = load_file(path)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise StudyError(
            f"weights: {path.name} cannot be read as tensors alone; save the network's state_dict as .safetensors "
            f"({type(error).__name__})"
        ) from error
    for inner in ("model", "state_dict"):  # as training scripts save it
        if isinstance(found, dict) and isinstance(found.get(inner), dict):
            found = found[inner]
    named = found.items() if isinstance(found, dict) else ()
    tensors = {name: value for name, value in named if isinstance(value, torch.Tensor)}
    if not tensors:
        raise StudyError(f"weights: {path.name} holds no tensor; write a file with the state_dict of a network")
    return tensors


def _named_as(transformer: nn.Module, given: Tensors) -> Tensors:
    """The tensors under the names that the transformer uses."""
    wanted = transformer.state_dict()

    def named(prefix: str) -> Tensors:
        short = {name[len(prefix) :]: tensor for name, tensor in given.items() if name.startswith(prefix)}
        return {_our_name(name, wanted): tensor for name, tensor in short.items()}

    return max((named(prefix) for prefix in _PREFIXES), key=lambda tensors: len(set(tensors) & set(wanted)))


def _our_name(name: str, wanted: Tensors) -> str:
    """Name of a tensor in timm, or ours where it differs."""
    if name.startswith("patch_embed.proj."):
        return name.replace("patch_embed.proj.", "patch_embed.project.0.")
    if name.startswith("norm.") and name not in wanted:  # the mean of the tokens is normalised, not each of them
        return f"fc_{name}"
    return name


def _adapted(name: str, tensor: torch.Tensor, transformer: nn.Module) -> torch.Tensor | None:
    """A tensor in the shape that the transformer needs, None if there is no way."""
    wanted = transformer.state_dict()[name]
    if name == "pos_embed" and tensor.ndim == 3 and wanted.ndim == 3:
        return _positions(tensor, wanted, transformer.patch_embed.grid_size)
    whole = len(transformer.patch_embed.project) == 1  # else it is the first of a stem of convolutions
    if name == "patch_embed.project.0.weight" and whole and tensor.ndim == 4 and wanted.ndim == 4:
        return _patches(tensor, wanted)
    return tensor


def _positions(tensor: torch.Tensor, wanted: torch.Tensor, grid: tuple[int, ...]) -> torch.Tensor | None:
    """Position embeddings on another grid; those of class and register tokens, which we have not, are cut off."""
    if len(grid) != 2 or tensor.shape[2] != wanted.shape[2]:
        return tensor if tensor.shape == wanted.shape else None
    side = math.isqrt(tensor.shape[1])  # the grid is a square, before which stand fewer tokens than would make another
    extra = tensor.shape[1] - side**2
    if tensor.shape == wanted.shape and (extra or grid[0] == grid[1]):
        return tensor
    return resample_abs_pos_embed(tensor[:, extra:], list(grid), old_size=[side, side], num_prefix_tokens=0)


def _patches(tensor: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor | None:
    """The patches' embedding for another patch size and number of channels."""
    channels, own = tensor.shape[1], wanted.shape[1]
    if tensor.shape[2:] != wanted.shape[2:]:
        tensor = resample_patch_embed(tensor, list(wanted.shape[2:]))
    if channels == own:
        return tensor
    return adapt_input_conv(own, tensor) if own == 1 or channels == 3 else None


def _size(tensors: Tensors) -> str:
    blocks = {name.split(".")[1] for name in tensors if name.startswith("blocks.")}
    width = next((len(tensor) for name, tensor in tensors.items() if name.endswith("norm1.weight")), None)
    return f"{len(blocks)} blocks of width {width}" if blocks else "no blocks"
