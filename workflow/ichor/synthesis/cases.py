"""Synthetic cases in memory and on disk: small NIfTI pairs that a network reads like real scans."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from ichor import tables
from ichor.dicom.write import write_nifti
from ichor.imaging.geometry import spacing_mm
from ichor.imaging.voxels import image_sha256, voxel_sha256

HU_RANGE = (-1024, 3071)
"""What a CT scanner stores in 12 bits; no synthetic voxel lies outside."""


@dataclass(frozen=True)
class SyntheticCase:
    """One synthetic case, in closest canonical orientation (right, anterior, superior).

    Attributes
    ----------
    image_hu : numpy.ndarray
        int16 ``(x, y, z)``.
    mask : numpy.ndarray
        uint8 ``(x, y, z)``, values of `ichor.imaging.measures.LABEL_CODES`.
    spacing_mm : tuple of float
        Voxel size along the three axes.
    label : int
        1 = hematoma expansion, 0 = none.
    parents : tuple of str
        Pseudonyms of the train patients it was put together from; empty where a generator learned from many.
    seed : int
        Of this case's random draws.
    """

    image_hu: np.ndarray
    mask: np.ndarray
    spacing_mm: tuple[float, float, float]
    label: int
    parents: tuple[str, ...]
    seed: int

    def __post_init__(self) -> None:
        """Refuse what no network could read as a scan."""
        if self.image_hu.dtype != np.int16 or self.mask.dtype != np.uint8 or self.image_hu.ndim != 3:
            raise ValueError("a case needs an int16 image and a uint8 mask with three axes")
        if self.image_hu.shape != self.mask.shape:
            raise ValueError(f"image {self.image_hu.shape} and mask {self.mask.shape} have different grids")
        if self.image_hu.min() < HU_RANGE[0] or self.image_hu.max() > HU_RANGE[1]:
            raise ValueError(f"HU outside of {HU_RANGE[0]} to {HU_RANGE[1]}")
        if not all(step > 0 for step in self.spacing_mm):
            raise ValueError(f"spacing {self.spacing_mm} mm")


def write_cases(cases: Iterable[SyntheticCase], folder: str | Path, split: str, generator: str) -> pd.DataFrame:
    """Write cases as pairs of NIfTI files and return their table.

    Parameters
    ----------
    cases : iterable of SyntheticCase
        Taken one after the other; only one is held at a time.
    folder : path
        Where the files go; their paths in the table begin with it.
    split, generator : str
        What the cases belong to.

    Returns
    -------
    pandas.DataFrame
        Table ``synthetic``, outcome ``candidate``.
    """
    folder, rows = Path(folder), []
    folder.mkdir(parents=True, exist_ok=True)
    for number, case in enumerate(cases, start=1):
        name = f"{generator}-{split}-{number:05d}"
        image, mask = folder / f"{name}_ct.nii.gz", folder / f"{name}_mask.nii.gz"
        affine = np.diag([*case.spacing_mm, 1.0])
        write_nifti(case.image_hu, affine, image)
        write_nifti(case.mask, affine, mask)
        row = {"split": split, "generator": generator, "case": name, "label": case.label, "seed": case.seed}
        row |= {"parents": ";".join(case.parents) or None, "outcome": "candidate"}
        row |= {"image": str(image), "image_sha256": image_sha256(voxel_sha256(case.image_hu), case.spacing_mm)}
        row |= {"mask": str(mask), "mask_sha256": voxel_sha256(case.mask)}
        rows.append(row)
    return tables.frame("synthetic", rows)


def read_case(row: Mapping | pd.Series) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """Read one case from its files.

    Parameters
    ----------
    row : mapping
        Row of table ``synthetic``.

    Returns
    -------
    image_hu : numpy.ndarray
        int16 ``(x, y, z)``.
    mask : numpy.ndarray
        uint8 of the same shape.
    spacing_mm : tuple of float
        Voxel size.
    """
    image, mask = nib.load(row["image"]), nib.load(row["mask"])
    x, y, z = (round(float(step), 6) for step in spacing_mm(image.affine))
    return np.asanyarray(image.dataobj), np.asanyarray(mask.dataobj), (x, y, z)


def parents_of(row: Mapping | pd.Series) -> tuple[str, ...]:
    """Pseudonyms of a case's parents; empty where the table names none."""
    parents = row["parents"]
    return tuple(parents.split(";")) if isinstance(parents, str) and parents else ()
