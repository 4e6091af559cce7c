"""Reference masks that a center brings: found by the raw patient id, mapped to our labels, put on the scan's grid."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from ichor.confined import UnreadableError, read
from ichor.dicom.archive import is_utf8
from ichor.dicom.file_patterns import any_name, pattern_regex
from ichor.dicom.limits import Limits
from ichor.dicom.nifti_reader import read_voxels
from ichor.errors import StudyError
from ichor.imaging.geometry import resample_to_grid, same_grid, to_canonical, volume_ml
from ichor.listing import file_digests

LABELS = {"iph": 1, "ivh": 2, "edema": 3, "extraaxial": 4}
BACKGROUND = "background"  # for values that are there but are none of our labels
SAME_GRID_MM = 0.5
VOLUME_TOLERANCE = 0.10
CLOT_HU = (15.0, 120.0)  # median under the mask: blood lies at 50 to 90 HU, old or thin bleeds lower
SMALL_VOXELS = 50  # below it, neither volume nor median is compared


class MismatchError(Exception):
    """The mask does not lie on the scan; the message says why."""


def parse_labels(text: str) -> dict[int, int]:
    """Read ``1=iph;2=ivh;3=edema;4=background`` into a map from the center's values to ours (an empty text: ours).

    Raises
    ------
    StudyError
        If a part is not ``number=name`` with a known name.
    """
    if not text:
        return {value: value for value in LABELS.values()}
    out: dict[int, int] = {}
    for part in text.split(";"):
        value, _, name = part.strip().partition("=")
        if not value.strip().isdigit() or int(value) > 255 or name.strip() not in (*LABELS, BACKGROUND):
            raise StudyError(
                f"mask_labels {text!r}: found {part.strip()!r}, expected number=name with a number up to 255 "
                f"and a name of {', '.join(LABELS)}, {BACKGROUND}"
            )
        out[int(value)] = LABELS.get(name.strip(), 0)
    return out


def list_masks(folder: str | Path | None, pattern: str | None) -> pd.DataFrame:
    """List a center's reference masks: columns ``path`` (below the folder) and ``sha256``; private."""
    digests = file_digests(folder, wanted=any_name(pattern)) if folder and pattern else {}
    named = sorted((path, sha256) for path, sha256 in digests.items() if is_utf8(path))
    return pd.DataFrame(named, columns=["path", "sha256"], dtype=object)


