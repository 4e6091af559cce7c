"""What is in a center's folders: a digest of the names of all files, or of their contents, that is cheap to ask again.

Every start of Snakemake must know whether a center got new files. Walking millions of names on a network disk takes
minutes, so what was seen is kept below ``work/listing/`` (names are private: readable by the owner only):

- a folder is listed again only if its inode, modification or change time differs from what was kept. Adding, removing
  or renaming an entry changes them (POSIX: write access to a directory marks its times for update), writing into a
  file or touching it does not;
- a folder that holds archives is listed every time, because an archive grows under its old name;
- a file is read again only if its inode, size, modification or change time differs.

What changed less than `SETTLED_S` ago is not kept, because a further change could fall into the same tick of the clock.
Folders on file systems that are not known to keep the times of folders (see `RELIABLE`) are listed every time. A cache
that is missing, broken, or was made for other folders costs time and changes nothing.
"""

import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ichor import remembered

CACHE = Path("work/listing")
SETTLED_S = (
    60.0  # more than the clocks of a client and a file server differ, and than attributes are cached (NFS: 60 s)
)
WORKERS = 16  # folders and files that are asked for at the same time: a network disk answers each in about 0.5 ms
CHUNK = 200  # per task of a worker, so that a local disk does not pay for the threads
# patients are added to an archive under its old name: its size counts as a part of its name
ARCHIVE = (".zip", ".tar", ".tar.gz", ".tgz")
FORMAT = "ichor listing 4"  # raised when what is kept changes
T = TypeVar("T")

# File systems that update a folder's modification time with its entries: local POSIX ones and those that clusters and
# hospitals share. FUSE, FAT and host shares of virtual machines may not, so they are not here.
RELIABLE = frozenset(
    "bcachefs beegfs btrfs ceph cifs ext2 ext3 ext4 f2fs gpfs lustre nfs nfs4 overlay smb3 tmpfs wekafs xfs zfs".split()
)


@dataclass(frozen=True)
class _Folder:
    """What one folder holds: the digest of its files' names ("" if there are none), their number, its subfolders."""

    stamp: tuple[int, ...]
    files: str
    count: int
    subfolders: tuple[str, ...]


def names_digest(folders: Iterable[str | Path], cache: Path = CACHE) -> str:
    """Digest of the names of all files below some folders, without opening any.

    Names are relative to each folder, so that moving it changes nothing; folders without files below them do not count;
    links to folders count as names and are not entered.

    Parameters
    ----------
    folders : iterable of path
        In this order. One that cannot be read counts as empty.
    cache : Path
        Folder of what was seen earlier.

    Returns
    -------
    str
        12 hexadecimal digits.
    """
    whole = hashlib.sha256()
    for folder in folders:
        whole.update(_tree_digest(_walk(Path(folder), cache)).encode() + b"\n")
    return whole.hexdigest()[:12]


def count_files(folders: Iterable[str | Path], cache: Path = CACHE) -> int:
    """Count the files below some folders, as cheaply as `names_digest`."""
    return sum(place.count for folder in folders for place in _walk(Path(folder), cache).values())


def contents_digest(folders: Iterable[str | Path], cache: Path = CACHE, wanted: re.Pattern[str] | None = None) -> str:
    """Digest of the names and contents of all files below some folders, 12 hexadecimal digits; see `file_digests`."""
    whole = hashlib.sha256()
    for folder in folders:
        lines = sorted(f"{name}\0{digest}" for name, digest in file_digests(folder, cache, wanted).items())
        whole.update("\n".join([*lines, ""]).encode(errors="surrogateescape") + b"\n")
    return whole.hexdigest()[:12]


