"""Hostile and broken files around good series, from a seed: what an ingest must survive.

Made from simulated series and from the test files that pydicom brings. Nothing here is anyone's data.
"""

import gzip
import os
import random
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom.data
from hostile_broken import broken_dicom
from hostile_crafted import crafted_dicom
from hostile_packed import hostile_archive, hostile_nifti

from ichor.simulate.center import simulate_center

MATRIX = 64
ODD_NAMES = (
    "new\nline",
    "tab\there",
    "'quote'",
    '"double"',
    "-rf",
    "--help",
    "; rm -rf *",
    "$(touch pwned)",
    "`touch pwned`",
    "a b  c",
    "*",
    "?",
    "[a-z]",
    "{patient}",
    "%s%n%d",
    "\\",
    "CON",
    "NUL",
    "COM1.dcm",
    "..dcm",
    "...",
    ".hidden",
    "~",
    "#",
    "&",
    "|",
    "\u202egnp.mcd",
    "\ufeffbom",
    "\x7f",
    "\x1b[2Jclear",
    "é",
    "e\u0301",
    "名前",
    "ü" * 127,
    "x" * 255,
    "a" * 251 + ".dcm",
    "DICOMDIR",
    "a.dcm.gz",
    "//x".replace("/", "\u2215"),
    "c:\\windows",
    "<script>",
    "=1+1",
    "@SUM(A1)",
    "\r",
    "line\r\nfeed",
)
ODD_BYTES = (b"\xff\xfe", b"caf\xe9", b"\xed\xa0\x80", b"\xc0\xaf", b"\x80" * 255)
OTHER_TYPES = {
    "png": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "pdf": b"%PDF-1.7\n%%EOF\n",
    "html": b"<html><script>alert(1)</script>",
    "elf": b"\x7fELF" + bytes(200),
    "gz": gzip.compress(bytes(1000)),
    "xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "b">]>',
    "sh": b"#!/bin/sh\ntouch pwned\n",
    "json": b"[" * 10_000,
    "csv": b"=1+1,2\n",
    "zeros": bytes(4096),
    "ones": b"\xff" * 4096,
    "dicm": bytes(128) + b"DICM",
    "preamble": bytes(128),
    "one": b"D",
    "empty": b"",
    "nifti": bytes(344) + b"n+1\0",
    "pickle": b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x8c\x05touch\x85R.",
}


@dataclass
class Corpus:
    """What was written.

    Attributes
    ----------
    dicom, nifti, masks : Path
        Folders of two centers, one with DICOM, one with NIfTI and masks.
    good_dicom, good_nifti, good_masks : Path
        The same without any hostile file.
    made : dict of str to int
        How many files of which kind.
    """

    dicom: Path
    nifti: Path
    masks: Path
    good_dicom: Path
    good_nifti: Path
    good_masks: Path
    made: dict[str, int] = field(default_factory=dict)


def write_corpus(folder: Path, count: int, seed: int, patients: int = 2) -> Corpus:
    """Write about `count` hostile files among the series of `patients` patients; the same seed gives the same files."""
    rng = random.Random(seed)
    corpus = Corpus(*(folder / name for name in ("dicom", "nifti", "masks", "good/dicom", "good/nifti", "good/masks")))
    _write_good(folder, corpus, patients, seed)
    victims = _victims(folder, seed)
    makers = {
        lambda: broken_dicom(rng, victims): 0.79,
        lambda: crafted_dicom(rng): 0.09,
        lambda: ("other types", rng.choice([*OTHER_TYPES.values(), rng.randbytes(3000)])): 0.05,
        lambda: hostile_archive(rng, victims): 0.03,
        lambda: ("NIfTI", hostile_nifti(rng, (corpus.good_nifti / "Good 0_baseline.nii.gz").read_bytes())): 0.04,
    }
    for make, share in makers.items():
        for _ in range(max(1, round(share * count))):
            kind, content = make()
            corpus.made[kind] = corpus.made.get(kind, 0) + 1
            (_place_nifti if kind == "NIfTI" else _place)(rng, corpus, content)
    for kind, number in {"odd names": _odd_names(corpus, victims), "links, pipes": _special(corpus, folder)}.items():
        corpus.made[kind] = number
    return corpus


