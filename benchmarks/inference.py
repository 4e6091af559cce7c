"""Segmentation of a scan beside nnU-Net's own predictor: same weights, same files, same machine, same run.

    python benchmarks/inference.py [--scans 6] [--real FOLDER] [--model FOLDER] [--threads 2] [--device cpu]

Heads are simulated, whole (matrix 512) and small (matrix 128); with ``--real``, the scans of a folder with files
``NNNN_ct.nii.gz`` and ``NNNN_labels.nii.gz`` (1 = hematoma) take their place. The network is the bundle of ``--model``,
or one that is trained here on other simulated heads for a few minutes. For nnU-Net its weights are written as a
checkpoint of nnU-Net's own trainer. That predictor gets what its users give it (step 0.5, mirroring over the axes that
the network was trained with, 3 processes that read and 3 that write), the same without helpers, and without mirroring.

Every part is a process of its own. Its time begins when its modules are loaded and ends when the last mask is written,
reading the weights included. Its memory is what it and its helpers hold at the same time, a shared page once.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from rows import REPOSITORY, Row, row_of, save

sys.path.insert(0, str(REPOSITORY / "workflow"))  # the library is not installed: nothing is built

CENTER, SEED, LABEL = "aurora", 11, "iph"
PLAN = {"spacing_mm": [1.0, 1.0, None], "window_hu": [0.0, 100.0], "patch_size": [96, 96, 16], "batch_size": 2,
        "features_per_stage": [8, 16, 32, 64, 64], "convs_per_stage": 1}  # fmt: skip
BUDGET = {"epochs": 15, "iterations_per_epoch": 20, "initial_lr": 0.004, "optimizer": "adamw",
          "oversample_foreground": 0.33, "validation_iterations": 1}  # fmt: skip
TRAINING_HEADS, TRAINING_MATRIX = 10, 256
PEERS = {
    "nnU-Net's predictor": {"step": 0.5, "mirroring": True, "helpers": True},
    "nnU-Net's predictor, sequential": {"step": 0.5, "mirroring": True, "helpers": False},
    "nnU-Net's predictor, sequential, no mirroring": {"step": 0.5, "mirroring": False, "helpers": False},
}
AIM_TIMES, AIM_DICE = 4.0, 0.005


def simulate(folder: Path, heads: int, matrix: int, seed: int) -> list[dict]:
    """Write simulated heads with a bleed as NIfTI, and their masks; return their rows of the scans table."""
    from dataclasses import replace

    import nibabel as nib

    from ichor.simulate.anatomy import build_template, compose_head, draw_individual
    from ichor.simulate.bleeds import bleed
    from ichor.simulate.center import draw_center_patients
    from ichor.simulate.centers import find_center
    from ichor.simulate.exams import plan_bleed, write_mask
    from ichor.simulate.scanner import draw_pose, scan_head

    folder.mkdir(parents=True, exist_ok=True)
    center, rng = find_center(CENTER), np.random.default_rng(seed)
    template, cases = build_template(matrix, rng), []
    for number, row in enumerate(draw_center_patients(center, heads, seed).to_dict("records")):
        individual = draw_individual(row["age_years"], rng)
        individual = replace(individual, ventricle_mm=individual.ventricle_mm + 0.11 * row["ivh_ml"])
        bled = bleed(template, compose_head(template, individual), plan_bleed(row, individual.scale, rng), rng)[0]
        scan = scan_head(template, bled, individual.scale, draw_pose(rng), center.scanner, matrix, rng)
        case = case_row(folder, f"{seed}{number:03d}")
        image = nib.Nifti1Image(np.rint(scan.hu).astype(np.int16).transpose(2, 1, 0), scan.affine)
        nib.save(image, case["image"])
        write_mask(scan, Path(case["reference_mask"]))
        cases.append(case)
    return cases


def real(folder: Path, limit: int, out: Path) -> list[dict]:
    """Scans of a folder with their hematomas."""
    import nibabel as nib

    out.mkdir(parents=True)
    cases = []
    for path in sorted(folder.glob("*_ct.nii.gz"))[:limit]:
        case = case_row(out, path.name.removesuffix("_ct.nii.gz")) | {"image": str(path)}
        labels = nib.load(str(path).replace("_ct.nii.gz", "_labels.nii.gz"))
        hematoma = np.asarray(labels.dataobj).round() == 1
        nib.save(nib.Nifti1Image(hematoma.astype(np.uint8), labels.affine), case["reference_mask"])
        cases.append(case)
    return cases


def case_row(folder: Path, name: str) -> dict:
    """Row of the scans table of a case."""
    files = {"image": str(folder / f"{name}_ct.nii.gz"), "reference_mask": str(folder / f"{name}_mask.nii.gz")}
    digest = f"{int(name):064x}"
    return {"patient": name, "center": CENTER, "time_point": "baseline", **files, "voxel_sha256": digest,
            "reference_sha256": digest}  # fmt: skip


def train(cases: list[dict], work: Path, threads: int) -> Path:
    """Train a small network; return its bundle."""
    import pandas as pd

    from ichor.segmentation.dataset import plan_segmentation
    from ichor.segmentation.train import train_fold

    scans = pd.DataFrame(cases)
    split = scans[["patient", "center"]].assign(split="bench", role="train", fold=0)
    split.loc[0, "fold"] = 1  # a plan needs two folds: one case is left out
    plans, out = work / "plans.json", work / "model"
    plan_segmentation(split, scans, labels=[LABEL], plan=PLAN, work_dir=work, out_plans=plans)
    train_fold(plans, work, 1, budget=BUDGET, seed=SEED, device="cpu", checkpoint_every_epochs=1000, out_dir=out,
               threads=threads)  # fmt: skip
    return out


def dataset_of(content: dict) -> dict:
    """nnU-Net's dataset.json of an exported bundle, which holds none."""
    labels = {"background": 0} | {label: value for value, label in enumerate(content["labels"], start=1)}
    return {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": 1, "file_ending": ".nii.gz",
            "overwrite_image_reader_writer": "SimpleITKIO"}  # fmt: skip


