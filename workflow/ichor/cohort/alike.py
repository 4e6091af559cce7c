"""Pairs of scans that are one scan: by checksum of their voxels, or by fingerprint. Many scans at once."""

import hashlib
from collections.abc import Iterator

import numpy as np
import pandas as pd

from ichor import tables
from ichor.errors import StudyError
from ichor.imaging.fingerprint import COMPARED, KEPT, from_bytes, signs, signs_from_text, signs_to_text, vectors

ONE_SCAN = 0.81
"""Least correlation of two patients' scans that are taken for one scan; see docs/explanation/same-scan-twice.md."""
ONE_VISIT = 0.955
"""The same for two visits of one patient, whose head is the same: only a copy correlates more than this."""
ONE_PUBLIC_SCAN = 0.81
"""Least share of equal signs with a listed scan."""
ROUGH, ROUGH_WAVES, ROUGH_SHIFTS = 0.78, (8, 10, 6), (-1.0, 0.0, 1.0)
SHIFTS = (-1.0, -0.5, 0.0, 0.5, 1.0)
BLOCK = 2048
SCAN = ["center", "patient", "time_point"]
PAIRS = ["first", "second", "similarity"]


def alike(scans: pd.DataFrame, prints: pd.DataFrame) -> pd.DataFrame:
    """Find the pairs of scans that are one scan.

    Parameters
    ----------
    scans : DataFrame
        Table ``scans`` with a running index.
    prints : DataFrame
        Columns ``center``, ``patient``, ``time_point`` and ``fingerprint`` (bytes); scans without are compared by
        checksum alone.

    Returns
    -------
    DataFrame
        Columns ``first`` and ``second`` (index in `scans`, first < second) and ``similarity`` (1 = equal voxels),
        the most similar first.
    """
    exact = pd.DataFrame(_same_voxels(scans), columns=PAIRS)
    rows, known = known_prints(scans, prints)
    pairs = pd.DataFrame(similar(known), columns=PAIRS)
    pairs["first"], pairs["second"] = rows[pairs["first"].astype(int)], rows[pairs["second"].astype(int)]
    person = [tuple(names) for names in scans[["center", "patient"]].to_numpy()]
    same = np.array([person[a] == person[b] for a, b in zip(pairs["first"], pairs["second"], strict=True)], bool)
    pairs = pairs[pairs["similarity"] >= np.where(same, ONE_VISIT, ONE_SCAN)]
    both = pd.concat([frame for frame in (exact, pairs) if len(frame)] or [exact], ignore_index=True)
    both = both.drop_duplicates(["first", "second"])
    return both.sort_values(["similarity", "first", "second"], ascending=[False, True, True], ignore_index=True)