def _write_good(folder: Path, corpus: Corpus, patients: int, seed: int) -> None:
    """Good series, once alone and once where hostile files will lie between them (as hard links: same bytes)."""
    simulate_center("aurora", folder / "made", patients=patients + 2, seed=seed, matrix=MATRIX)  # two of them are odd
    (folder / "made/dicom").rename(_parent(corpus.good_dicom))
    corpus.good_masks.mkdir()
    corpus.good_nifti.mkdir()
    size = np.array([64, 64, 30])
    affine = np.diag([3.4, 3.4, 5.0, 1.0])
    affine[:3, 3] = -(size - 1) / 2 * (3.4, 3.4, 5.0)
    points = np.moveaxis(np.indices(size), 0, -1) @ affine[:3, :3] + affine[:3, 3]
    radius = np.linalg.norm(points / (70, 90, 85), axis=-1)
    for number in range(patients):
        hu = np.full(size, -1000.0)
        for outer, value in ((1.17, 40.0), (1.10, 900.0), (1.0, 32.0)):
            hu[radius < outer] = value
        clot = np.linalg.norm(points - (30.0, 10.0 * number, 25.0), axis=-1) < 16
        hu[clot] = 70.0
        hu += np.random.default_rng(seed + number).normal(0, 3, size)
        nib.save(
            nib.Nifti1Image(np.rint(hu).astype(np.int16), affine), corpus.good_nifti / f"Good {number}_baseline.nii.gz"
        )
        nib.save(nib.Nifti1Image(clot.astype(np.uint8), affine), corpus.good_masks / f"Good {number}_baseline.nii.gz")
    for good, among in (
        (corpus.good_dicom, corpus.dicom),
        (corpus.good_nifti, corpus.nifti),
        (corpus.good_masks, corpus.masks),
    ):
        for path in sorted(path for path in good.rglob("*") if path.is_file()):
            target = _parent(among / path.relative_to(good))
            os.link(path, target)


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _victims(folder: Path, seed: int) -> list[bytes]:
    """Files to break: slices of other simulated patients, and pydicom's test files."""
    simulate_center("boreal", folder / "victims", patients=2, seed=seed + 1, matrix=MATRIX)
    slices = sorted(path for path in (folder / "victims/dicom").rglob("*") if path.is_file())[:120]
    installed = Path(pydicom.data.__file__).with_name("test_files")  # asking pydicom for them would download others
    known = sorted(path for path in installed.rglob("*") if path.is_file() and path.stat().st_size < 400_000)
    return [path.read_bytes() for path in slices + known]


def _place(rng: random.Random, corpus: Corpus, content: bytes) -> None:
    """Write a file somewhere below the center's folder, sometimes in the folder of a good series."""
    if rng.random() < 0.02:
        folder = rng.choice(sorted(path for path in corpus.dicom.rglob("*") if path.is_dir()))
    else:
        folder = corpus.dicom / f"hostile {rng.randrange(20)}"
        folder.mkdir(exist_ok=True)
    suffix = rng.choice(["", ".dcm", ".IMA", ".png", ".zip"])
    (folder / f"f{rng.getrandbits(48):012x}{suffix}").write_bytes(content)


def _place_nifti(rng: random.Random, corpus: Corpus, content: bytes) -> None:
    """Write a hostile image, or a hostile mask of an image that is good."""
    name = f"Hostile {rng.getrandbits(40):010x}_{rng.choice(['baseline', 'baseline', 'followup', 'other'])}.nii.gz"
    if rng.random() < 0.7:
        (corpus.nifti / name).write_bytes(content)
        return
    good = nib.load(corpus.good_nifti / "Good 0_baseline.nii.gz")
    shifted = np.asanyarray(good.dataobj) + rng.randrange(1, 5)  # another scan, so no duplicate
    nib.save(nib.Nifti1Image(shifted.astype(np.int16), good.affine), corpus.nifti / name)
    (corpus.masks / name).write_bytes(content)


def _odd_names(corpus: Corpus, victims: list[bytes]) -> int:
    folder = corpus.dicom / "odd"
    folder.mkdir()
    made = 0
    for name in (*map(os.fsencode, ODD_NAMES), *ODD_BYTES):
        with suppress(OSError):  # not every file system takes every name
            Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(victims[made % len(victims)])
            made += 1
    deep = folder
    with suppress(OSError):
        for number in range(40):
            deep = deep / f"level {number} {'x' * 60}"
            deep.mkdir()
            (deep / "file").write_bytes(victims[number])
            made += 1
    return made


def _special(corpus: Corpus, folder: Path) -> int:
    """Links, pipes, sockets, files and folders that may not be read."""
    place = corpus.dicom / "special"
    place.mkdir()
    outside = folder / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"Quastenflosser")
    targets = {
        "loop": "loop",
        "dot": ".",
        "up": "..",
        "root": "/",
        "zero": "/dev/zero",
        "random": "/dev/urandom",
        "tty": "/dev/tty",
        "stdin": "/dev/stdin",
        "memory": "/proc/self/mem",
        "passwd": "/etc/passwd",
        "nowhere": "nowhere",
        "outside": str(outside / "secret"),
        "folder": str(outside),
        "ping": "pong",
        "pong": "ping",
        "good": str(corpus.good_dicom),
        "long": "x" * 4000,
    }
    made = 0
    for where, suffix in ((place, ".dcm"), (corpus.nifti, "_baseline.nii.gz"), (corpus.masks, "_baseline.nii.gz")):
        for name, target in targets.items():
            (where / f"{name}{suffix}").symlink_to(target)
        os.mkfifo(where / f"pipe{suffix}")
        for name, mode in (("none", 0), ("write", 0o200), ("run", 0o111)):
            (where / f"{name}{suffix}").write_bytes(b"x")
            (where / f"{name}{suffix}").chmod(mode)
        with (where / f"sparse{suffix}").open("wb") as stream:
            stream.truncate(3 << 30)
        made += len(targets) + 5
    with suppress(OSError), socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place / "socket.dcm"))
        made += 1
    (place / "closed").mkdir(mode=0)
    return made
