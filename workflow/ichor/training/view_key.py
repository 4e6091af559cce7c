"""By what a view of a scan is named in the cache: all that it follows from."""

import hashlib
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from ichor.imaging import brain, crops, flat_morphology, skull_strip, stripped
from ichor.imaging.volume_cache import is_plain
from ichor.imaging.voxels import voxel_sha256
from ichor.training.input_spec import InputSpec


def of_row(row, spec: InputSpec) -> dict | None:
    """Key of a row's view, plain values.

    Parameters
    ----------
    row
        With ``image`` and ``image_sha256`` and, if the spec needs them, ``mask`` and ``mask_sha256``.
    spec : InputSpec
        What of it the view depends on: not the windows, which are applied to each batch.

    Returns
    -------
    dict or None
        None where the tables do not say what the files hold, or a file cannot be opened: such a view is not kept.
    """
    files = [(row.image, getattr(row, "image_sha256", None))]
    if spec.needs_mask:
        files.append((row.mask, getattr(row, "mask_sha256", None)))
    if not all(isinstance(path, str) and isinstance(content, str) for path, content in files):
        return None
    try:
        headers = [nib.load(path) for path, _ in files]
        brain_sha256 = _file_sha256(spec.brain_masks / Path(row.image).name) if spec.brain_masks else ""
    except (OSError, EOFError, ImageFileError):
        return None  # reading it says what is wrong
    if not is_plain(headers[0]):
        return None
    return {
        "code": _code(),
        "content": [content for _, content in files],
        "places": [[list(header.shape), np.asarray(header.affine, float).tolist()] for header in headers],
        "grid": [list(spec.grid.shape), list(spec.grid.spacing_mm)],
        "view": spec.view,
        "mask_labels": list(spec.mask_labels),
        "strip": [brain_sha256 or spec.skull_strip, spec.cut_below_foramen],
    }


def mask_is_named(row, spec: InputSpec) -> bool:
    """Whether the mask's file, if the spec needs it, holds what the tables name; of scans their cache makes sure."""
    if not spec.needs_mask:
        return True
    return voxel_sha256(np.asanyarray(nib.load(row.mask).dataobj)) == row.mask_sha256


def _file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def _code() -> str:
    """What makes views: one of other code is not used."""
    own = [__file__, *(Path(__file__).with_name(name) for name in ("data.py", "input_spec.py"))]
    digest = hashlib.sha256()
    for file in (*own, *(module.__file__ for module in (brain, crops, flat_morphology, skull_strip, stripped))):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()[:16]
