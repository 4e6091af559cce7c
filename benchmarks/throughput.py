"""Real work on simulated scans: throughput with one and two workers, memory of shard jobs, disk per scan.

    python benchmarks/throughput.py [--scans 1000] [--matrix 64] [--work FOLDER] [--keep]

Five simulated centers, the first of each role in one large shard, the others in shards a quarter of that size, so
that one run shows whether the memory of a shard's job grows with its scans. All centers are ingested and segmented with
``--cores 2``; then what was made of two of them is deleted and made again with ``--cores 1``. Training (a tiny network
per fold) is not part of the figures. Snakemake's own time and the start of every job are.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from rows import REPOSITORY, Cost, Row, run, save

CENTERS = {"aurora": "development", "boreal": "development", "cedar": "development", "delta": "external",
           "estuary": "external"}  # fmt: skip
LARGE = {"aurora": 1, "delta": 1}  # shards; the other centers have SMALL_SHARDS
SMALL_SHARDS = 4
SCANS_PER_PATIENT = 1.9  # accepted, in the simulated cohort (609 of 320 patients in the demo)
AGAIN = ("boreal", "estuary")  # what is made again with one and with two workers; both have small shards
SCANS_OF_SHARD = "results/ingest/{center}/{shard}/scans.tsv"
SHARD_JOBS = {"convert_shard": "ingest", "segment_shard": "segmentation"}
FLAT = 1.25  # a job with four times as many scans may need so much more memory
SPEED_UP = 1.6  # of two workers over one
HEADINGS = (
    "center", "role", "dicom", "nifti", "image_pattern", "masks", "mask_pattern", "mask_labels", "table", "shards",
)  # fmt: skip


def write_study(folder: Path, scans: int, matrix: int) -> None:
    """Write sheet and config of a simulated study with about so many accepted scans."""
    folder.mkdir(parents=True)
    lines = ["\t".join(HEADINGS)]
    for center, role in CENTERS.items():
        place = f"results/simulated/{center}"
        values = dict(
            center=center, role=role, dicom=f"{place}/dicom", masks=f"{place}/masks", table=f"{place}/records.csv",
            mask_pattern="{patient}_{time_point}.nii.gz", mask_labels="1=iph;2=ivh;3=edema",
            shards=str(LARGE.get(center, SMALL_SHARDS)),
        )  # fmt: skip
        lines.append("\t".join(values.get(name, "") for name in HEADINGS))
    (folder / "centers.tsv").write_text("\n".join(lines) + "\n")
    config = {
        "study": {"name": "throughput"},
        "centers": "centers.tsv",
        "store": {"use": False},  # the second study must not find what the first one made
        "simulate": {"patients_per_center": max(4, round(scans / SCANS_PER_PATIENT / len(CENTERS))), "matrix": matrix},
        "segmentation": {"budget": {"epochs": 1, "iterations_per_epoch": 4, "checkpoint_every_epochs": 1}},
        "compute": {"device": "cpu"},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def snakemake(folder: Path, cores: int, *targets: str) -> Cost:
    """Make some targets of a study; the time is that of the whole command."""
    print(f"  {folder.name}: {' '.join(targets)}, {cores} cores ...", flush=True)
    command = [sys.executable, "-m", "snakemake", *targets, "--directory", str(folder), "--cores", str(cores)]
    cost = run([*command, "--configfile", str(folder / "study.yaml"), "--quiet", "all"], cwd=REPOSITORY)
    print(f"    {cost.wall_s:.0f} s", flush=True)
    return cost


def shard_files(pattern: str) -> list[str]:
    """Names of a file of every shard of the centers that are made again."""
    return [pattern.format(center=center, shard=shard) for center in AGAIN for shard in range(SMALL_SHARDS)]


def remove(folder: Path, *patterns: str) -> None:
    """Delete folders of the centers that are made again."""
    for pattern in patterns:
        for center in AGAIN:
            shutil.rmtree(folder / pattern.format(center=center))


def again(folder: Path, workers: int) -> dict[str, Cost]:
    """Segment, then ingest, two centers of a finished study again (in this order nothing else is out of date)."""
    remove(folder, "results/masks/external/{center}")
    segmentation = snakemake(folder, workers, *shard_files("results/masks/external/{center}/{shard}.tsv"))
    remove(folder, "work/ingest/{center}", "results/ingest/{center}", "results/images/{center}")
    return {"segmentation": segmentation, "ingest": snakemake(folder, workers, *shard_files(SCANS_OF_SHARD))}


def whole(folder: Path) -> dict[str, Cost]:
    """Both stages with all that belongs to them, of all centers with two workers; networks are trained in between."""
    ingest = snakemake(folder, 2, "ingest")
    snakemake(folder, 2, *(f"results/segmentation/external/fold-{fold}/model.json" for fold in (0, 1)))
    return {"ingest": ingest, "segmentation": snakemake(folder, 2, "segmentation")}


def rows_in(paths: list[Path]) -> int:
    """Rows of some tables together, headings not counted."""
    return sum(len(path.read_text().splitlines()) - 1 for path in paths)


def shard_memory(folder: Path, rule: str) -> dict[int, float]:
    """Largest memory (MB) of a rule's jobs by the number of shards of their center, from the jobs' own records.

    Snakemake's benchmarks are no help: they add up what a program and the one that it is about to start share.
    """
    found: dict[int, float] = {}
    for record in records(folder, rule):
        shards = LARGE.get(record["wildcards"]["center"], SMALL_SHARDS)
        found[shards] = max(found.get(shards, 0.0), record["peak_memory_mb"])
    return found


def records(folder: Path, rule: str) -> list[dict]:
    """Records of all jobs of a rule."""
    return [json.loads(path.read_text()) for path in (folder / "work/records" / rule).glob("*.json")]


def disk_mb(folder: Path, *parts: str) -> float:
    """Disk that some folders of a study take, MB; a file with several links counts once."""
    places = [str(folder / part) for part in parts if (folder / part).is_dir()]
    lines = subprocess.run(["du", "-ck", *places], capture_output=True, text=True, check=True).stdout.splitlines()
    return int(lines[-1].split()[0]) / 1024 if places else 0.0


def memory_rows(folder: Path, per_shard: dict[int, float]) -> list[Row]:
    """Rows of the memory of shard jobs, small and large."""
    rows = []
    for rule in SHARD_JOBS:
        memory = shard_memory(folder, rule)
        peer = f"{per_shard[SMALL_SHARDS]:.0f} scans a shard: {memory[SMALL_SHARDS]:.0f} MB"
        flat = memory[1] <= FLAT * memory[SMALL_SHARDS]
        figure = f"memory of {rule}, {per_shard[1]:.0f} scans a shard"
        rows.append(Row(figure, memory[1], "MB", peer, f"<= {FLAT} x", flat))
    return rows


def measure(folder: Path, scans: int, matrix: int) -> list[Row]:
    """Rows of all figures."""
    study = folder / "study"
    write_study(study, scans, matrix)
    snakemake(study, 2, *(f"results/simulated/{center}/truth.tsv" for center in CENTERS))
    stages = whole(study)
    found, part = rows_in([study / "results/scans.tsv"]), [study / name for name in shard_files(SCANS_OF_SHARD)]
    few = rows_in(part)
    per_shard = {shards: found / len(CENTERS) / shards for shards in (1, SMALL_SHARDS)}
    rows = [*memory_rows(study, per_shard), *disk_rows(study, found, matrix)]
    spent = {rule: _seconds_per_scan(study, rule, found) for rule in SHARD_JOBS}
    costs = {workers: again(study, workers) for workers in (1, 2)}
    if rows_in(part) != few:
        raise RuntimeError(f"{rows_in(part)} scans were accepted when made again, {few} at first")
    for rule, stage in SHARD_JOBS.items():
        rate = {workers: few / cost[stage].wall_s * 60 for workers, cost in costs.items()}
        times = rate[2] / rate[1]
        what = f"shards of {stage}, {few:,} scans of matrix {matrix}"
        peer = f"1 worker: {times:.2f} x"
        rows += [
            Row(f"{what}, 1 worker", rate[1], "scans/min"),
            Row(f"{what}, 2 workers", rate[2], "scans/min", peer, f">= {SPEED_UP} x", times >= SPEED_UP),
            Row(f"whole {stage}, {found:,} scans, 2 workers", found / stages[stage].wall_s * 60, "scans/min"),
            Row(f"{stage}, seconds of a {rule} job per scan", spent[rule], "s"),
        ]
    return rows


def disk_rows(folder: Path, scans: int, matrix: int) -> list[Row]:
    """Rows of the disk per scan."""
    rows = []
    for what, parts in {
        "converted scans": ("results/images",),
        "masks, one split": ("results/masks",),
        "preprocessed for training, development scans": ("work/segmentation",),
        "raw DICOM": ("results/simulated",),
    }.items():
        rows.append(Row(f"disk per scan of matrix {matrix}: {what}", disk_mb(folder, *parts) / scans, "MB"))
    return rows


def _seconds_per_scan(folder: Path, rule: str, scans: int) -> float:
    """Time of a rule's jobs, starts not counted, divided by the scans."""
    return sum(record["seconds"] for record in records(folder, rule)) / scans


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, default=1_000, help="about so many accepted scans")
    parser.add_argument("--matrix", type=int, default=64, help="columns and rows of the slices")
    parser.add_argument("--work", type=Path, help="folder for the studies (a temporary one)")
    parser.add_argument("--keep", action="store_true", help="leave the studies in the folder")
    options = parser.parse_args()
    started = time.perf_counter()
    place = Path(tempfile.mkdtemp(prefix="throughput-", dir=options.work))
    try:
        rows = measure(place, options.scans, options.matrix)
    finally:
        if not options.keep:
            shutil.rmtree(place)
    save("throughput", rows, time.perf_counter() - started)


if __name__ == "__main__":
    main()
