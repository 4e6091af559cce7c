"""Scans decompressed once for all models, splits and tasks of a study: lossless, compressed slice by slice, hashed.

A crop around a hematoma needs a few slices of a scan, but a ``.nii.gz`` can only be decompressed from its start. An
entry of the cache holds the same int16 voxels in canonical orientation, each slice compressed by itself, so that a
reader decompresses the slices that it needs. Voxels come out bit for bit as from the NIfTI file.

The cache may be deleted at any time. What cannot be trusted (half-written, damaged, written by other code) is dropped
and made again from the NIfTI file; a cache that cannot be written, on an almost full disk for example, is done without.
"""

import errno
import hashlib
import json
import os
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from ichor.disk_space import free_bytes
from ichor.imaging import crops
from ichor.imaging.geometry import spacing_mm, to_canonical
from ichor.imaging.voxels import image_sha256, voxel_sha256

MAGIC = b"ichor-volume/1\n"
"""First bytes of an entry; the number counts formats."""
_DIGEST_BYTES = 32
_BLOCK_BYTES = 1 << 20  # whole slices: smaller blocks cost a quarter of the compression
KEEP_FREE_BYTES = 2e9
"""So much of the disk is left to results: the cache is not what fills it."""
_ABANDONED_S = 24 * 3600.0  # after this time no job is still writing an unfinished entry


class OtherContentError(ValueError):
    """The image file does not hold the voxels that the tables name."""


class DamagedEntryError(Exception):
    """An entry is not what was written."""


class Volume:
    """A scan in closest canonical orientation whose voxels are read when they are asked for.

    Attributes
    ----------
    shape : tuple of int
        ``(x, y, z)``.
    affine : numpy.ndarray
        ``(4, 4)``, voxel to RAS+ mm.
    spacing_mm : numpy.ndarray
        ``(3,)``.
    brain : numpy.ndarray or None
        A brain mask that another program made of it, bool, put there by who knows it.
    """

    brain: np.ndarray | None = None

    def __init__(self, data: np.ndarray, affine: np.ndarray) -> None:
        self._data = np.asfortranarray(data)
        self.shape, self.affine, self.spacing_mm = data.shape, affine, spacing_mm(affine)

    def __getitem__(self, part: tuple[slice, slice, slice]) -> np.ndarray:
        """Voxels of a box, x fastest in memory."""
        return self._data[part]

    def head_center(self) -> np.ndarray:
        """`ichor.imaging.crops.head_center` of the scan."""
        return crops.head_center(self._data, self.spacing_mm)


class VolumeCache:
    """Folder of volumes, one file per scan, readable by its owner only.

    Parameters
    ----------
    folder : path
        Made if needed. Several jobs may use one folder at the same time.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._writes = True
        self._remove_abandoned()

    def volume(self, path: str | Path, content: str) -> Volume:
        """Open a scan, from the cache if it is there, else from its file, whose voxels are then kept.

        Parameters
        ----------
        path : path
            NIfTI image. Its header is read in any case: affine and shape belong to the entry's name.
        content : str
            `ichor.imaging.voxels.image_sha256` of the scan, from the tables.

        Raises
        ------
        OtherContentError
            If the file has to be read and holds other voxels.
        OSError, EOFError, nibabel.filebasedimages.ImageFileError
            If the file cannot be read.
        """
        image = nib.load(path)
        if not is_plain(image):
            return read_volume(path)
        entry = self._folder / _entry_name(content, image)
        try:
            return _CachedVolume(entry, lambda: self._make(path, content, entry))
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (DamagedEntryError, OSError) as error:
            _say(f"an entry is dropped and made again: {error}")
        return self._make(path, content, entry)

    def _make(self, path: str | Path, content: str, entry: Path) -> Volume:
        image = nib.load(path)
        stored = np.asanyarray(image.dataobj)
        if image_sha256(voxel_sha256(stored), spacing_mm(image.affine)) != content:
            raise OtherContentError("the file's voxels are not those that the scans table names (SHA-256 differs)")
        volume = Volume(*to_canonical(stored, image.affine))
        if self._writes:
            try:
                entry.unlink(missing_ok=True)
                if free_bytes(self._folder) < KEEP_FREE_BYTES:
                    raise OSError(errno.ENOSPC, f"less than {KEEP_FREE_BYTES / 1e9:g} GB of the disk are free")
                self._write(entry, volume)
            except OSError as error:
                self._writes = False
                _say(f"not written to any more, other scans are read from their files: {error}")
        return volume

    def _write(self, entry: Path, volume: Volume) -> None:
        unfinished = self._own_folder(self._folder / "unfinished")
        self._own_folder(entry.parent)
        descriptor, part = tempfile.mkstemp(dir=unfinished)  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.writelines(_encoded(volume, entry.name))
            os.replace(part, entry)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise

    def _own_folder(self, folder: Path) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        os.chmod(self._folder, 0o700)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def _remove_abandoned(self) -> None:
        """Delete what jobs that were killed while writing left behind."""
        for part in self._folder.glob("unfinished/*"):
            try:
                if time.time() - part.stat().st_mtime > _ABANDONED_S:
                    part.unlink()
            except OSError:  # another job was faster
                continue


class _CachedVolume(Volume):
    """A volume whose slices are read from an entry; a damaged entry is made again."""

    def __init__(self, entry: Path, make_again) -> None:
        self._entry, self._make_again, self._made = entry, make_again, None
        with entry.open("rb") as stream:
            header, self._start = _header(stream, entry.name)
        self.shape, self._center = tuple(header["shape"]), np.array(header["head_center"])
        self.affine = np.array(header["affine"])
        self.spacing_mm = spacing_mm(self.affine)
        self._sha256, sizes = header["sha256"], header["bytes"]
        self._ends = np.cumsum([0, *sizes]).tolist()

    def __getitem__(self, part: tuple[slice, slice, slice]) -> np.ndarray:
        if self._made is None:
            try:
                return self._slices(*part[2].indices(self.shape[2])[:2])[part[0], part[1]]
            except (DamagedEntryError, OSError) as error:
                _say(f"an entry is dropped and made again: {error}")
                self._made = self._make_again()
        return self._made[part]

    def head_center(self) -> np.ndarray:
        return self._center

    def _slices(self, first: int, last: int) -> np.ndarray:
        columns, rows, _ = self.shape
        voxels = np.empty((max(0, last - first), rows, columns), dtype=np.int16)
        if first < last:
            with self._entry.open("rb") as stream:
                stream.seek(self._start + self._ends[first])
                packed = stream.read(self._ends[last] - self._ends[first])
            for z in range(first, last):
                part = packed[self._ends[z] - self._ends[first] : self._ends[z + 1] - self._ends[first]]
                _unpack(part, self._sha256[z], voxels[z - first])
        return voxels.transpose(2, 1, 0)


def read_volume(path: str | Path) -> Volume:
    """Read a NIfTI image, image or mask, in closest canonical orientation, without a cache.

    Raises
    ------
    OSError, EOFError, nibabel.filebasedimages.ImageFileError
        If the file cannot be read.
    """
    image = nib.as_closest_canonical(nib.load(path))
    return Volume(np.asanyarray(image.dataobj), image.affine)


def is_plain(image: nib.Nifti1Image) -> bool:
    """Whether an image holds int16 HU as they are, in three axes: others are kept in no cache."""
    if len(image.shape) != 3 or image.get_data_dtype() != np.int16:
        return False
    return image.dataobj.slope == 1 and image.dataobj.inter == 0


def _entry_name(content: str, image: nib.Nifti1Image) -> str:
    """Name of a scan's entry: voxels, shape and place in space; two scans of one name are the same in all three."""
    seen = [content, list(image.shape), np.asarray(image.affine, float).tolist()]
    digest = hashlib.sha256(json.dumps(seen).encode()).hexdigest()
    return f"{digest[:2]}/{digest}.volume"


