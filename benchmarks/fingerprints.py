"""How far fingerprints of copies, of visits and of different people lie from each other, and what they cost.

    python benchmarks/fingerprints.py STUDY [FOLDER-OF-NIFTI]

STUDY is the folder of a run of the ingest. With another folder, its NIfTI scans (``*_ct.nii.gz``) are taken instead,
each as a person of its own. docs/explanation/same-scan-twice.md holds what it printed.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "workflow"))  # the library is not installed

from ichor import tables
from ichor.cohort.alike import SHIFTS, similar
from ichor.imaging.fingerprint import KEPT, fingerprint, signs, vectors

COPIED_OF = 12  # every n-th scan is copied


def scans_of(study: Path, folder: Path | None) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Person, HU and spacing of each scan."""
    if folder is None:
        for row in tables.read("scans", study / "results/scans.tsv").itertuples():
            yield row.patient, *_read(study / row.image)
    else:
        for path in sorted(folder.glob("*_ct.nii.gz")):
            yield path.name, *_read(path)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = nib.load(path)
    return np.asarray(image.dataobj).astype(np.int16), np.array(image.header.get_zooms()[:3], float)


def resampled(data: np.ndarray, spacing: np.ndarray, wanted: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Another grid, linear, shifted by part of a voxel; averaged where the new voxels are larger."""
    new, offset = np.array(wanted), np.array((0.3, 0.2, 1.0))
    size = ((np.array(data.shape) - 1) * spacing / new - offset / new).astype(int)
    smooth = ndimage.gaussian_filter(data.astype(np.float32), np.sqrt(np.maximum(0, (new / spacing) ** 2 - 1)) / 2.355)
    return np.rint(ndimage.affine_transform(smooth, new / spacing, offset / spacing, tuple(size), order=1)), new


def copies(data: np.ndarray, spacing: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, HU and spacing of what may be made of a scan."""
    rng = np.random.default_rng(1)
    head = np.argwhere(data[::4, ::4] > 20) * (4, 4, 1)
    low, high = np.maximum(head.min(axis=0) - 3, 0), head.max(axis=0) + 7
    yield "cropped to the head", data[low[0] : high[0], low[1] : high[1]], spacing
    yield "2 lowest slices left out", data[:, :, 2:], spacing
    yield "uppermost slice left out", data[:, :, :-1], spacing
    yield "windowed 0 to 80 HU, 8 bit", np.rint(np.rint(np.clip(data, 0, 80) * 3.1875) / 3.1875), spacing
    yield "noise of 3 HU added", data + rng.normal(0, 3, data.shape), spacing
    yield "noise of 6 HU added", data + rng.normal(0, 6, data.shape), spacing
    yield (
        "blurred by 1 mm",
        ndimage.gaussian_filter(data.astype(np.float32), (1 / spacing[0], 1 / spacing[1], 0)),
        spacing,
    )
    for wanted in ((0.6, 0.6, 5.0), (1.0, 1.0, 3.0), (1.0, 1.0, 1.0), (0.8, 0.8, 7.0), (2.0, 2.0, 10.0)):
        yield f"resampled to {wanted[0]} x {wanted[1]} x {wanted[2]} mm", *resampled(data, spacing, wanted)


def compared(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Largest correlation and share of equal signs of two stacks of fingerprints, pair by pair."""
    both = [(a, b) for a, b in ((first, second), (second, first))]
    like = [np.einsum("ij,ij->i", vectors(a, shift), vectors(b)) for a, b in both for shift in SHIFTS]
    equal = [(signs(a, shift) == signs(b)).mean(axis=1) for a, b in both for shift in SHIFTS]
    return np.max(like, axis=0), np.max(equal, axis=0)


def main(study: Path, folder: Path | None) -> None:
    """Measure and print."""
    people, prints, made, seconds = [], [], {}, 0.0
    for number, (person, data, spacing) in enumerate(scans_of(study, folder)):
        clock = time.process_time()
        found = fingerprint(data, spacing)
        seconds += time.process_time() - clock
        people.append(person)
        prints.append(found)
        if number % COPIED_OF == 0:
            for name, copy, step in copies(data, spacing):
                again = fingerprint(np.rint(copy).astype(np.int16), step)
                made.setdefault(name, []).append((found, again))
    known = np.stack(prints)
    print(f"{len(known)} scans, {1000 * seconds / len(known):.1f} ms of one core each")
    for name, pairs in made.items():
        like, equal = compared(*(np.stack(part) for part in zip(*pairs, strict=True)))
        print(f"{name}: {len(pairs)} copies, correlation {like.min():.3f} to {like.max():.3f}, signs {equal.min():.3f}")
    _tell_pairs(people, known)
    many = np.clip(np.random.default_rng(0).normal(0, 30, (10_000, *KEPT)), -127, 127).astype(np.int8)
    clock = time.perf_counter(), time.process_time()
    similar(many)
    wall, cpu = time.perf_counter() - clock[0], time.process_time() - clock[1]
    print(f"10,000 scans compared in {wall:.1f} s, {cpu:.1f} s of CPU")


def _tell_pairs(people: list[str], known: np.ndarray) -> None:
    still = vectors(known)
    like = np.maximum.reduce([vectors(known, shift) @ still.T for shift in SHIFTS])
    plain = signs(known)
    equal = (np.maximum.reduce([signs(known, shift) @ plain.T for shift in SHIFTS]) / plain.shape[1] + 1) / 2
    upper = np.triu(np.ones(like.shape, bool), 1)
    same = np.array(people)[:, None] == np.array(people)[None]
    for name, chosen in (("different people", ~same & upper), ("two visits of one person", same & upper)):
        for what, both in (("correlation", like), ("equal signs", equal)):
            values = np.maximum(both, both.T)[chosen]
            if values.size:
                shown = ", ".join(f"{q:g}: {np.quantile(values, q):.3f}" for q in (0.5, 0.99, 0.999, 1.0))
                print(f"{name}, {values.size} pairs, quantiles of {what}: {shown}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