def file_digests(folder: str | Path, cache: Path = CACHE, wanted: re.Pattern[str] | None = None) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path relative to the folder; reads only files that changed.

    Links to files count as the files, links to folders are not entered. A file that cannot be read, and a pipe or
    device, which is not opened because it may never end, have the digest "".
    With `wanted`, only files are read of which it matches the whole relative path.
    """
    folder = Path(folder)
    kept_in = _cache_file(cache, "contents", folder)
    kept = remembered.load(kept_in, FORMAT)
    names = [os.path.join(place, name) for place, files in _files(folder) for name in files]
    if wanted:
        names = [name for name in names if wanted.fullmatch(name)]

    def ask(name: str) -> tuple[str, list[int] | None, str]:
        path = os.path.join(folder, name)
        try:
            about = os.stat(path)
            if not stat.S_ISREG(about.st_mode):
                return name, None, ""
            stamp = _stamp(about)
            old = kept.get(name)
            digest = old[1] if old and old[0] == stamp else _sha256(path)
            return name, stamp if _settled(stamp) and stamp == _stamp(os.stat(path)) else None, digest
        except OSError:
            return name, None, ""

    answers = list(_in_parallel(ask, names))
    seen = {name: [stamp, digest] for name, stamp, digest in answers if stamp}
    if seen != kept:
        remembered.save(kept_in, FORMAT, seen)
    return {name: digest for name, _, digest in answers}


def _walk(root: Path, cache: Path) -> dict[str, _Folder]:
    """Every folder below `root` by its relative path ("" is the root); lists only those that changed."""
    kept_in = _cache_file(cache, "names", root)
    kept = remembered.load(kept_in, FORMAT)
    reliable = _reliability()
    seen: dict[str, _Folder] = {}
    fresh: dict[str, list] = {}
    level = [""]

    def ask(place: str) -> tuple[str, _Folder | None, bool]:
        path = os.path.join(root, place)
        try:
            status = os.stat(path)
            stamp, old = _stamp(status), kept.get(place)
            if old and old[0] == stamp and reliable(path, status.st_dev):
                return place, _Folder(tuple(stamp), *old[1:3], tuple(old[3])), True
            files, subfolders, growing = _list(path)
            keep = not growing and _settled(stamp) and stamp == _stamp(os.stat(path)) and reliable(path, status.st_dev)
            return place, _Folder(tuple(stamp), _name_digest(files), len(files), tuple(subfolders)), keep
        except OSError:  # gone meanwhile, or not ours to read: empty, and asked again next time
            return place, None, False

    while level:
        below = []
        for place, folder, keep in _in_parallel(ask, level):
            if folder is None:
                continue
            seen[place] = folder
            if keep:
                fresh[place] = [list(folder.stamp), folder.files, folder.count, list(folder.subfolders)]
            below += [os.path.join(place, name) for name in folder.subfolders]
        level = below
    if fresh != kept:
        remembered.save(kept_in, FORMAT, fresh)
    return seen


def _tree_digest(folders: dict[str, _Folder]) -> str:
    """Digest of a tree from its leaves to its root; "" if it holds no file."""
    digests: dict[str, str] = {}
    for place in sorted(folders, key=lambda place: place.count(os.sep) + bool(place), reverse=True):
        folder = folders[place]
        below = [(name, digests.get(os.path.join(place, name), "")) for name in folder.subfolders]
        parts = [f"{name}\0{digest}" for name, digest in below if digest]
        digests[place] = _name_digest([folder.files, *parts]) if folder.files or parts else ""
    return digests.get("", "")


def _list(path: str) -> tuple[list[str], list[str], bool]:
    """Names of files and of folders, and whether a file is among them that gets new contents under its old name."""
    files, subfolders, growing = [], [], False
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                subfolders.append(entry.name)
            elif entry.name.lower().endswith(ARCHIVE):
                growing = True
                files.append(f"{entry.name}\0{_size(entry)}")
            else:
                files.append(entry.name)
    return sorted(files), sorted(subfolders), growing


def _size(entry: os.DirEntry) -> int:
    try:
        return entry.stat().st_size
    except OSError:  # a link to nowhere
        return 0


def _files(folder: Path) -> Iterator[tuple[str, list[str]]]:
    for place, _, files in os.walk(folder):
        relative = os.path.relpath(place, folder)
        yield ("" if relative == "." else relative), files


def _name_digest(names: list[str]) -> str:
    return hashlib.sha256("\n".join(names).encode(errors="surrogateescape")).hexdigest()[:24] if names else ""


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(status: os.stat_result) -> list[int]:
    """What changes with a file or folder. No device number: it differs between the nodes of a cluster."""
    return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _settled(stamp: list[int]) -> bool:
    return time.time() - max(stamp[2], stamp[3]) / 1e9 > SETTLED_S


def _in_parallel(ask: Callable[[str], T], items: list[str]) -> Iterator[T]:
    """Answers in the order of the items; short lists are worth no threads."""
    chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
    if len(chunks) < 2:
        yield from map(ask, items)
        return
    with ThreadPoolExecutor(WORKERS) as pool:
        for answers in pool.map(lambda chunk: [ask(item) for item in chunk], chunks):
            yield from answers


def _reliability() -> Callable[[str, int], bool]:
    """Function that tells whether a folder's file system keeps the times of folders; asks once per device."""
    known: dict[int, bool] = {}

    def reliable(path: str, device: int) -> bool:
        if device not in known:
            known[device] = _file_system(path) in RELIABLE
        return known[device]

    return reliable


def _file_system(path: str) -> str:
    """Type of the file system that holds a path, as the kernel names it; "" if that is not known."""
    real, best, kind = os.path.realpath(path), "", ""
    try:
        lines = Path("/proc/self/mounts").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        _, point, name, *_ = line.split(" ")
        point = point.replace("\\040", " ").replace("\\011", "\t")
        if (real + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best):
            best, kind = point, name
    return kind


def _cache_file(cache: Path, kind: str, root: Path) -> Path:
    return cache / f"{kind}-{hashlib.sha256(os.fsencode(root)).hexdigest()[:16]}.json"
