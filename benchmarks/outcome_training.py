"""Training of an outcome network beside a plain MONAI script, and all outcome models of one patient.

    python benchmarks/outcome_training.py [--scans 16] [--matrix 512] [--real FOLDER] [--epochs 4] [--threads 2]

Scans are simulated heads as hospitals store them (matrix 512, compressed NIfTI), or the real ones of a folder. Both
sides train the same network (the default `densenet`: 40 x 48 x 32 voxels of 4 x 4 x 5 mm, one window, no mask) on the
same files, with the same batches and the same kinds of changes. The peer is what one writes with MONAI: a Compose that
loads, orients, windows, resamples, crops and changes each scan, a Dataset without cache and a DataLoader; alone, and
with a worker per thread. Ours reads the scans once, before the first epoch. The time that the network takes is in both,
so a larger network makes the ratio smaller: what a scan costs in either pipeline is given by itself.

With ``--clock cpu`` and one thread CPU time is counted, so that other work on the machine changes little; the peer is
then the script without workers. Every part is a process of its own; its memory is what it and its workers hold at the
same time, a shared page once.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import inference
import numpy as np
from rows import REPOSITORY, Row, row_of, save

sys.path.insert(0, str(REPOSITORY / "workflow"))  # the library is not installed: nothing is built

HEADS, SEED, AIM_TIMES, AIM_PATIENT_S = 2, 23, 3.0, 1.0
INPUT = {"mask_labels": []}
PEERS = {"MONAI script": 0, "MONAI script, a worker per thread": None}
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
CLOCK = [time.perf_counter]
FEATURES = ["age_years", "gcs", "iph_ml", "ivh_ml"]
NOT_OF_OUTCOME = {"vit", "vit_record", "volume", "radiomics", "brain_score", "nag_score", "bat_score",
                  "nine_point_score"}  # fmt: skip


def make_scans(folder: Path, options: argparse.Namespace) -> list[dict]:
    """Write simulated heads, and more of them with other noise, or take real ones; rows of a cohort table."""
    import nibabel as nib

    from ichor.imaging.geometry import spacing_mm
    from ichor.imaging.voxels import image_sha256, voxel_sha256
    from ichor.simulate.center import draw_center_patients
    from ichor.simulate.centers import find_center

    count, rng = options.scans, np.random.default_rng(SEED)
    if options.real:
        heads = inference.real(options.real, count, folder)
        count = len(heads)
    else:
        heads = inference.simulate(folder, min(HEADS, count), options.matrix, SEED)
    records = draw_center_patients(find_center(inference.CENTER), count, SEED).to_dict("records")
    rows = []
    for number, record in enumerate(records):
        head = heads[number % len(heads)]
        image, mask = nib.load(head["image"]), nib.load(head["reference_mask"])
        voxels, path = np.asanyarray(image.dataobj), head["image"]
        if not options.real:
            voxels, path = voxels + rng.integers(-1, 2, image.shape, dtype=np.int16), folder / f"{number:03d}.nii.gz"
            nib.save(nib.Nifti1Image(voxels, image.affine), path)
        content = {
            "image_sha256": image_sha256(voxel_sha256(voxels), spacing_mm(image.affine)),
            "mask_sha256": voxel_sha256(np.asanyarray(mask.dataobj)),
        }
        who = {"split": "external", "center": inference.CENTER, "role": "train"}
        labels = {"label_poor_outcome": number % 2, "label": number % 2}
        paths = {"image": str(path), "mask": head["reference_mask"]}
        rows.append(record | who | paths | content | labels | {"patient": f"{number:03d}"})
    return rows


def spec_of(epochs: int, batch_size: int) -> dict:
    """Complete settings of the network that is trained."""
    from ichor.models import registry

    training = {"epochs": epochs, "batch_size": batch_size, "checkpoint_every_epochs": 1000}
    return registry.resolve({"kind": "densenet", "input": INPUT, "training": training})


def part_ours(job: dict) -> dict:
    """Read and train as Ichor does; seconds of reading, of each epoch, and of its data."""
    import pandas as pd
    import torch

    from ichor.imaging.augment import AugmentRanges
    from ichor.models import densenet
    from ichor.training import loop
    from ichor.training.data import InputSpec, load_views

    torch.set_num_threads(job["threads"])
    spec, rows, spent = spec_of(job["epochs"], job["batch"]), pd.DataFrame(job["rows"]), {"epochs": [], "data": []}
    inputs, folder = InputSpec.from_settings(spec["input"]), Path(job["out"])
    for name in ("read", "read again"):  # the second time from the cache, as every other model and seed does
        started = CLOCK[0]()
        views, _ = load_views(rows, inputs, name, folder / "volumes")
        spent[name] = CLOCK[0]() - started
    loop._train_epoch = _timed(loop._train_epoch, spent["epochs"])
    batches = []
    loop._changed_batch = _timed(loop._changed_batch, batches)
    training = loop.Training(
        inputs, AugmentRanges(**spec["augment"]), loop.LoopSettings(**spec["training"]), torch.device(job["device"]),
        job["precision"], SEED,
    )  # fmt: skip
    network = densenet.build(spec, inputs.channels, inputs.grid.shape)
    examples = loop.Examples(views, rows["label"].to_numpy(np.float32))
    nobody = loop.Examples(type(views)(views.image_hu[:0], views.masks[:0]), examples.labels[:0])
    loop.train(network, training, examples, nobody, folder / "network", "benchmark")
    per_epoch = len(batches) // job["epochs"]
    spent["data"] = [sum(batches[epoch * per_epoch :][:per_epoch]) for epoch in range(job["epochs"])]
    return spent | {"batches": per_epoch}


def _timed(function, into: list):
    def call(*arguments):
        started = CLOCK[0]()
        try:
            return function(*arguments)
        finally:
            into.append(CLOCK[0]() - started)

    return call


def part_monai(job: dict) -> dict:
    """The same training as a plain MONAI script; seconds of each epoch, and of waiting for data."""
    import monai.transforms as mt
    import torch
    from monai.data import DataLoader, Dataset

    from ichor.models import densenet
    from ichor.training.data import InputSpec
    from ichor.training.device import autocast

    torch.set_num_threads(job["threads"])
    torch.manual_seed(SEED)
    spec, device = spec_of(job["epochs"], job["batch"]), torch.device(job["device"])
    inputs = InputSpec.from_settings(spec["input"])
    (low, high), shape = inputs.windows_hu[0], inputs.grid.shape
    change = spec["augment"]
    angle, zoom = np.deg2rad(change["rotation_deg"]), change["zoom"]
    transforms = mt.Compose(
        [
            mt.LoadImaged("image"),
            mt.EnsureChannelFirstd("image"),
            mt.Orientationd("image", axcodes="RAS"),
            mt.ScaleIntensityRanged("image", low, high, 0.0, 1.0, clip=True),
            mt.Spacingd("image", pixdim=inputs.grid.spacing_mm, mode="bilinear"),
            mt.ResizeWithPadOrCropd("image", shape),
            mt.RandFlipd("image", prob=0.5, spatial_axis=0),
            mt.RandRotated("image", range_z=angle, prob=1.0, keep_size=True),
            mt.RandZoomd("image", prob=1.0, min_zoom=1 - zoom, max_zoom=1 + zoom),
            mt.RandShiftIntensityd("image", offsets=change["brightness"], prob=1.0),
            mt.RandGaussianNoised("image", prob=1.0, std=change["noise"]),
        ]
    )
    items = [{"image": row["image"], "label": float(row["label"])} for row in job["rows"]]
    loader = DataLoader(Dataset(items, transforms), batch_size=job["batch"], shuffle=True, num_workers=job["workers"])
    network = densenet.build(spec, inputs.channels, shape).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=spec["training"]["learning_rate"])
    spent = {"epochs": [], "data": []}
    for _ in range(job["epochs"]):
        started, waited, fresh = CLOCK[0](), 0.0, iter(loader)
        while True:
            asked = CLOCK[0]()
            batch = next(fresh, None)
            waited += CLOCK[0]() - asked
            if batch is None:
                break
            with autocast(device, job["precision"]):
                logits = network(batch["image"].as_tensor().to(device))[:, 0].float()
            target = batch["label"].float().to(device)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            float(loss.detach())
        spent["epochs"].append(CLOCK[0]() - started)
        spent["data"].append(waited)
    return spent | {"batches": len(loader)}


def part_patient(job: dict) -> dict:
    """Fit every outcome model for one epoch, then time all of them on one patient whose volume is in memory."""
    import nibabel as nib
    import pandas as pd
    import torch

    from ichor.imaging.volume_cache import Volume
    from ichor.models import registry
    from ichor.training import bundle
    from ichor.training.fit import fit_model

    torch.set_num_threads(job["threads"])
    rows, out = pd.DataFrame(job["rows"]), Path(job["out"])
    rows = rows.assign(gcs=rows["gcs"].astype("Int64"), role="train")
    rows = pd.concat([rows, rows.assign(role="tune", patient=rows["patient"] + "-tune")], ignore_index=True)
    models = {}
    for kind, family in registry.kinds().items():
        if kind in NOT_OF_OUTCOME or family not in ("network", "tabular"):
            continue
        given = {"kind": kind}
        if family == "network":
            given |= {"training": {"epochs": 1, "batch_size": 4}, "input": {"mask_labels": []}}
        elif "features" in registry.default_spec(kind):
            given |= {"features": FEATURES}
        status = fit_model(
            rows, task="outcome", target="poor_outcome", model=kind, spec=given, seed=SEED, device="cpu",
            checkpoint_dir=out / kind / "state", bundle_dir=out / kind, threads=job["threads"],
            volumes_dir=out / "volumes",
        )  # fmt: skip
        if not bundle.describe(out / kind)["fitted"]:
            print(f"{kind}: {status['detail'].tolist()}", file=sys.stderr)
            continue
        models[kind] = bundle.load(out / kind, device="cpu", threads=job["threads"])
    image, mask = (nib.as_closest_canonical(nib.load(rows[name].iloc[0])) for name in ("image", "mask"))
    volume, labels = Volume(np.asanyarray(image.dataobj), image.affine), np.asanyarray(mask.dataobj)
    times = {kind: [] for kind in models}
    for _ in range(job["repeats"] + 1):
        views: dict = {}
        for kind, model in models.items():
            started = CLOCK[0]()
            _predict(model, volume, labels, rows.head(1), views)
            times[kind].append(CLOCK[0]() - started)
    return {kind: each[1:] for kind, each in times.items()}


def _predict(model, volume, labels: np.ndarray, row, views: dict) -> None:
    """One patient; a view that another network has made is used again."""
    if not hasattr(model, "training"):
        model.predict(row)
        return
    from ichor.training.data import Views, view_of

    inputs = model.training.inputs
    if inputs not in views:
        views[inputs] = view_of(volume, labels, inputs)
    image_hu, masks = views[inputs]
    record = model.record.matrix(row) if model.record else None
    model.predict_views(Views(image_hu[None], masks[None], record))


def alone(part: str, job: dict, work: Path) -> tuple[dict, float]:
    """Run a part in a process of its own: what it returns, and peak memory with its helpers (MB)."""
    Path(job["out"]).mkdir(parents=True)
    order, log, peak = work / "job.json", work / "log.txt", [0.0]
    order.write_text(json.dumps(job, default=_plain))
    with log.open("w") as output:
        process = subprocess.Popen([sys.executable, __file__, "--part", part, str(order)], stdout=output, stderr=output)
        watch = threading.Thread(target=inference._watch, args=(process, peak))
        watch.start()
        process.wait()
        watch.join()
    if process.returncode:
        raise RuntimeError(f"{part}:\n" + log.read_text()[-3000:])
    return json.loads(log.read_text().strip().splitlines()[-1]), peak[0]


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else str(value)


def training_rows(rows: list[dict], work: Path, options: argparse.Namespace) -> list[Row]:
    """Figures of training: ours against the better of the peers."""
    job = {"rows": rows, "epochs": options.epochs, "batch": options.batch, "threads": options.threads,
           "device": options.device, "precision": "bf16" if options.device == "cuda" else "32",
           "clock": options.clock}  # fmt: skip
    ours, memory = alone("part_ours", job | {"out": str(work / "ours")}, work)
    peers = {}
    for name, workers in PEERS.items():
        if workers is None and options.clock == "cpu":
            continue  # CPU time of workers is not this process's
        more = {"workers": options.threads if workers is None else workers, "out": str(work / name)}
        peers[name] = alone("part_monai", job | more, work)
        print(f"  {name}: {peers[name]}", flush=True)
    print(f"  ours: {ours}, {memory:.0f} MB", flush=True)
    best = min(peers, key=lambda name: np.median(peers[name][0]["epochs"][1:]))
    peer, peer_memory = peers[best]
    speed = [ours["batches"] / epoch for epoch in ours["epochs"][1:]]
    slower = [peer["batches"] / epoch for epoch in peer["epochs"][1:]]
    times = float(np.median(speed) / np.median(slower))
    busy = [1 - data / epoch for data, epoch in zip(ours["data"][1:], ours["epochs"][1:], strict=True)]
    peer_busy = 1 - np.median(np.array(peer["data"][1:]) / np.array(peer["epochs"][1:]))
    a_scan = [1000 * data / len(rows) for data in ours["data"][1:]]
    single = peers["MONAI script"][0]  # with workers, waiting is not what a scan costs
    scan_ms = 1000 * np.median(single["data"][1:]) / len(rows)
    read = [1000 * ours[name] / len(rows) for name in ("read", "read again")]
    about = f"default densenet, {_scans_of(options, len(rows))}, batches of {options.batch}"
    about += f", {_clock_of(options)}"
    reached = {"aim": f">= {AIM_TIMES:g} x", "reached": times >= AIM_TIMES}
    return [
        row_of(f"training, epochs after the first; {about}", speed, "batches/s",
               peer=f"{best}: {np.median(slower):.3g}, {times:.1f} x", **reached),
        row_of(f"peak memory of training; {about}", [memory], "MB", peer=f"{best}: {peer_memory:,.0f}"),
        row_of("share of an epoch in which the network computes", busy, "", peer=f"{best}: {peer_busy:.2f}"),
        row_of("a scan for a training batch, epochs after the first", a_scan, "ms",
               peer=f"MONAI script: {scan_ms:,.0f}, {scan_ms / np.median(a_scan):.0f} x"),
        row_of("a scan before the first epoch, from its file", read[:1], "ms"),
        row_of("the same for every further model with this input", read[1:], "ms"),
    ]  # fmt: skip


def _scans_of(options: argparse.Namespace, count: int) -> str:
    words = "real" if options.real else f"simulated, matrix {options.matrix}"
    return f"{count} scan{'s' * (count > 1)} ({words})"


def _clock_of(options: argparse.Namespace) -> str:
    return f"{options.threads} thread{'s' * (options.threads > 1)}, {options.clock} time"


def patient_rows(rows: list[dict], work: Path, options: argparse.Namespace) -> list[Row]:
    """Figures of one patient: all outcome models, and the slowest of them."""
    job = {"rows": rows, "threads": options.threads, "repeats": options.repeats, "out": str(work / "patient"),
           "clock": options.clock}  # fmt: skip
    times, _ = alone("part_patient", job, work)
    total = np.sum(list(times.values()), axis=0).tolist()
    slowest = max(times, key=lambda kind: np.median(times[kind]))
    print("  " + ", ".join(f"{kind} {1000 * np.median(each):.1f} ms" for kind, each in times.items()), flush=True)
    about = f"{len(times)} outcome models of one patient, volume in memory, {_scans_of(options, 1)}"
    reached = {"aim": f"< {AIM_PATIENT_S:g} s", "reached": float(np.median(total)) < AIM_PATIENT_S}
    return [
        row_of(f"{about}, {_clock_of(options)}", total, "s", **reached),
        row_of(f"the slowest of them, {slowest}, with the view that other networks then use too", times[slowest], "s"),
    ]


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, default=16)
    parser.add_argument("--matrix", type=int, default=512, help="columns and rows of the slices")
    parser.add_argument("--real", type=Path, help="folder with real scans to measure on instead, see inference.py")
    parser.add_argument("--batch", type=int, default=4, help="scans in a batch")
    parser.add_argument("--epochs", type=int, default=4, help="of which the first is not counted")
    parser.add_argument("--repeats", type=int, default=5, help="of the predictions of a patient")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall", help="cpu: with --threads 1 only")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of training; cuda in bf16")
    parser.add_argument("--work", type=Path, help="folder for what is made meanwhile (a temporary one)")
    parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        name, order = options.part
        parts = {"part_ours": part_ours, "part_monai": part_monai, "part_patient": part_patient}
        job = json.loads(Path(order).read_text())
        CLOCK[0] = CLOCKS[job["clock"]]
        print(json.dumps(parts[name](job)))
        return
    if options.clock == "cpu" and (options.threads > 1 or options.device != "cpu"):
        parser.error("--clock cpu needs --threads 1 --device cpu")
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="outcome-", dir=options.work) as place:
        work = Path(place)
        cohort = make_scans(work / "scans", options)
        print(f"  {len(cohort)} scans made in {time.perf_counter() - started:.0f} s", flush=True)
        rows = training_rows(cohort, work, options) + patient_rows(cohort, work, options)
    name = "outcome_training" + "_real" * bool(options.real) + "_gpu" * (options.device == "cuda")
    save(name, rows, time.perf_counter() - started)


if __name__ == "__main__":
    main()
