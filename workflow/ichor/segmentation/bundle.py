"""A trained segmentation network as two files: weights in safetensors, and the JSON that is enough to use them."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ichor.disk_space import whole_file
from ichor.segmentation.network import build_network
from ichor.segmentation.preprocess import Grid

FORMAT = "ichor-segmentation-model/1"
WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"


@dataclass(frozen=True)
class Model:
    """A network ready for inference.

    Attributes
    ----------
    network : module
        In evaluation mode; input shape (N, 1, Z, Y, X), output logits of background and `labels`.
    labels : list of str
    grid : Grid
    patch_size : tuple of int
        Tile (z, y, x).
    fold : int
        The fold that the training never saw.
    trained_on : frozenset of str
        `fingerprint` of every patient whose scan was trained on.
    """

    network: nn.Module
    labels: list[str]
    grid: Grid
    patch_size: tuple[int, int, int]
    fold: int
    trained_on: frozenset[str]

    def has_seen(self, center: str, patient: str) -> bool:
        """Whether a scan of this patient was among the training scans."""
        return fingerprint(center, patient) in self.trained_on


def fingerprint(center: str, patient: str) -> str:
    """Short hash by which a model remembers a patient without naming it."""
    return hashlib.sha256(f"{center}\x1f{patient}".encode()).hexdigest()[:16]


def save_model(folder: Path, network: nn.Module, description: dict, patients: Iterable[tuple[str, str]]) -> None:
    """Write a bundle.

    Parameters
    ----------
    folder : Path
    network : module
    description : dict
        ``architecture``, ``labels``, ``grid``, ``patch_size``, ``fold`` and whatever else a reader should know.
    patients : iterable of (center, patient)
        Whose scans were trained on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in _own(network.state_dict()).items()}
    with whole_file(folder / WEIGHTS) as part:
        save_file(weights, part)
    content = {"format": FORMAT, **description}
    content["trained_on"] = sorted({fingerprint(center, patient) for center, patient in patients})
    content["parameters"] = sum(tensor.numel() for tensor in weights.values())
    content["weights_sha256"] = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    with whole_file(folder / DESCRIPTION) as part:
        part.write_text(json.dumps(content, indent=1) + "\n")


def load_model(folder: Path, device: str | torch.device = "cpu") -> Model:
    """Read a bundle.

    Raises
    ------
    ValueError
        If the format is unknown, or the weights are not those the description was written for.
    """
    content = json.loads((folder / DESCRIPTION).read_text())
    if content.get("format") != FORMAT:
        raise ValueError(f"{folder / DESCRIPTION}: expected format {FORMAT}, found {content.get('format')!r}")
    if hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest() != content["weights_sha256"]:
        raise ValueError(f"{folder / WEIGHTS}: the weights are not those of {DESCRIPTION} beside it (SHA-256 differs)")
    network = build_network(content["architecture"], 1, len(content["labels"]) + 1)
    stored = load_file(folder / WEIGHTS)
    network.load_state_dict({name: stored[owner] for name, owner in _owners(network.state_dict()).items()})
    grid = {key: tuple(value) if isinstance(value, list) else value for key, value in content["grid"].items()}
    return Model(
        network=network.to(device).eval(),
        labels=content["labels"],
        grid=Grid(**grid),
        patch_size=tuple(content["patch_size"]),
        fold=int(content["fold"]),
        trained_on=frozenset(content["trained_on"]),
    )


def _owners(state: dict[str, torch.Tensor]) -> dict[str, str]:
    """Name every tensor by the first name it goes by: nnU-Net's networks hold each layer under several names."""
    first: dict[tuple, str] = {}
    return {name: first.setdefault((t.data_ptr(), t.shape, t.stride()), name) for name, t in state.items()}


def _own(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: state[name] for name, owner in _owners(state).items() if name == owner}
