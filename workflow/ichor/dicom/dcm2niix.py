"""Run dcm2niix on one staged series, under time and memory limits, and choose the right one of its outputs.

dcm2niix writes, beside the plain stack, ``_Tilt`` (gantry tilt removed) and ``_Eq`` (uneven slices interpolated)
versions, and more than one volume when it thinks so; it exits with 0 when it wrote nothing. What is right is decided
by geometry: the positions in the DICOM headers.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np

from ichor.dicom.limits import Limits
from ichor.errors import StudyError
from ichor.imaging.geometry import extent_mm

EXTENT_TOLERANCE_MM = 0.5


class ConversionError(Exception):
    """dcm2niix wrote nothing that can be used; the message says what happened, without text from the headers."""


@dataclass(frozen=True)
class Converted:
    """One output of dcm2niix.

    Attributes
    ----------
    data : ndarray
        Three axes, HU as dcm2niix scaled them (slope and intercept applied), floating point or int16.
    affine : ndarray
        Shape (4, 4), voxel to RAS+ mm.
    tilt_corrected, resampled : bool
        What dcm2niix did to the slices.
    """

    data: np.ndarray
    affine: np.ndarray
    tilt_corrected: bool
    resampled: bool


@cache
def find_dcm2niix() -> str:
    """Path of the dcm2niix program: of the Python package, beside the interpreter, or on the PATH.

    Raises
    ------
    StudyError
        If there is none.
    """
    try:
        import dcm2niix
    except ImportError:
        beside = Path(sys.executable).parent / "dcm2niix"
        found = str(beside) if beside.exists() else shutil.which("dcm2niix")
    else:
        found = str(dcm2niix.bin)
    if not found:
        raise StudyError("dcm2niix was not found; install the locked environment (make install) or pip install dcm2niix.")
    return found


@cache
def dcm2niix_version() -> str:
    """Version text of the program."""
    out = subprocess.run([find_dcm2niix(), "--version"], capture_output=True, text=True, timeout=60, check=False).stdout
    words = [word for word in out.split() if word.startswith("v1.")]
    return words[-1] if words else "unknown"


def run_dcm2niix(staged: Path, out: Path, limits: Limits) -> list[Path]:
    """Convert the series in folder `staged`; return the NIfTI files written to `out`, sorted by name.

    Raises
    ------
    ConversionError
        If it ran out of time or memory, or wrote nothing.
    """
    memory = limits.convert_memory_mb << 20

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    # -g i: no defaults file of the user; -b n: no sidecar, ours is written from an allow-list
    options = ["-g", "i", "-z", "n", "-b", "n", "-x", "n", "-i", "n", "-m", "y", "-d", "0", "-f", "volume"]
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(out), "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [find_dcm2niix(), *options, "-o", str(out), str(staged)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=limits.convert_seconds,
            env=environment,
            preexec_fn=limit,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ConversionError(f"dcm2niix took more than {limits.convert_seconds:g} s") from error
    files = sorted(out.glob("*.nii"))
    if not files:
        raise ConversionError(f"dcm2niix wrote no volume (exit status {done.returncode})")
    return files


def _scaled(image: nib.Nifti1Image) -> np.ndarray:
    raw = np.asanyarray(image.dataobj.get_unscaled())
    slope, intercept = image.dataobj.slope, image.dataobj.inter
    if slope in (0, 1) and intercept == 0:
        return raw
    if np.issubdtype(raw.dtype, np.integer) and float(slope).is_integer() and float(intercept).is_integer():
        return raw.astype(np.int32) * int(slope) + int(intercept)
    return raw.astype(np.float32) * np.float32(slope) + np.float32(intercept)


def choose_output(files: Sequence[Path], wanted_extent_mm: float, sheared: bool) -> tuple[Converted | None, str]:
    """Choose the output whose extent along the slice normal is that of the DICOM positions.

    Parameters
    ----------
    files : sequence of Path
        NIfTI files of one series.
    wanted_extent_mm : float
        Distance from first to last slice along the normal, from the headers.
    sheared : bool
        The slices are shifted against each other: only a tilt-corrected output is right.

    Returns
    -------
    converted : Converted or None
        None when no output fits.
    found : str
        What was found instead, in words.
    """
    fitting, found = [], []
    for path in files:
        image = nib.load(path)
        words = path.stem.split("_")
        tilt, resampled = "Tilt" in words, "Eq" in words
        if len(image.shape) != 3 or "ROI" in path.stem:
            found.append(f"{len(image.shape)} axes")
            continue
        extent = extent_mm(image.shape, image.affine)
        found.append(f"{extent:.1f} mm{' tilt-corrected' if tilt else ''}")
        if abs(extent - wanted_extent_mm) <= EXTENT_TOLERANCE_MM and tilt == sheared:
            fitting.append((resampled, path, image, tilt))
    if not fitting:
        return None, f"outputs of {', '.join(found)}; DICOM positions say {wanted_extent_mm:.1f} mm"
    resampled, _, image, tilt = min(fitting, key=lambda one: (one[0], str(one[1])))
    return Converted(_scaled(image), np.asarray(image.affine, float), tilt, resampled), ""


def convert(sources: Sequence[str], wanted_extent_mm: float, sheared: bool, limits: Limits, work: Path) -> Converted:
    """Convert the slices of one series into one volume.

    Parameters
    ----------
    sources : sequence of str
        DICOM files in spatial order.
    wanted_extent_mm, sheared
        See `choose_output`.
    limits : Limits
        Time and memory of dcm2niix.
    work : Path
        Existing folder for temporary files.

    Raises
    ------
    ConversionError
        If no volume came out. A volume of the wrong extent raises `WrongExtentError`.
    """
    with tempfile.TemporaryDirectory(dir=work, prefix="convert-") as temporary:
        staged, out = Path(temporary, "in"), Path(temporary, "out")
        staged.mkdir()
        out.mkdir()
        for number, source in enumerate(sources):
            (staged / f"{number:05d}.dcm").symlink_to(source)
        converted, found = choose_output(run_dcm2niix(staged, out, limits), wanted_extent_mm, sheared)
        if converted is None:
            raise WrongExtentError(found)
        return converted


class WrongExtentError(ConversionError):
    """Volumes came out, but none with the extent of the DICOM positions."""
