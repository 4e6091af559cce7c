"""Run dcm2niix on one staged series, under time and memory limits, and take the stack of slices it decoded.

dcm2niix decodes every transfer syntax and sorts the slices. What it does to a tilted or uneven stack is not used:
its ``_Tilt`` volume keeps the origin of the untilted one for one sign of the tilt (20 degrees over 145 mm: 55 mm off in
space), and its ``_Eq`` volume is finer than the slices were. `ichor.dicom.regrid` does both from the header positions.
dcm2niix exits with 0 when it wrote nothing, so the files are what counts.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np

from ichor.dicom.limits import Limits
from ichor.disk_space import check_room
from ichor.errors import StudyError

CHANGED = {"Tilt", "Eq", "ROI"}  # words in the names of volumes whose slices are not those of the files


class ConversionError(Exception):
    """dcm2niix wrote nothing that can be used; the message says what happened, without text from the headers."""


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
        raise StudyError(
            "dcm2niix was not found; install the locked environment (make install) or pip install dcm2niix."
        )
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
    DiskFullError
        If the disk is full.
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
            stdout=subprocess.PIPE,  # not used, but a pipe's end is waited for; without one Python polls every 50 ms
            stderr=subprocess.STDOUT,
            timeout=limits.convert_seconds,
            env=environment,
            preexec_fn=limit,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ConversionError(f"dcm2niix took more than {limits.convert_seconds:g} s") from error
    check_room(out)  # it does not say that the disk is full, and leaves a volume that is cut off
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


def convert(sources: Sequence[str], slices: int, limits: Limits, work: Path) -> tuple[np.ndarray, np.ndarray]:
    """Decode the slices of one series.

    Parameters
    ----------
    sources : sequence of str
        DICOM files in spatial order, one per position.
    slices : int
        Number of positions.
    limits : Limits
        Time and memory of dcm2niix.
    work : Path
        Existing folder for temporary files.

    Returns
    -------
    data : ndarray
        Three axes, HU.
    affine : ndarray
        Shape (4, 4). Right for the first slice; for the others only if the stack is even and not sheared.

    Raises
    ------
    ConversionError
        If no volume came out, or none with that many slices.
    """
    with tempfile.TemporaryDirectory(dir=work, prefix="convert-") as temporary:
        staged, out = Path(temporary, "in"), Path(temporary, "out")
        staged.mkdir()
        out.mkdir()
        for number, source in enumerate(sources):
            (staged / f"{number:05d}.dcm").symlink_to(Path(source).absolute())
        images = [
            nib.load(path) for path in run_dcm2niix(staged, out, limits) if not CHANGED & set(path.stem.split("_"))
        ]
        fitting = [image for image in images if len(image.shape) == 3 and image.shape[2] == slices]
        if len(fitting) != 1:
            found = ", ".join("x".join(map(str, image.shape)) for image in images)
            raise ConversionError(f"dcm2niix made {found or 'no plain volume'}; headers describe {slices} slices")
        return _scaled(fitting[0]), np.asarray(fitting[0].affine, float)
