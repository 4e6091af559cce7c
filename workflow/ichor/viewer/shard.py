"""Overlays and volumes of a shard's scans, for the viewer page of a center."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from ichor.disk_space import whole_file
from ichor.imaging.brain import brain_mask
from ichor.imaging.measures import LABEL_CODES
from ichor.progress import track
from ichor.report import names, numbers
from ichor.viewer import volumes
from ichor.viewer.overlays import overlay

FACTS = "cases.json"
KEY = ["patient", "time_point"]


def write_shard(
    scans: pd.DataFrame, masks: pd.DataFrame, measures: pd.DataFrame, cases: pd.DataFrame, folder: Path
) -> None:
    """Write an overlay, a script with the volumes of each scan, and one JSON file that names them.

    Parameters
    ----------
    scans, masks, measures, cases : DataFrame
        Tables ``scans``, ``masks``, ``measures`` and ``agreement_cases`` of the shard, of one split.
    folder : Path
        Gets ``<patient>_<time point>.webp`` and ``.js``, and `FACTS`, a JSON list of: patient, time_point, overlay,
        script (null when there is nothing that may be shown), bytes (of the script), block (pixels averaged along an
        in-plane axis), pixels and spacing_mm (columns, rows, slices; of what is shown), compared (whether there is a
        reference mask).
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = scans.merge(masks[[*KEY, "mask", "reason"]], on=KEY, how="inner")
    measured = {tuple(row[name] for name in KEY): row for row in measures.to_dict("records")}
    facts = []
    for scan in track(list(rows.itertuples()), "viewer"):
        key = scan.patient, scan.time_point
        own = cases[(cases["patient"] == scan.patient) & (cases["time_point"] == scan.time_point)]
        words = caption(measured.get(key, {}), own, scan.reason)
        facts.append(_write(scan, words, [LABEL_CODES[label] for label in own["label"]], folder))
    with whole_file(folder / FACTS) as part:
        part.write_text(json.dumps(facts, indent=0) + "\n")


def _write(scan: tuple, words: list[str], compared: list[int], folder: Path) -> dict:
    image = nib.load(scan.image)
    data = np.asanyarray(image.dataobj)
    spacing_mm = np.array(image.header.get_zooms()[:3], float)
    brain = brain_mask(data, spacing_mm)
    predicted, reference = (_mask(path, data.shape) for path in (scan.mask, scan.reference_mask))
    if reference is not None and compared:  # a label that was not segmented has nothing to be compared with
        reference = np.where(np.isin(reference, compared), reference, 0).astype(np.uint8)
    name = f"{scan.patient}_{scan.time_point}"
    with whole_file(folder / f"{name}.webp") as part:
        part.write_bytes(overlay(data, brain, predicted, reference, spacing_mm, words))
    fact = dict(
        patient=scan.patient, time_point=scan.time_point, overlay=f"{name}.webp", compared=reference is not None
    )
    shown = volumes.reduce(data, image.affine, brain, predicted, reference)
    if shown is None:
        return fact | dict(script=None, bytes=0, block=1, pixels=[], spacing_mm=[])
    text = volumes.script(name, shown)
    with whole_file(folder / f"{name}.js") as part:
        part.write_text(text)
    ct = shown.volumes["ct"]
    return fact | dict(
        script=f"{name}.js",
        bytes=len(text),
        block=shown.block,
        pixels=list(ct.shape),
        spacing_mm=[round(float(size), 3) for size in ct.header.get_zooms()[:3]],
    )


def caption(measures: dict[str, object], cases: pd.DataFrame, reason: str | None) -> list[str]:
    """Two lines: what was measured, and how it agrees with the reference.

    Parameters
    ----------
    measures : dict
        The scan's row of table ``measures``; empty when it has none.
    cases : DataFrame
        The scan's rows of ``agreement_cases``.
    reason : str or None
        Reason code of the table ``masks``.
    """
    if measures.get("found") == 0:
        first = "Nothing found: 0.0 mL"
    else:
        known = [(names.SHORT[label], measures.get(f"{label}_ml")) for label in LABEL_CODES]
        parts = [f"{name} {numbers.plain(value, 1)} mL" for name, value in known if not numbers.missing(value)]
        where = " ".join(str(measures[name]) for name in ("location", "side") if isinstance(measures.get(name), str))
        first = ", ".join([*parts, where] if where and parts else parts) or "No volume"
    reasons = [why for why in (reason, measures.get("reasons")) if isinstance(why, str) and why]
    if reasons:
        first += f" ({'; '.join(dict.fromkeys(';'.join(reasons).split(';')))})"
    agreed = [
        f"{names.SHORT[row.label]} {numbers.plain(row.reference_ml, 1)} mL, Dice {numbers.plain(row.dice, 2)}"
        for row in cases.itertuples()
        if row.emptiness != "both_empty"
    ]
    empty = "Reference: nothing, as predicted" if len(cases) else "No reference mask"
    return [first, "Reference: " + "; ".join(agreed) if agreed else empty]


def _mask(path: str | None, shape: tuple[int, ...]) -> np.ndarray | None:
    """Voxels of a mask on the image's grid; None without one, and for one of another shape (it was flagged before)."""
    if not isinstance(path, str) or not path:
        return None
    data = np.asanyarray(nib.load(path).dataobj)
    return np.round(data).astype(np.uint8) if data.shape == shape else None
