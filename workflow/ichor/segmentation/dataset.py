"""Plan a split's segmentation: fingerprint, plan, preprocessed cases and folds from its train and tune rows alone."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ichor.errors import StudyError
from ichor.imaging.measures import LABEL_CODES
from ichor.progress import track
from ichor.seeds import seed_for
from ichor.segmentation.case_store import save_case
from ichor.segmentation.columns import IDENTITY
from ichor.segmentation.folders import CONFIGURATION, DATASET, PREPARED, preprocessed
from ichor.segmentation.labels import check_labels, to_network
from ichor.segmentation.network import architecture_of_plan
from ichor.segmentation.plan import grid_of, make_plans
from ichor.segmentation.preprocess import Grid, head_box, prepare_image, prepare_mask
from ichor.segmentation.scan import read_mask, read_scan

FORMAT = "ichor-segmentation-plan/1"
MAX_INTENSITIES = 10_000_000
"""Foreground voxels, over all scans, from which the intensity numbers are taken (nnU-Net: 10e7)."""


def plan_segmentation(
    split_rows: pd.DataFrame,
    scans: pd.DataFrame,
    *,
    labels: Sequence[str],
    plan: dict,
    work_dir: Path,
    out_plans: Path,
    network: str = "nnunet",
    unlabelled: Mapping[str, Sequence[str]] | None = None,
    workers: int = 1,
    seed: int = 0,
) -> dict:
    """Prepare everything that training a split's fold models needs.

    Parameters
    ----------
    split_rows : DataFrame
        Train and tune rows of the splits table of one split; `fold` says which model never sees the patient.
    scans : DataFrame
        Scans table; those of other patients and those without reference mask are left out.
    labels : sequence of str
        What is segmented, names of `LABEL_CODES`; other labels of the references are background.
    plan : dict
        See `ichor.segmentation.plan.make_plans`.
    work_dir : Path
        Work folder of the split; its nnU-Net folders are made here.
    out_plans : Path
        The written plan: what was planned, from which cases.
    network : str
        Word of `ichor.segmentation.plan.NETWORKS`.
    unlabelled : mapping of str to sequence of str, optional
        Labels that a center's masks cannot hold (`ichor.segmentation.unlabelled`): its blank voxels may be these.
    workers : int
        Threads that read and resample.
    seed : int

    Returns
    -------
    dict
        What `out_plans` holds.

    Raises
    ------
    StudyError
        If there are too few reference masks or a label does not occur in them.
    """
    labels = check_labels(labels)
    cases = training_cases(split_rows, scans)
    analyses = _each(lambda case: _analyse(case, labels, len(cases)), cases, workers, "read training scans")
    _check_labels_occur(analyses, labels)
    sets = _unlabelled_sets(cases, labels, unlabelled or {})
    for case, analysis in zip(cases, analyses, strict=True):
        case["labels"] = [labels[value - 1] for value in analysis["found"]]
    dataset = _dataset_json(cases, labels)
    plans = make_plans(work_dir, dataset, _fingerprint(analyses), plan, network)
    keep_slices = bool(plan.get("spacing_mm")) and plan["spacing_mm"][2] is None
    grid = grid_of(plans, keep_slices=keep_slices)
    folder = preprocessed(work_dir) / plans["configurations"][CONFIGURATION]["data_identifier"]
    for old in [preprocessed(work_dir) / PREPARED, *folder.glob("case-*")]:
        old.unlink(missing_ok=True)
    _each(lambda case: _preprocess(case, labels, grid, folder, seed), cases, workers, "preprocess training scans")
    manifest = _manifest(split_rows, cases, labels, plans, dataset, grid, sets)
    _dump(preprocessed(work_dir) / "nnUNetPlans.json", plans)
    _dump(preprocessed(work_dir) / "dataset.json", dataset)
    _dump(preprocessed(work_dir) / "splits_final.json", nnunet_folds(cases))
    _dump(preprocessed(work_dir) / "manifest.json", manifest)
    _dump(preprocessed(work_dir) / PREPARED, {"sha256": manifest["sha256"]})
    _dump(out_plans, manifest)
    return manifest


def training_cases(split_rows: pd.DataFrame, scans: pd.DataFrame) -> list[dict]:
    """Scans with reference mask of the patients in `split_rows`, each with its patient's fold, in a fixed order.

    Raises
    ------
    StudyError
        If there is no such scan, or all of them lie in one fold.
    """
    folds = split_rows[["center", "patient", "fold", "split"]]
    rows = scans[scans["reference_mask"].notna()].merge(folds, on=["center", "patient"], how="inner")
    rows = rows.sort_values(["center", "patient", "time_point"])
    split = ", ".join(sorted(split_rows["split"].unique())) or "?"
    if rows["fold"].isna().any():
        raise StudyError(f"splits table, split {split}: a train or tune row has no fold; write 0, 1, ...")
    if rows["fold"].nunique() < 2:
        raise StudyError(
            f"split {split}: {len(rows)} scans of train and tune patients have a reference mask, in "
            f"{rows['fold'].nunique()} fold(s); cross-fitting needs at least 2 folds. Give reference masks of more "
            "patients (sheet centers, columns masks and mask_pattern)."
        )
    cases = rows[[*IDENTITY, "fold"]].to_dict("records")
    return [case | {"case": f"case-{i:05d}", "fold": int(case["fold"])} for i, case in enumerate(cases)]


def nnunet_folds(cases: list[dict]) -> list[dict[str, list[str]]]:
    """nnU-Net's ``splits_final.json``: fold k trains on the cases of the other folds and validates on its own.

    A fold without a reference mask of its own watches its progress on training cases.
    """
    folds = []
    for fold in range(max(case["fold"] for case in cases) + 1):
        train = [case["case"] for case in cases if case["fold"] != fold]
        folds.append({"train": train, "val": [c["case"] for c in cases if c["fold"] == fold] or list(train)})
    return folds


def _each(task: Callable[[dict], object], cases: list[dict], workers: int, description: str) -> list:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(max(1, workers)) as pool:
            return list(track(pool.map(task, cases), description, total=len(cases)))
    finally:
        torch.set_num_threads(threads)


def _analyse(case: dict, labels: Sequence[str], n_cases: int) -> dict:
    """Size, spacing and foreground intensities of one scan, for nnU-Net's fingerprint."""
    scan = read_scan(case["image"])
    mask = to_network(read_mask(case["reference_mask"], scan), labels)
    intensities = scan.hu[mask > 0]
    limit = max(1, MAX_INTENSITIES // n_cases)
    box = head_box(scan.hu, scan.spacing_mm)
    return {
        "shape": [int(size) for size in scan.hu[box].shape],
        "spacing": [float(size) for size in scan.spacing_mm],
        "kept": scan.hu[box].size / scan.hu.size,
        "intensities": intensities[:: -(-len(intensities) // limit)] if len(intensities) else intensities,
        "found": sorted(int(value) for value in np.unique(mask) if value),
    }


def _check_labels_occur(analyses: Iterable[dict], labels: Sequence[str]) -> None:
    found = {value for analysis in analyses for value in analysis["found"]}
    absent = [label for value, label in enumerate(labels, start=1) if value not in found]
    if absent:
        raise StudyError(
            f"segmentation labels: no reference mask of the training scans holds {', '.join(absent)} "
            f"(voxel value {', '.join(str(LABEL_CODES[label]) for label in absent)}); "
            "take the label out of the config, or check mask_labels in the centers sheet."
        )


def _unlabelled_sets(cases: list[dict], labels: Sequence[str], unlabelled: Mapping[str, Sequence[str]]) -> list:
    """Sets of labels that a case's readers did not draw; each case gets the value of its blank voxels."""
    undrawn = [tuple(label for label in labels if label in unlabelled.get(case["center"], ())) for case in cases]
    sets = sorted({labels_of_case for labels_of_case in undrawn if labels_of_case})
    for case, labels_of_case in zip(cases, undrawn, strict=True):
        case["background"] = len(labels) + 1 + sets.index(labels_of_case) if labels_of_case else 0
    return [list(labels_of_case) for labels_of_case in sets]


def _fingerprint(analyses: list[dict]) -> dict:
    """nnU-Net's dataset fingerprint."""
    values = np.concatenate([analysis["intensities"] for analysis in analyses]).astype(np.float64)
    low, median, high = np.percentile(values, [0.5, 50.0, 99.5])
    channel = {
        "mean": float(values.mean()),
        "median": float(median),
        "std": float(values.std()),
        "min": float(values.min()),
        "max": float(values.max()),
        "percentile_00_5": float(low),
        "percentile_99_5": float(high),
    }
    return {
        "spacings": [analysis["spacing"] for analysis in analyses],
        "shapes_after_crop": [analysis["shape"] for analysis in analyses],
        "foreground_intensity_properties_per_channel": {"0": channel},
        "median_relative_size_after_cropping": float(np.median([analysis["kept"] for analysis in analyses])),
    }


def _preprocess(case: dict, labels: Sequence[str], grid: Grid, folder: Path, seed: int) -> None:
    scan = read_scan(case["image"])
    mask = to_network(read_mask(case["reference_mask"], scan), labels)
    image, box = prepare_image(scan.hu, scan.spacing_mm, grid)
    target = prepare_mask(mask, len(labels), box, tuple(image.shape[1:]))
    seed = seed_for(seed, "locations", case["case"])
    save_case(folder, case["case"], image.numpy(), target.numpy(), seed, background=case["background"])


def _dataset_json(cases: list[dict], labels: Sequence[str]) -> dict:
    files = {c["case"]: {"images": [str(c["image"])], "label": str(c["reference_mask"])} for c in cases}
    return {
        "name": DATASET,
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **{label: value for value, label in enumerate(labels, start=1)}},
        "numTraining": len(cases),
        "file_ending": ".nii.gz",
        "overwrite_image_reader_writer": "SimpleITKIO",
        "dataset": files,
    }


def _manifest(split_rows: pd.DataFrame, cases, labels, plans: dict, dataset: dict, grid: Grid, sets: list) -> dict:
    configuration = plans["configurations"][CONFIGURATION]
    kept = (
        "case",
        "center",
        "patient",
        "time_point",
        "fold",
        "labels",
        "background",
        "voxel_sha256",
        "reference_sha256",
    )
    manifest = {
        "format": FORMAT,
        "split": str(split_rows["split"].iloc[0]),
        "labels": list(labels),
        "unlabelled": sets,
        "grid": asdict(grid),
        "patch_size": configuration["patch_size"],
        "batch_size": configuration["batch_size"],
        "architecture": architecture_of_plan(configuration["architecture"]),
        "cases": [{key: case[key] for key in kept} for case in cases],
        "plans": plans,
        "dataset": {key: value for key, value in dataset.items() if key != "dataset"},
    }
    manifest = json.loads(json.dumps(manifest))
    return manifest | {"sha256": hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()}


def _dump(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