@dataclass(frozen=True)
class ReferenceMasks:
    """A center's reference masks and where they are.

    Attributes
    ----------
    folder : Path
        As the centers sheet gives it.
    pattern : str
        Path of a mask below it with ``{patient}`` and, if there are masks of follow-up scans, ``{time_point}``. A
        pattern without ``{time_point}`` is of baseline scans.
    digests : mapping of str to str
        SHA-256 of every mask by its path below `folder`, of `list_masks`.
    """

    folder: Path
    pattern: str
    digests: Mapping[str, str]

    def find(self, patient_id: str, time_point: str, scan_file: str = "") -> tuple[str, str]:
        """Path and SHA-256 of a patient's mask, empty when there is none.

        The patient id comes from a foreign header; only files that were found below the folder are ever taken. When
        masks are named by ``{scan}`` too, the one is taken of which this part stands in the name of the scan's file;
        without `scan_file`, all of the patient's, separated by semicolons.
        """
        if not patient_id or ("{time_point}" not in self.pattern and time_point != "baseline"):
            return "", ""
        if "{scan}" in self.pattern:
            name = PurePosixPath(scan_file).name
            found = [path for path, scan in self._of(patient_id, time_point) if scan in name or not scan_file]
            if len(found) != 1 and scan_file:
                return "", ""
            paths = [str(Path(self.folder, path)) for path in found]
            return ";".join(paths), ";".join(self.digests[path] for path in found)
        name = self.pattern.replace("{patient}", patient_id).replace("{time_point}", time_point)
        path = str(PurePosixPath(name))
        return (str(Path(self.folder, path)), self.digests[path]) if path in self.digests else ("", "")

    def _of(self, patient_id: str, time_point: str) -> list[tuple[str, str]]:
        """Path and ``{scan}`` of a patient's masks."""
        return self._by_patient.get((patient_id, time_point), [])

    @cached_property
    def _by_patient(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        wanted, found = pattern_regex(self.pattern), {}
        for path in self.digests:
            if match := wanted.fullmatch(path):
                named = {"time_point": "baseline"} | match.groupdict()
                found.setdefault((named["patient"], named["time_point"]), []).append((path, named["scan"]))
        return found


def read_mask(
    path: Path, labels: dict[int, int], data: np.ndarray, affine: np.ndarray, limits: Limits | None = None
) -> np.ndarray:
    """Read a mask onto the grid of a scan.

    Parameters
    ----------
    path : Path
        NIfTI of whole-number labels.
    labels : dict of int to int
        Of `parse_labels`.
    data : ndarray
        The scan, HU, RAS+.
    affine : ndarray
        Its affine.
    limits : Limits, optional
        What reading it may cost.

    Returns
    -------
    ndarray
        uint8, shape of `data`: 0 background, 1 parenchymal, 2 intraventricular hemorrhage, 3 edema, 4 extra-axial.

    Raises
    ------
    MismatchError
        If it cannot be read, has labels that are not mapped, or lies elsewhere than the scan.
    """
    values, mask_affine = _read_mask(path, limits or Limits())
    mask = _relabel(values, labels)
    if same_grid(mask.shape, mask_affine, data.shape, affine, SAME_GRID_MM):
        _check_contents(mask, data)
        return mask
    moved = resample_to_grid(mask, mask_affine, data.shape, affine, order=0)
    _check_moved(mask, mask_affine, moved, affine)
    _check_contents(moved, data)
    return moved


def _read_mask(path: Path, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
    """Voxels and affine of a mask, RAS+."""
    try:
        header, arrays = read(read_voxels, path, limits.conversion, most_voxels=limits.voxels)
        if not arrays:
            raise MismatchError(f"mask has {header['voxels']:.2g} voxels, limit {limits.voxels:.2g}")
        values, affine = arrays["data"].squeeze(), arrays["affine"]
        if values.ndim != 3:
            raise MismatchError(f"mask has {values.ndim} axes")
        return to_canonical(values, affine)
    except (UnreadableError, ValueError, np.linalg.LinAlgError) as error:  # an affine may hold anything
        said = str(error) if isinstance(error, UnreadableError) else "affine without a volume"
        raise MismatchError(f"mask cannot be read: {said}") from error


def _relabel(values: np.ndarray, labels: dict[int, int]) -> np.ndarray:
    small = values.astype(np.uint8)  # labels are small whole numbers: what changes by this cannot be one
    if (small != values).any():
        raise MismatchError("mask has values that are not whole numbers from 0 to 255")
    unknown = [
        value for value in np.flatnonzero(np.bincount(small.ravel(order="K"))) if value != 0 and value not in labels
    ]
    if unknown:
        raise MismatchError(f"mask has labels {[int(v) for v in unknown[:5]]}, mask_labels names {sorted(labels)}")
    table = np.zeros(256, np.uint8)
    for value, label in labels.items():
        table[value] = label
    return table[small]


def _check_moved(mask: np.ndarray, mask_affine: np.ndarray, moved: np.ndarray, affine: np.ndarray) -> None:
    before, after = volume_ml(mask, mask_affine), volume_ml(moved, affine)
    if np.count_nonzero(mask) >= SMALL_VOXELS and abs(after - before) > VOLUME_TOLERANCE * before:
        raise MismatchError(f"{before:.2f} mL in the mask, {after:.2f} mL of it on the scan")


def _check_contents(mask: np.ndarray, data: np.ndarray) -> None:
    clot = data[mask == LABELS["iph"]]
    if clot.size >= SMALL_VOXELS and not CLOT_HU[0] <= np.median(clot) <= CLOT_HU[1]:
        raise MismatchError(
            f"median of {np.median(clot):.0f} HU under the mask, expected {CLOT_HU[0]:g} to {CLOT_HU[1]:g} HU"
        )