def plans_of(content: dict) -> dict:
    """nnU-Net's plans of an exported bundle, which holds none: its network and grid, nnU-Net's own functions."""
    arguments, grid = dict(content["architecture"]["arguments"]), content["grid"]
    operations = [key for key in ("conv_op", "norm_op", "dropout_op", "nonlin") if arguments.get(key)]
    arguments |= {key: f"torch.nn.{arguments[key]}" for key in operations}
    low, high = grid["clip_hu"]
    resample = {}
    for what, order in (("data", 3), ("seg", 1), ("probabilities", 1)):
        resample[f"resampling_fn_{what}"] = "resample_data_or_seg_to_shape"
        kwargs = {"is_seg": what == "seg", "order": order, "order_z": 0, "force_separate_z": None}
        resample[f"resampling_fn_{what}_kwargs"] = kwargs
    configuration = {
        "data_identifier": "nnUNetPlans_3d_fullres", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2,
        "patch_size": content["patch_size"], "spacing": grid["spacing_mm"], "batch_dice": False,
        "normalization_schemes": ["CTNormalization"], "use_mask_for_norm": [False], **resample,
        "architecture": {
            "network_class_name": "dynamic_network_architectures.architectures.unet."
            + content["architecture"]["class"],
            "arch_kwargs": arguments, "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
    }  # fmt: skip
    intensity = {"mean": grid["shift_hu"], "std": grid["scale_hu"], "percentile_00_5": low, "percentile_99_5": high}
    return {
        "dataset_name": "Dataset001_Ichor", "plans_name": "nnUNetPlans", "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2], "label_manager": "LabelManager",
        "configurations": {"3d_fullres": configuration},
        "foreground_intensity_properties_per_channel": {"0": intensity},
    }  # fmt: skip


def write_checkpoint(model: Path, folder: Path) -> list[int]:
    """Write a bundle as nnU-Net's users have a trained model; return the axes that it may be mirrored over."""
    import torch

    from ichor.segmentation.bundle import load_model

    content = json.loads((model / "model.json").read_text())
    (folder / "fold_0").mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(content.get("plans") or plans_of(content)))
    (folder / "dataset.json").write_text(json.dumps(content.get("dataset") or dataset_of(content)))
    mirrored = content["training"].get("budget", {}).get("mirror_left_right", True)
    checkpoint = {
        "trainer_name": "nnUNetTrainer",
        "init_args": {"configuration": "3d_fullres"},
        "inference_allowed_mirroring_axes": (2,) if mirrored else None,
        "network_weights": load_model(model).network.state_dict(),
    }
    torch.save(checkpoint, folder / "fold_0" / "checkpoint_final.pth")
    return [2] if mirrored else []


