"""Preprocessed training cases on disk, as nnU-Net's loader wants them, without its pickled properties."""

from collections.abc import Sequence
from pathlib import Path

import blosc2
import numpy as np
from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2

from ichor.disk_space import whole_file

MAX_LOCATIONS = 10_000
"""Voxels remembered per label and case to centre patches on (nnU-Net's number)."""
MAX_BLOCK_BYTES = 128 * 1024
_PARAMETERS = {"codec": blosc2.Codec.LZ4HC, "clevel": 5, "nthreads": 1}


class CaseStore(nnUNetDatasetBlosc2):
    """nnU-Net's compressed case folder; a case's label locations are a plain array beside it.

    Files of case ``c``: ``c.b2nd`` (image, float16, shape (1, Z, Y, X)), ``c_seg.b2nd`` (labels, int8) and
    ``c_locations.npy`` (int32, shape (n, 4): label, z, y, x).
    """

    def load_case(self, identifier: str):
        """Open a case: image, labels, nothing (no cascade), and where its labels are."""
        folder = Path(self.source_folder)
        image = blosc2.open(str(folder / f"{identifier}.b2nd"), mode="r", **self.mmap_kwargs)
        labels = blosc2.open(str(folder / f"{identifier}_seg.b2nd"), mode="r", **self.mmap_kwargs)
        locations = np.load(folder / f"{identifier}_locations.npy")
        return image, labels, None, {"class_locations": _by_label(locations)}


def _by_label(locations: np.ndarray) -> dict[int, np.ndarray]:
    """Split the stored rows into ``{label: rows of (0, z, y, x)}``, nnU-Net's form."""
    labels = locations[:, 0]
    rows = locations.copy()
    rows[:, 0] = 0  # nnU-Net's first number is the channel
    return {int(label): rows[labels == label] for label in np.unique(labels)}


def save_case(
    folder: Path, identifier: str, image: np.ndarray, labels: np.ndarray, seed: int, *, background: int = 0
) -> None:
    """Write one case.

    Parameters
    ----------
    folder : Path
    identifier : str
    image : array of float, shape (1, Z, Y, X)
    labels : array of int8, shape (1, Z, Y, X)
    seed : int
        For the choice of label locations when there are more than `MAX_LOCATIONS`.
    background : int
        Written in place of 0: what a blank voxel of this case may be, see `trainers.partial_labels`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / f"{identifier}_locations.npy") as part:
        np.save(part, _locations(labels[0], np.random.default_rng(seed)))
    target = np.where(labels == 0, background, labels)
    for name, array in ((f"{identifier}_seg", target.astype(np.int8)), (identifier, image.astype(np.float16))):
        blocks = _blocks(array.shape, array.itemsize)
        whole = np.ascontiguousarray(array)
        with whole_file(folder / f"{name}.b2nd") as part:
            # through memory: blosc2's own writing does not say why it failed, nor always that it did
            part.write_bytes(blosc2.asarray(whole, chunks=blocks, blocks=blocks, cparams=_PARAMETERS).to_cframe())


def _blocks(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Whole slices when they fit into `MAX_BLOCK_BYTES`, else halved in plane until they do."""
    _, z, y, x = shape
    while y * x * itemsize > MAX_BLOCK_BYTES:
        y, x = (-(-y // 2), x) if y >= x else (y, -(-x // 2))
    return (1, max(1, min(z, MAX_BLOCK_BYTES // (y * x * itemsize))), y, x)


def _locations(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    parts = []
    for label in np.unique(labels[labels > 0]):
        voxels = np.argwhere(labels == label)
        if len(voxels) > MAX_LOCATIONS:
            voxels = voxels[np.sort(rng.choice(len(voxels), MAX_LOCATIONS, replace=False))]
        parts.append(np.column_stack([np.full(len(voxels), label), voxels]))
    return np.concatenate(parts).astype(np.int32) if parts else np.empty((0, 4), dtype=np.int32)
