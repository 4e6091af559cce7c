"""Networks trained on 40 real bleeds: cross-validation by patient, and the network that the repository ships.

    python benchmarks/forty_bleeds.py DATA WORK [--network umamba_bot] [--fold 0 ...] [--all]

DATA holds PHE-SICH-CT-IDS as ``NNNN_ct.nii.gz`` and ``NNNN_labels.nii.gz`` (1 hematoma, silver: voxels above 48 HU
inside the readers' boxes; 2 perihematomal edema, drawn by readers). The scans go through the workflow's ingest. Each
network is trained on the patients of four of five folds, for a number of steps that was chosen beforehand, and tried on
the fifth; spacing, window and patch are fixed, so that nothing of a plan depends on the scans that it is tried on. A
command that was stopped goes on where it was. ``--all`` trains on all 40 and tries nothing.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from rows import REPOSITORY, Row, run, save

sys.path.insert(0, str(REPOSITORY / "workflow"))  # the library is not installed: nothing is built

from ichor import tables  # noqa: E402
from ichor.segmentation.agreement import summarise_agreement  # noqa: E402
from ichor.segmentation.dataset import plan_segmentation  # noqa: E402
from ichor.segmentation.inference_profile import PROFILES  # noqa: E402
from ichor.segmentation.measure import measure_shard  # noqa: E402
from ichor.segmentation.plan import NETWORKS  # noqa: E402
from ichor.segmentation.predict import segment_shard  # noqa: E402
from ichor.segmentation.train import ALL, train_fold  # noqa: E402

CENTER, LABELS, FOLDS, SEED = "phesich", ["iph", "edema"], 5, 1
HEADINGS = ("center", "role", "dicom", "nifti", "image_pattern", "masks", "mask_pattern", "mask_labels", "table")
PLAN = {
    "planner": "ExperimentPlanner",
    "spacing_mm": [1.0, 1.0, None],
    "window_hu": [0.0, 100.0],
    "patch_size": [128, 128, 16],
    "batch_size": 2,
    "features_per_stage": [16, 32, 64, 96, 112],
    "convs_per_stage": 2,
}
STEPS_PER_EPOCH = 30
EPOCHS, EPOCHS_OF_ALL = 30, 80
BUDGET = {
    "iterations_per_epoch": STEPS_PER_EPOCH,
    "initial_lr": 0.002,
    "optimizer": "adamw",
    "oversample_foreground": 0.5,
    "mirror_left_right": True,
    "change_intensities": False,  # the hematoma label follows HU
    "validation_iterations": 4,
}
PROFILE = PROFILES["max"]  # mirrored copies, half steps
AIMS = {("iph", "dice_median"): 0.95, ("iph", "dice_q1"): 0.92, ("edema", "dice_median"): 0.60}
FIGURES = {
    "dice_q1": "Dice, lower quartile",
    "dice_median": "Dice, median",
    "dice_q3": "Dice, upper quartile",
    "nsd_median": "normalised surface distance, median",
    "hd95_median_mm": "HD95, median",
    "bias_ml": "volume, predicted minus reference: mean",
    "loa_low_ml": "volume difference, lower limit of agreement",
    "loa_high_ml": "volume difference, upper limit of agreement",
    "ccc": "concordance of volumes",
}
UNITS = {"hd95_median_mm": "mm", "bias_ml": "mL", "loa_low_ml": "mL", "loa_high_ml": "mL"}


def ingest(data: Path, work: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Let the workflow convert the scans; return its scans table and the splits table with a fold for each patient."""
    values = dict(
        center=CENTER, role="development", nifti=str(data), image_pattern="{patient}_ct.nii.gz", masks=str(data),
        mask_pattern="{patient}_labels.nii.gz", mask_labels="1=iph;2=edema",
    )  # fmt: skip
    lines = ["\t".join(HEADINGS), "\t".join(values.get(name, "") for name in HEADINGS)]
    (work / "centers.tsv").write_text("\n".join(lines) + "\n")
    config = {"centers": "centers.tsv", "columns": None, "validation": {"schemes": ["cv"], "folds": 2}}
    (work / "study.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "results/scans.tsv", "--directory", str(work), "--cores", "2"]
    run([*command, "--configfile", str(work / "study.yaml"), "--quiet", "all"], cwd=REPOSITORY)
    scans = tables.read("scans", work / "results/scans.tsv")
    scans = scans[scans["reference_mask"].notna()].sort_values("patient").reset_index(drop=True)
    places = np.random.default_rng(SEED).permutation(len(scans))
    patients = scans["patient"].to_numpy()[places]
    splits = pd.DataFrame({"split": "forty", "center": CENTER, "patient": patients, "role": "train"})
    return scans, splits.assign(fold=np.arange(len(splits)) % FOLDS)


def train(work: Path, fold: int | str, options: argparse.Namespace) -> Path:
    """Train a network, or go on, or leave it as it is when it is there."""
    epochs = options.epochs or (EPOCHS_OF_ALL if fold == ALL else EPOCHS)
    out = work / f"{fold}-{epochs}x{STEPS_PER_EPOCH}"
    if not (out / "model.json").is_file():
        train_fold(
            work / "plans.json", work, fold, budget=BUDGET | {"epochs": epochs}, seed=SEED, device=options.device,
            checkpoint_every_epochs=1, out_dir=out, threads=options.threads, precision=options.precision,
        )  # fmt: skip
    return out


def try_on_others(scans: pd.DataFrame, splits: pd.DataFrame, models: dict[int, Path], options) -> pd.DataFrame:
    """Summary of the agreement, each patient segmented by the network that has not seen the patient."""
    cases, all_masks = [], []
    for fold, model in models.items():
        own = scans[scans["patient"].isin(splits.loc[splits["fold"] == fold, "patient"])]
        masks, _ = segment_shard(
            own, splits.iloc[:0], "forty", [model], model / "masks", device=options.device, threads=options.threads,
            profile=PROFILE,
        )  # fmt: skip
        _, compared, _ = measure_shard(own, masks, LABELS)
        cases.append(compared)
        all_masks.append(masks)
    table = pd.concat(cases)
    table.to_csv(Path("cases.tsv"), sep="\t", index=False)
    summary = summarise_agreement(table, pd.concat(all_masks), LABELS)
    return summary[summary["center"] == "all"].set_index("label")


def rows_of(summary: pd.DataFrame, what: str) -> list[Row]:
    """Rows of the benchmark."""
    rows = []
    for label in LABELS:
        for name, words in FIGURES.items():
            aim, value = AIMS.get((label, name)), float(summary.loc[label, name])
            figure = f"{what}, {label}, {int(summary.loc[label, 'n'])} bleeds: {words}"
            reached = None if aim is None else value >= aim
            rows.append(
                Row(figure, value, UNITS.get(name, ""), aim="" if aim is None else f">= {aim}", reached=reached)
            )
    return rows


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the 40 scans and their labels")
    parser.add_argument("work", type=Path, help="folder for everything that is made")
    parser.add_argument("--network", choices=NETWORKS, default="nnunet")
    parser.add_argument("--fold", type=int, nargs="*", default=list(range(FOLDS)), help="folds to train and try")
    parser.add_argument("--all", action="store_true", help="train on all 40 instead")
    parser.add_argument("--epochs", type=int, help=f"of {STEPS_PER_EPOCH} steps")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="bf16", choices=["32", "bf16"], help="on a CPU")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    started = time.perf_counter()
    work = options.work.resolve() / options.network
    work.mkdir(parents=True, exist_ok=True)
    scans, splits = ingest(options.data.resolve(), work)
    os.chdir(work)  # the tables name files from there
    if not Path("plans.json").is_file():
        plan_segmentation(
            splits, scans, labels=LABELS, plan=PLAN, work_dir=work, out_plans=work / "plans.json",
            network=options.network, seed=SEED,
        )  # fmt: skip
    if options.all:
        print(f"trained: {train(work, ALL, options)}")
        return
    models = {fold: train(work, fold, options) for fold in options.fold}
    what = f"{options.network}, {options.epochs or EPOCHS} x {STEPS_PER_EPOCH} steps"
    rows = rows_of(try_on_others(scans, splits, models, options), what)
    save(f"forty_bleeds_{options.network}", rows, time.perf_counter() - started)


if __name__ == "__main__":
    main()