def known_prints(scans: pd.DataFrame, prints: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Index in `scans` of the scans that have a fingerprint, and these, shape (scans, *KEPT)."""
    of = {tuple(row[:3]): row[3] for row in prints[[*SCAN, "fingerprint"]].itertuples(index=False, name=None)}
    found = [of.get(tuple(names)) for names in scans[SCAN].itertuples(index=False, name=None)]
    rows = np.array([row for row, content in enumerate(found) if content], dtype=int)
    known = [from_bytes(found[row]) for row in rows]
    return rows, np.stack(known) if known else np.zeros((0, *KEPT), np.int8)


def _same_voxels(scans: pd.DataFrame) -> Iterator[tuple[int, int, float]]:
    known = scans[scans["voxel_sha256"].notna()]
    for _, group in known[known["voxel_sha256"].duplicated(keep=False)].groupby("voxel_sha256"):
        rows = list(group.index)
        yield from ((a, b, 1.0) for i, a in enumerate(rows) for b in rows[i + 1 :])


def similar(known: np.ndarray) -> list[tuple[int, int, float]]:
    """Pairs above `ONE_SCAN`: rough products of all with all in blocks, then the full correlation of those that fit."""
    if len(known) < 2:
        return []
    still = vectors(known, 0.0, ROUGH_WAVES)
    moved = [vectors(known, shift, ROUGH_WAVES) for shift in ROUGH_SHIFTS]
    found = []
    for start in range(0, len(known), BLOCK):
        part = still[start : start + BLOCK]
        for other in range(start, len(known), BLOCK):
            best = np.maximum.reduce([part @ part_moved[other : other + BLOCK].T for part_moved in moved])
            first, second = np.nonzero(best >= ROUGH)
            pairs = np.stack([first + start, second + other], axis=1)
            found.append(pairs[pairs[:, 0] < pairs[:, 1]])
    return _verified(known, np.concatenate(found))


def _verified(known: np.ndarray, pairs: np.ndarray) -> list[tuple[int, int, float]]:
    best = np.full(len(pairs), -1.0, np.float32)
    still = vectors(known)
    for shift in SHIFTS:
        moved = vectors(known, shift)
        for start in range(0, len(pairs), BLOCK):
            a, b = pairs[start : start + BLOCK].T
            one_way = np.einsum("ij,ij->i", still[a], moved[b])
            other_way = np.einsum("ij,ij->i", moved[a], still[b])
            np.maximum.reduce([best[start : start + BLOCK], one_way, other_way], out=best[start : start + BLOCK])
    kept = best >= ONE_SCAN
    return [(int(a), int(b), round(float(c), 3)) for (a, b), c in zip(pairs[kept], best[kept], strict=True)]


def in_public_sets(scans: pd.DataFrame, prints: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    """Find scans that stand in lists of fingerprints that others give away.

    Parameters
    ----------
    scans, prints : DataFrame
        As in `alike`.
    listed : DataFrame
        Table ``fingerprints``.

    Returns
    -------
    DataFrame
        Columns ``first`` (index in `scans`), ``second`` (index in `listed`) and ``similarity`` (1 = equal voxels).

    Raises
    ------
    StudyError
        If a listed fingerprint is none.
    """
    by_sha = {sha: row for row, sha in listed["voxel_sha256"].dropna().items()}
    found = [(row, by_sha[sha], 1.0) for row, sha in scans["voxel_sha256"].items() if sha in by_sha]
    rows, known = known_prints(scans, prints)
    public = _public_signs(listed)
    for start in range(0, len(known), BLOCK):
        part = known[start : start + BLOCK]
        shares = np.maximum.reduce([signs(part, shift) @ public.T for shift in SHIFTS])
        shares = (shares / np.prod(COMPARED) + 1) / 2
        for a, b in zip(*np.nonzero(shares >= ONE_PUBLIC_SCAN), strict=True):
            found.append((int(rows[start + a]), int(listed.index[b]), round(float(shares[a, b]), 3)))
    frame = pd.DataFrame(found, columns=PAIRS)
    return frame.sort_values("similarity", ascending=False).drop_duplicates(["first", "second"], ignore_index=True)


def public_list(scans: pd.DataFrame, prints: pd.DataFrame, name: str) -> pd.DataFrame:
    """Table ``fingerprints`` of a study's scans, in an order and under names that say nothing about patients.

    Parameters
    ----------
    scans, prints : DataFrame
        As in `alike`.
    name : str
        What the set is called.
    """
    rows, known = known_prints(scans, prints)
    texts = [signs_to_text(row) for row in signs(known)]
    listed = [
        dict(
            set=name,
            scan="scan-" + hashlib.sha256(text.encode()).hexdigest()[:12],
            voxel_sha256=scans.loc[row, "voxel_sha256"],
            fingerprint=text,
        )
        for row, text in zip(rows, texts, strict=True)
    ]
    return tables.frame("fingerprints", sorted(listed, key=lambda line: line["scan"]))


def _public_signs(listed: pd.DataFrame) -> np.ndarray:
    rows = []
    for row, text in enumerate(listed["fingerprint"], start=2):
        try:
            rows.append(signs_from_text(text))
        except ValueError as error:
            raise StudyError(f"list of fingerprints, row {row}, column fingerprint: {error}.") from None
    return np.stack(rows) if rows else np.zeros((0, int(np.prod(COMPARED))), np.float32)
