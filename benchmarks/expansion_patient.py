"""Every expansion predictor of one patient, from a volume in memory to the probability, and the measures of the scan.

    python benchmarks/expansion_patient.py [STUDY] [--repeats 5] [--threads 2] [--matrix 512] [--clock cpu]

STUDY is the folder of a finished study, the demo for example (`make demo`); its fitted models of the external split are
loaded once and then asked for one test patient. Decompressing the scan and segmenting it are not counted: `make
bench-inference` has the latter. With --matrix the slices are made larger by repeating voxels; the default is the
study's own. A view that another network has made is used again. On a machine that is shared with other work take
`--clock cpu --threads 1`: CPU time of one thread.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from rows import REPOSITORY, Row, row_of, save

sys.path.insert(0, str(REPOSITORY / "workflow"))

from ichor import tables  # noqa: E402
from ichor.imaging.geometry import spacing_mm  # noqa: E402
from ichor.imaging.head_frame import find_frame  # noqa: E402
from ichor.imaging.scan_measures import measure_scan  # noqa: E402
from ichor.imaging.volume_cache import Volume  # noqa: E402
from ichor.training import bundle  # noqa: E402

AIM_S = 1.0
SPLIT, LABELS = "external", ("iph", "ivh")
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
KINDS = {"network": "networks", "tabular": "floors: scores, volume and models of the record"}


def patient_of(study: Path):
    """Row of a test patient of the study's external split, of whom all is there that a model reads."""
    cohort = tables.read("cohort", study / f"results/cohort/{SPLIT}.tsv")
    test = cohort[(cohort["role"] == "test") & cohort["mask"].notna() & (cohort["iph_ml"] > 1)]
    fullest = test.notna().sum(axis=1)
    row = test.loc[[fullest.idxmax()]]
    return row.assign(image=str(study / row["image"].iloc[0]), mask=str(study / row["mask"].iloc[0]))


def volume_of(row, matrix: int | None) -> tuple[Volume, np.ndarray]:
    """Scan and mask in memory, with slices of at least `matrix` columns if that is asked for."""
    import nibabel as nib

    image, mask = (nib.as_closest_canonical(nib.load(row[name].iloc[0])) for name in ("image", "mask"))
    hu, labels, affine = np.asanyarray(image.dataobj), np.asanyarray(mask.dataobj), image.affine.copy()
    times = max(1, round((matrix or 0) / hu.shape[0]))
    affine[:3, :2] /= times
    finer = (each.repeat(times, axis=0).repeat(times, axis=1) for each in (hu, labels))
    return Volume(*(np.asfortranarray(next(finer)), affine)), np.asfortranarray(next(finer))


def probability_of(model, volume: Volume, labels: np.ndarray, row, views: dict) -> float:
    """What one model says of the patient."""
    if not hasattr(model, "training"):
        return float(model.predict(row)["probability"].iloc[0])
    from ichor.training.data import Views, view_of

    inputs = model.training.inputs
    if inputs not in views:
        views[inputs] = view_of(volume, labels, inputs)
    image_hu, masks = views[inputs]
    record = model.record.matrix(row) if model.record else None
    return float(np.ravel(model.predict_views(Views(image_hu[None], masks[None], record)))[0])


def measure(
    study: Path, repeats: int, threads: int, matrix: int | None, clock: str
) -> tuple[dict, dict, tuple[int, ...]]:
    """Seconds of each repeat, by model and of the measures; family of each model; shape of the volume."""
    import torch

    torch.set_num_threads(threads)
    folders = sorted(path.parent for path in (study / "results/models/expansion").glob(f"*/{SPLIT}/model.json"))
    described = {path.parent.name: bundle.describe(path) for path in folders}
    models = {
        path.parent.name: bundle.load(path, device="cpu", threads=threads)
        for path in folders
        if described[path.parent.name]["fitted"]
    }
    row = patient_of(study)
    volume, labels = volume_of(row, matrix)
    hu, spent = volume[:, :, :], {name: [] for name in ("measures", *models)}
    now = CLOCKS[clock]
    for _ in range(repeats + 1):
        started, views = now(), {}
        measure_scan(hu, labels, volume.affine, LABELS, find_frame(hu, spacing_mm(volume.affine)))
        spent["measures"].append(now() - started)
        for name, model in models.items():
            started = now()
            probability_of(model, volume, labels, row, views)
            spent[name].append(now() - started)
    families = {name: described[name]["family"] for name in models}
    return {name: each[1:] for name, each in spent.items()}, families, hu.shape  # the first one prepares


def rows_of(spent: dict, families: dict, shape: tuple[int, ...], threads: int, clock: str) -> list[Row]:
    """Rows of the benchmark."""
    models = np.sum([spent[name] for name in families], axis=0).tolist()
    everything = np.sum([*spent.values()], axis=0).tolist()
    how = f"{' x '.join(map(str, shape))} voxels in memory, {threads} thread{'s' * (threads > 1)}, {clock} time"
    reached = {"aim": f"< {AIM_S:g} s", "reached": float(np.median(everything)) < AIM_S}
    rows = [
        row_of(
            f"all {len(families)} expansion predictors of a patient with the measures, {how}",
            everything,
            "s",
            **reached,
        ),
        row_of(f"all {len(families)} expansion predictors, {how}", models, "s"),
        row_of("measures of the scan (volumes, shape, density, markers, location)", spent["measures"], "s"),
    ]
    for family, words in KINDS.items():
        names = [name for name, its in families.items() if its == family]
        if names:
            rows.append(row_of(f"{len(names)} {words}", np.sum([spent[name] for name in names], axis=0).tolist(), "s"))
    return rows


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path, nargs="?", default=REPOSITORY, help="folder of a finished study")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--matrix", type=int, help="columns of the slices; the study's own without it")
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall", help="cpu: with --threads 1 only")
    options = parser.parse_args()
    if options.clock == "cpu" and options.threads > 1:
        parser.error("--clock cpu adds up all threads: write --threads 1")
    if not (options.study / f"results/cohort/{SPLIT}.tsv").is_file():
        sys.exit(f"{options.study}: no finished study with the split {SPLIT}; run `make demo` first, or name a folder")
    started = time.perf_counter()
    spent, families, shape = measure(
        options.study.resolve(), options.repeats, options.threads, options.matrix, options.clock
    )
    print("  " + ", ".join(f"{name} {1000 * np.median(each):.1f} ms" for name, each in spent.items()))
    save(
        "expansion_patient",
        rows_of(spent, families, shape, options.threads, options.clock),
        time.perf_counter() - started,
    )


if __name__ == "__main__":
    main()