def part_ours(job: dict) -> list[float]:
    """Segment with a profile; return the seconds that it took, and of CPU time."""
    import pandas as pd

    from ichor.segmentation.inference_profile import PROFILES
    from ichor.segmentation.predict import segment_shard

    started, cpu_s = time.perf_counter(), _cpu_seconds()
    nobody = pd.DataFrame(columns=["center", "patient", "fold"])
    masks, _ = segment_shard(
        pd.DataFrame(job["cases"]).assign(reference_mask=None, voxel_sha256=None), nobody, "bench",
        [Path(job["model"])], Path(job["out"]), device=job["device"], profile=PROFILES[job["profile"]],
        threads=job["threads"],
    )  # fmt: skip
    spent = [time.perf_counter() - started, _cpu_seconds() - cpu_s]
    if masks["mask"].isna().any():
        raise RuntimeError("a scan could not be segmented")
    for row in masks.itertuples():
        Path(row.mask).rename(Path(job["out"]) / f"{row.patient}.nii.gz")
    return spent


def part_peer(job: dict) -> list[float]:
    """Segment with nnU-Net's predictor; return the seconds that it took, and of CPU time."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    torch.set_num_threads(job["threads"])
    started, cpu_s = time.perf_counter(), _cpu_seconds()
    predictor = nnUNetPredictor(
        tile_step_size=job["step"], use_mirroring=job["mirroring"], device=torch.device(job["device"]), allow_tqdm=False
    )
    predictor.initialize_from_trained_model_folder(job["checkpoint"], use_folds=(0,))
    files = [[case["image"]] for case in job["cases"]]
    names = [str(Path(job["out"]) / case["patient"]) for case in job["cases"]]
    if job["helpers"]:
        predictor.predict_from_files(files, names, num_processes_preprocessing=3, num_processes_segmentation_export=3)
    else:
        predictor.predict_from_files_sequential(files, names)
    return [time.perf_counter() - started, _cpu_seconds() - cpu_s]


def alone(part: str, job: dict, work: Path) -> dict[str, float]:
    """Run a part in a process of its own: wall and CPU time per scan (s), peak memory with its helpers (MB)."""
    Path(job["out"]).mkdir(parents=True)
    order, log = work / "job.json", work / "log.txt"
    order.write_text(json.dumps(job))
    with log.open("w") as output:
        process = subprocess.Popen([sys.executable, __file__, "--part", part, str(order)], stdout=output, stderr=output)
        peak = [0.0]
        watch = threading.Thread(target=_watch, args=(process, peak))
        watch.start()
        process.wait()
        watch.join()
    if process.returncode:
        raise RuntimeError(f"{part}:\n" + log.read_text()[-3000:])
    seconds, cpu_s = json.loads(log.read_text().strip().splitlines()[-1])
    scans = len(job["cases"])
    return {"seconds": seconds / scans, "cpu": cpu_s / scans, "memory_mb": peak[0]}


def _watch(process: subprocess.Popen, peak: list[float]) -> None:
    import psutil

    root = psutil.Process(process.pid)
    while process.poll() is None:
        held = 0.0
        try:
            for one in (root, *root.children(recursive=True)):
                held += one.memory_full_info().pss / 2**20
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # one ended meanwhile: the sum is not of one moment
        peak[0] = max(peak[0], held)
        time.sleep(0.25)  # adding up pages costs time as well


def mean_dice(cases: list[dict], out: Path) -> float:
    """Mean Dice of the hematoma over the cases."""
    import nibabel as nib

    from ichor.segmentation.agreement import dice

    def label(path: str | Path) -> np.ndarray:
        return np.asarray(nib.load(path).dataobj).round() == 1

    return float(np.mean([dice(label(out / f"{c['patient']}.nii.gz"), label(c["reference_mask"])) for c in cases]))


def measure(name: str, cases: list[dict], model: Path, work: Path, options: argparse.Namespace) -> list[Row]:
    """Rows of one set of scans."""
    from ichor.segmentation.inference_profile import PROFILES

    axes = write_checkpoint(model, work / "checkpoint")
    shared = {"cases": cases, "device": options.device, "threads": options.threads}
    results = {}
    for peer, settings in PEERS.items():
        job = shared | settings | {"checkpoint": str(work / "checkpoint"), "out": str(work / peer)}
        job["mirroring"] = settings["mirroring"] and bool(axes)
        results[peer] = alone("part_peer", job, work) | {"dice": mean_dice(cases, work / peer)}
        print(f"  {name}, {peer}: {results[peer]}", flush=True)
    for profile in PROFILES:
        job = shared | {"profile": profile, "model": str(model), "out": str(work / profile)}
        results[profile] = alone("part_ours", job, work) | {"dice": mean_dice(cases, work / profile)}
        print(f"  {name}, {profile}: {results[profile]}", flush=True)
    return [row for result in results.items() for row in _rows(name, len(cases), result, results)]


def _rows(name: str, count: int, result: tuple[str, dict], results: dict[str, dict]) -> list[Row]:
    """Rows of one predictor; ours stand against the better of nnU-Net's two, with helpers and without."""
    who, found = result
    about = f"{who}; {count} scans, {name}"
    if who in PEERS:
        peers, aims = [""] * 4, [{}] * 4
    else:
        stock = [results[peer] for peer in list(PEERS)[:2]]
        best = {key: min(one[key] for one in stock) for key in ("seconds", "cpu", "memory_mb")}
        times = {key: best[key] / found[key] for key in best}
        apart = found["dice"] - stock[0]["dice"]
        peers = [f"nnU-Net: {best[key]:.3g}, {times[key]:.1f} x" for key in ("seconds", "cpu", "memory_mb")]
        peers.append(f"nnU-Net: {stock[0]['dice']:.4f}, {apart:+.4f}")
        aims = [{}] * 4
        if who == "fast":
            aims = [
                {"aim": f">= {AIM_TIMES:g} x", "reached": times["seconds"] >= AIM_TIMES},
                {"aim": f">= {AIM_TIMES:g} x", "reached": times["cpu"] >= AIM_TIMES},
                {"aim": "less", "reached": times["memory_mb"] > 1},
                {"aim": f"not lower by {AIM_DICE:g}", "reached": apart >= -AIM_DICE},
            ]
    figures = ("time per scan", "CPU time per scan", "peak memory", "mean Dice")
    return [
        row_of(f"{figure}; {about}", [found[key]], unit, peer=peer, **aim)
        for figure, key, unit, peer, aim in zip(
            figures, ("seconds", "cpu", "memory_mb", "dice"), ("s", "s", "MB", ""), peers, aims, strict=True
        )
    ]


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, default=6, help="scans of each size, or of --real at most")
    parser.add_argument("--real", type=Path, help="folder with real scans to measure on instead")
    parser.add_argument("--model", type=Path, help="bundle of a trained fold, instead of training one")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch, of either predictor")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--work", type=Path, help="folder for what is made meanwhile (a temporary one)")
    parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        name, order = options.part
        print(json.dumps({"part_ours": part_ours, "part_peer": part_peer}[name](json.loads(Path(order).read_text()))))
        return
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="inference-", dir=options.work) as place:
        work = Path(place)
        model = options.model
        if model is None:
            heads = simulate(work / "training", TRAINING_HEADS, TRAINING_MATRIX, SEED)
            model = train(heads, work / "training-work", options.threads)
        if options.real:
            sets = {"real": real(options.real, options.scans, work / "real")}
        else:
            sets = {f"simulated, matrix {matrix}": simulate(work / f"heads-{matrix}", options.scans, matrix, SEED + 1)
                    for matrix in (512, 128)}  # fmt: skip
        rows = []
        for number, (name, cases) in enumerate(sets.items()):
            (work / str(number)).mkdir()
            rows += measure(name, cases, model, work / str(number), options)
    save("inference_real" if options.real else "inference", rows, time.perf_counter() - started)


def _cpu_seconds() -> float:
    """CPU time of this process since its start and of its helpers that have ended."""
    import os

    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


if __name__ == "__main__":
    main()