@cache
def _code() -> str:
    """What made the head's center: an entry of other code is not used."""
    return hashlib.sha256(Path(crops.__file__).read_bytes()).hexdigest()[:16]


def _encoded(volume: Volume, name: str) -> list[bytes]:
    """Parts of an entry's file: magic, length and digest of the header, the header, the slices."""
    import blosc2  # here, because tabular models import this module and need none

    slices = [np.ascontiguousarray(volume[:, :, z : z + 1].T) for z in range(volume.shape[2])]
    how = {"codec": blosc2.Codec.ZSTD, "clevel": 1, "filters": [blosc2.Filter.SHUFFLE], "nthreads": 1}
    how |= {"typesize": 2, "blocksize": min(_BLOCK_BYTES, slices[0].nbytes)}
    packed = [blosc2.compress2(one, **how) for one in slices]
    header: dict[str, Any] = {
        "name": name,
        "code": _code(),
        "shape": list(volume.shape),
        "affine": np.asarray(volume.affine, float).tolist(),
        "head_center": volume.head_center().tolist(),
        "bytes": [len(part) for part in packed],
        "sha256": [hashlib.sha256(part).hexdigest() for part in packed],
    }
    text = json.dumps(header).encode()
    return [MAGIC, len(text).to_bytes(8, "little"), hashlib.sha256(text).digest(), text, *packed]


def _header(stream, name: str) -> tuple[dict, int]:
    """Header of an entry, and where its slices begin."""
    if stream.read(len(MAGIC)) != MAGIC:
        raise DamagedEntryError("not an entry of this format")
    length = int.from_bytes(stream.read(8), "little")
    digest = stream.read(_DIGEST_BYTES)
    text = stream.read(min(length, 1 << 26))
    if len(text) != length or hashlib.sha256(text).digest() != digest:
        raise DamagedEntryError("its header is damaged")
    header = json.loads(text)
    if header["name"] != name or header["code"] != _code():
        raise DamagedEntryError("it was written by other code")
    return header, len(MAGIC) + 8 + _DIGEST_BYTES + length


def _unpack(packed: bytes, sha256: str, into: np.ndarray) -> None:
    import blosc2

    if hashlib.sha256(packed).hexdigest() != sha256:
        raise DamagedEntryError("a slice is damaged")
    try:
        blosc2.decompress2(packed, dst=into, nthreads=1)
    except (RuntimeError, ValueError) as error:  # written by a version that this one does not understand
        raise DamagedEntryError("a slice cannot be decompressed") from error


def _say(message: str) -> None:
    print(f"volume cache: {message}", file=sys.stderr)
