"""A trained segmentation as two files: weights in safetensors, and the JSON that is enough to use them."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from ichor.disk_space import whole_file
from ichor.errors import StudyError
from ichor.segmentation.adapted import Adapted
from ichor.segmentation.description import (
    BACKGROUND,
    DESCRIPTION,
    FORMAT,
    WEIGHTS,
    fingerprint,
    name_of,
    read_description,
    scan_fingerprint,
)
from ichor.segmentation.network import build_network
from ichor.segmentation.preprocess import Grid


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
    fold : int or None
        The fold that the training never saw; None: it saw every case, or the bundle is not of this study.
    trained_on : frozenset of str
        `fingerprint` of every patient whose scan was trained on.
    trained_on_scans : frozenset of str
        `scan_fingerprint` of every scan that was trained on, as far as the bundle says.
    name : str
        What tables call it.
    """

    network: nn.Module
    labels: list[str]
    grid: Grid
    patch_size: tuple[int, int, int]
    fold: int | None
    trained_on: frozenset[str]
    trained_on_scans: frozenset[str] = frozenset()
    name: str = ""

    def has_seen(self, center: str, patient: str, voxel_sha256: str | None = None) -> bool:
        """Whether a scan of this patient, or a scan of these very voxels, was among the training scans."""
        known = isinstance(voxel_sha256, str) and scan_fingerprint(voxel_sha256) in self.trained_on_scans
        return known or fingerprint(center, patient) in self.trained_on


def save_model(
    folder: Path,
    network: nn.Module,
    description: dict,
    patients: Iterable[tuple[str, str]],
    scans: Iterable[str] = (),
) -> None:
    """Write the bundle of one network, in single precision.

    Parameters
    ----------
    folder : Path
    network : module
    description : dict
        ``architecture``, ``labels``, ``grid``, ``patch_size``, ``fold`` and whatever else a reader should know.
    patients : iterable of (center, patient)
        Whose scans were trained on.
    scans : iterable of str
        ``voxel_sha256`` of the scans that were trained on.
    """
    about = {
        "trained_on": sorted({fingerprint(center, patient) for center, patient in patients}),
        "trained_on_scans": sorted({scan_fingerprint(digest) for digest in scans}),
    }
    write_bundle(folder, [own_tensors(network.state_dict())], description | about)


def write_bundle(folder: Path, states: Sequence[dict[str, torch.Tensor]], content: dict, *, half: bool = False) -> None:
    """Write the two files of a bundle.

    Parameters
    ----------
    folder : Path
    states : sequence of dict
        Each network's tensors by their names, each tensor once.
    content : dict
        Everything of the description but what is said of the weights.
    half : bool
        Store weights in half precision (11 significant bits); they are computed with in single precision.

    Raises
    ------
    StudyError
        If a weight is no number, or too large for half precision.
    """
    weights = {}
    for number, state in enumerate(states):
        prefix = f"{number}." if len(states) > 1 else ""
        for name, tensor in state.items():
            stored = tensor.detach().cpu().to(torch.float16 if half and tensor.is_floating_point() else tensor.dtype)
            if not torch.isfinite(stored).all():
                raise StudyError(
                    f"weight {name}: not a finite number{' in half precision' * half}; nothing is written."
                )
            weights[prefix + name] = stored.contiguous()
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / WEIGHTS) as part:
        part.write_bytes(packed := save(weights))
    written = {"format": FORMAT, **content}
    written["networks"], written["stored_as"] = len(states), "float16" if half else "float32"
    written["parameters"] = sum(tensor.numel() for tensor in weights.values())
    written["weights_sha256"] = hashlib.sha256(packed).hexdigest()
    with whole_file(folder / DESCRIPTION) as part:
        part.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load_model(folder: Path, device: str | torch.device = "cpu") -> Model:
    """Read a bundle of one network; see `load_models`."""
    models = load_models(folder, device)
    if len(models) > 1:
        raise ValueError(f"{folder} holds {len(models)} networks: use load_models")
    return models[0]


def load_models(folder: Path, device: str | torch.device = "cpu") -> list[Model]:
    """Read a bundle.

    Parameters
    ----------
    folder : Path
        With ``model.json`` and ``model.safetensors``.
    device : str or device

    Returns
    -------
    list of Model
        Its networks; their mean probability is the bundle's answer (`ichor.segmentation.predict.segment_scan`).

    Raises
    ------
    StudyError
        If there is no bundle, its description is wrong, the weights are not those that it was written for, or they are
        not those of the network that it names.
    """
    content = read_description(Path(folder))
    file = Path(folder) / WEIGHTS
    if hashlib.sha256(file.read_bytes()).hexdigest() != content["weights_sha256"]:
        raise StudyError(
            f"{file}: the weights are not those of {DESCRIPTION} beside it (SHA-256 differs): a damaged, changed or "
            "incomplete copy; take both files from one source again."
        )
    try:
        stored = load_file(file)
        networks = [_filled(_built(content), stored, number, content) for number in range(content["networks"])]
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise StudyError(f"{folder}: the weights do not fit the network of {DESCRIPTION}: {error}") from None
    grid = {key: tuple(value) if isinstance(value, list) else value for key, value in content["grid"].items()}
    shared = {
        "labels": content["labels"],
        "grid": Grid(**grid),
        "patch_size": tuple(content["patch_size"]),
        "fold": content["fold"],
        "trained_on": frozenset(content["trained_on"] or ()),
        "trained_on_scans": frozenset(content["trained_on_scans"]),
        "name": name_of(content),
    }
    return [Model(network=_adapted(network, content).to(device).eval(), **shared) for network in networks]


def own_tensors(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Each tensor under the first name it goes by: nnU-Net's networks hold each layer under several names."""
    return {name: state[name] for name, owner in _owners(state).items() if name == owner}


def _owners(state: dict[str, torch.Tensor]) -> dict[str, str]:
    first: dict[tuple, str] = {}
    return {name: first.setdefault((t.data_ptr(), t.shape, t.stride()), name) for name, t in state.items()}


def _built(content: dict) -> nn.Module:
    return build_network(content["architecture"], 1, len(content["outputs"]))


def _filled(network: nn.Module, stored: dict[str, torch.Tensor], number: int, content: dict) -> nn.Module:
    """Put the weights of one of the bundle's networks in; copying turns half precision into single."""
    prefix = f"{number}." if content["networks"] > 1 else ""
    owners = _owners(network.state_dict())
    network.load_state_dict({name: stored[prefix + owner].float() for name, owner in owners.items()})
    return network


def _adapted(network: nn.Module, content: dict) -> nn.Module:
    wanted, outputs = [BACKGROUND, *content["labels"]], content["outputs"]
    if outputs == wanted and not content["flip_axes"]:
        return network
    groups = [[number for number, name in enumerate(outputs) if name == label] for label in wanted]
    return Adapted(network, content["flip_axes"], groups)
