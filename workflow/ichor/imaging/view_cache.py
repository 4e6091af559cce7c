"""What a network reads of a scan, made once for each scan and setting: hashed, compressed, one file each.

Resampling a scan, and far more stripping its skull, costs what an epoch of a small network does, and every model, seed
and task with the same input needs the same result. Entries are named by all that they follow from: content and place
in space of scan and masks, settings, code. Whoever asks with other ones gets nothing. The folder may be deleted at any
time.
"""

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ichor.disk_space import free_bytes
from ichor.imaging.volume_cache import KEEP_FREE_BYTES

MAGIC = b"ichor-view/1\n"
"""First bytes of an entry; the number counts formats."""
_DIGEST_BYTES = 32
_ABANDONED_S = 24 * 3600.0  # after this time no job is still writing an unfinished entry


class ViewCache:
    """Folder of views, readable by its owner only; several jobs may use one at the same time.

    Parameters
    ----------
    folder : path
        Made with the first entry.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._writes = True
        self._remove_abandoned()

    def get(self, key: Mapping) -> tuple[np.ndarray, ...] | None:
        """Arrays that were put under a key; None where there are none, or the entry is damaged.

        Parameters
        ----------
        key : mapping
            Plain values: all that the arrays follow from.
        """
        try:
            content = self._entry(key).read_bytes()
        except OSError:
            return None
        try:
            return _decoded(content)
        except (ValueError, KeyError, TypeError, RuntimeError):
            _say("a damaged entry is made again")
            return None

    def put(self, key: Mapping, arrays: tuple[np.ndarray, ...]) -> None:
        """Keep arrays of whole numbers under a key; on a disk that is almost full nothing is kept."""
        if not self._writes:
            return
        entry = self._entry(key)
        try:
            entry.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if free_bytes(self._folder) < KEEP_FREE_BYTES:
                raise OSError(f"less than {KEEP_FREE_BYTES / 1e9:g} GB of the disk are free")
            unfinished = self._folder / "unfinished"
            unfinished.mkdir(mode=0o700, exist_ok=True)
            _write(entry, _encoded(arrays), unfinished)
        except OSError as error:
            self._writes = False
            _say(f"not written to any more: {error}")

    def _remove_abandoned(self) -> None:
        """Delete what jobs that were killed while writing left behind."""
        for part in self._folder.glob("unfinished/*"):
            try:
                if time.time() - part.stat().st_mtime > _ABANDONED_S:
                    part.unlink()
            except OSError:  # another job was faster
                continue

    def _entry(self, key: Mapping) -> Path:
        digest = hashlib.sha256(json.dumps(dict(key), sort_keys=True).encode()).hexdigest()
        return self._folder / digest[:2] / f"{digest}.view"


def _write(entry: Path, content: bytes, unfinished: Path) -> None:
    descriptor, part = tempfile.mkstemp(dir=unfinished)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        os.replace(part, entry)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def _encoded(arrays: tuple[np.ndarray, ...]) -> bytes:
    """Magic, SHA-256 of what follows, length of the header, header, compressed arrays."""
    import blosc2  # here, because tabular models import this module and need none

    how = {"codec": blosc2.Codec.ZSTD, "clevel": 1, "filters": [blosc2.Filter.SHUFFLE], "nthreads": 1}
    packed, described = [], []
    for array in arrays:
        empty = array.size == 0
        part = b"" if empty else blosc2.compress2(np.ascontiguousarray(array), typesize=array.itemsize, **how)
        packed.append(part)
        described.append({"dtype": array.dtype.str, "shape": list(array.shape), "bytes": len(part)})
    header = json.dumps(described).encode()
    body = b"".join([len(header).to_bytes(8, "little"), header, *packed])
    return MAGIC + hashlib.sha256(body).digest() + body


def _decoded(content: bytes) -> tuple[np.ndarray, ...]:
    import blosc2

    body = memoryview(content)[len(MAGIC) + _DIGEST_BYTES :]
    if not content.startswith(MAGIC) or hashlib.sha256(body).digest() != content[len(MAGIC) :][:_DIGEST_BYTES]:
        raise ValueError("not an entry of this format, or a damaged one")
    at = 8 + int.from_bytes(body[:8], "little")
    arrays = []
    for one in json.loads(bytes(body[8:at])):
        array = np.empty(one["shape"], np.dtype(one["dtype"]))
        if array.size:
            blosc2.decompress2(body[at : at + one["bytes"]], dst=array, nthreads=1)
        arrays.append(array)
        at += one["bytes"]
    return tuple(arrays)


def _say(message: str) -> None:
    print(f"view cache: {message}", file=sys.stderr)
