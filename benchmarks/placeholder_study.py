"""Placeholder studies: real sheets, config and graph, empty files. To see how planning grows with the number of scans.

    python benchmarks/placeholder_study.py FOLDER --scans 10000 --centers 50
    snakemake --directory FOLDER --configfile FOLDER/study.yaml -n --quiet rules

Nothing in such a study can be run; it can only be planned. ``--done`` also makes every output (empty) and lets
``snakemake --touch`` write down that each job is done with its present parameters and code, so that the plan is that of
a finished study. ``--scan-rules`` adds ``one-rule-per-scan.smk``: the same stages with one rule per scan and stage.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
SCANS_PER_SHARD = 100
CENTERS = {100: 5, 1_000: 20, 10_000: 50, 100_000: 200}  # scans of the study -> number of centers
TIME_POINTS = ("baseline", "followup")
CENTER_COLUMNS = (
    "center", "role", "dicom", "nifti", "image_pattern", "masks", "mask_pattern", "mask_labels", "table", "shards",
)  # fmt: skip
VARIABLES = ("patient", "age_years", "gcs", "onset_to_ct_h", "gos_discharge")


@dataclass(frozen=True)
class Center:
    """One center of a placeholder study."""

    name: str
    role: str
    patients: int  # with a baseline and a follow-up scan each
    shards: int


def plan_centers(scans: int, centers: int, scans_per_shard: int = SCANS_PER_SHARD) -> list[Center]:
    """Share scans out to centers of different size: the largest has eight times the scans of the smallest.

    Parameters
    ----------
    scans : int
        Scans of the whole study, two per patient.
    centers : int
        Number of centers; three of five are for development, but at least one and not all.
    scans_per_shard : int
        A center gets as many shards as this needs.
    """
    weights = [8 ** (rank / max(centers - 1, 1)) for rank in range(centers)]
    ends = [round(scans / 2 * sum(weights[: rank + 1]) / sum(weights)) for rank in range(centers)]
    development = min(max(1, round(0.6 * centers)), centers - 1)
    found = []
    for rank, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        role = "development" if rank % centers < development else "external"
        shards = max(1, round(2 * (end - start) / scans_per_shard))
        found.append(Center(f"center{rank:03d}", role, end - start, shards))
    return found


def make_study(
    folder: Path, scans: int, centers: int, *, slices: int = 0, scans_per_shard: int = SCANS_PER_SHARD
) -> list[Center]:
    """Write a placeholder study: centers with empty scans, masks, tables of numbers, both sheets and ``study.yaml``.

    Parameters
    ----------
    folder : Path
        The study's working directory; must not exist yet.
    scans, centers, scans_per_shard
        See `plan_centers`.
    slices : int
        0: NIfTI centers, one file per scan. Otherwise DICOM-shaped centers with as many files in each scan's folder.
    """
    folder.mkdir(parents=True)
    plan = plan_centers(scans, centers, scans_per_shard)
    lines = ["\t".join(CENTER_COLUMNS)]
    for center in plan:
        source, masks, table = f"sources/{center.name}/ct", f"sources/{center.name}/masks", f"tables/{center.name}.csv"
        patients = [f"p{number:06d}" for number in range(center.patients)]
        _write_scans(folder / source, patients, slices)
        has_masks = center.role == "development"
        if has_masks:
            _touch(folder / masks, (f"{patient}_{point}.nii.gz" for patient in patients for point in TIME_POINTS))
        _write_table(folder / table, patients)
        pattern = "{patient}_{time_point}.nii.gz"
        values = dict(
            center=center.name, role=center.role, dicom=source if slices else "", nifti="" if slices else source,
            image_pattern="" if slices else pattern, masks=masks if has_masks else "",
            mask_pattern=pattern if has_masks else "", mask_labels="1=iph;2=ivh" if has_masks else "", table=table,
            shards=str(center.shards),
        )  # fmt: skip
        lines.append("\t".join(values[name] for name in CENTER_COLUMNS))
    (folder / "centers.tsv").write_text("\n".join(lines) + "\n")
    columns = [f"{center.name}\t{name}\t{name}\t\t\t" for center in plan for name in VARIABLES]
    (folder / "columns.tsv").write_text("\n".join(["center\tvariable\tcolumn\tunit\tcodes\tmissing", *columns]) + "\n")
    config = {"study": {"name": "placeholder"}, "centers": "centers.tsv", "columns": "columns.tsv"}
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return plan


def _write_scans(folder: Path, patients: list[str], slices: int) -> None:
    if not slices:
        _touch(folder, (f"{patient}_{point}.nii.gz" for patient in patients for point in TIME_POINTS))
        return
    for patient in patients:
        for point in TIME_POINTS:
            _touch(folder / patient / point, (f"IM{number:05d}.dcm" for number in range(slices)))


def _touch(folder: Path, names: Iterable[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        open(folder / name, "wb").close()


def _write_table(path: Path, patients: list[str]) -> None:
    """A clinical table with made-up numbers in the right ranges (nothing reads them at planning)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        f"{patient},{40 + number % 50},{3 + number % 13},{1 + number % 5},{1 + number % 5}"
        for number, patient in enumerate(patients)
    ]
    path.write_text("\n".join([",".join(VARIABLES), *rows]) + "\n")


def planning_command(folder: Path, *arguments: str) -> list[str]:
    """Command line of snakemake on a placeholder study; started in the repository, as users do."""
    python = [sys.executable, "-m", "snakemake", "--cores", "2"]
    return [*python, "--directory", str(folder), "--configfile", str(folder / "study.yaml"), *arguments]


def make_done(folder: Path) -> None:
    """Make every output (empty) and let snakemake note that all jobs are done; it takes 0.1 s per job."""
    run = dict(cwd=REPOSITORY, capture_output=True, text=True, check=True)
    listed = subprocess.run(planning_command(folder, "--summary"), **run).stdout.splitlines()[1:]
    for line in listed:
        path = folder / line.split("\t")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix:
            path.touch()
        else:
            path.mkdir(exist_ok=True)  # outputs without a suffix are folders
    subprocess.run(planning_command(folder, "--touch", "--forceall", "--quiet", "all"), **run)


PEER = """
# The same stages with one rule per scan and stage, to compare with.
SCANS = [line.split("\\t") for line in open("scans-of-peer.tsv").read().splitlines()]
SPLITS = ["external"]


wildcard_constraints:
    center="center[0-9]+",
    scan="p[0-9]+_[a-z]+",
    split="|".join(SPLITS),


rule all:
    input:
        "peer/scans.done",
        "peer/masks.done",
        "peer/predictions.done",


rule index_scan:
    input:
        "sources/{center}/ct/{scan}.nii.gz",
    output:
        "peer/{center}/{scan}.index",
    log:
        "logs/peer/{center}/{scan}.index.log",
    script:
        "placeholder.py"


rule convert_scan:
    input:
        "peer/{center}/{scan}.index",
    output:
        "peer/{center}/{scan}.nii",
    log:
        "logs/peer/{center}/{scan}.convert.log",
    script:
        "placeholder.py"


rule segment_scan:
    input:
        "peer/{center}/{scan}.nii",
    output:
        "peer/{split}/{center}/{scan}.mask",
    log:
        "logs/peer/{split}/{center}/{scan}.segment.log",
    script:
        "placeholder.py"


rule predict_scan:
    input:
        "peer/{split}/{center}/{scan}.mask",
    output:
        "peer/{split}/{center}/{scan}.prediction",
    log:
        "logs/peer/{split}/{center}/{scan}.predict.log",
    script:
        "placeholder.py"


rule merge_scans:
    input:
        [f"peer/{center}/{scan}.nii" for center, scan in SCANS],
    output:
        "peer/scans.done",
    script:
        "placeholder.py"


rule merge_masks:
    input:
        [f"peer/{split}/{center}/{scan}.mask" for split in SPLITS for center, scan in SCANS],
    output:
        "peer/masks.done",
    script:
        "placeholder.py"


rule merge_predictions:
    input:
        [f"peer/{split}/{center}/{scan}.prediction" for split in SPLITS for center, scan in SCANS],
    output:
        "peer/predictions.done",
    script:
        "placeholder.py"
"""


def make_peer(folder: Path, plan: list[Center]) -> Path:
    """Write ``one-rule-per-scan.smk`` into a study of NIfTI centers; returns its path."""
    scans = (
        f"{center.name}\tp{number:06d}_{point}"
        for center in plan
        for number in range(center.patients)
        for point in TIME_POINTS
    )
    (folder / "scans-of-peer.tsv").write_text("\n".join(scans) + "\n")
    (folder / "placeholder.py").write_text("raise SystemExit('placeholder: this study can only be planned')\n")
    path = folder / "one-rule-per-scan.smk"
    path.write_text(PEER)
    return path


def main() -> None:
    """Make the study that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scans", type=int, default=10_000)
    parser.add_argument("--centers", type=int, help="default: 5 to 200, growing with the number of scans")
    parser.add_argument("--slices", type=int, default=0, help="DICOM-shaped centers with this many files per scan")
    parser.add_argument("--scans-per-shard", type=int, default=SCANS_PER_SHARD)
    parser.add_argument("--done", action="store_true", help="as if everything had been run")
    parser.add_argument("--scan-rules", action="store_true", help="also write one rule per scan and stage")
    options = parser.parse_args()
    centers = options.centers or next(CENTERS[size] for size in sorted(CENTERS, reverse=True) if size <= options.scans)
    plan = make_study(
        options.folder, options.scans, centers, slices=options.slices, scans_per_shard=options.scans_per_shard
    )
    if options.scan_rules:
        make_peer(options.folder, plan)
    if options.done:
        make_done(options.folder)
    patients, shards = sum(center.patients for center in plan), sum(center.shards for center in plan)
    print(f"{options.folder}: {2 * patients} scans of {patients} patients in {len(plan)} centers, {shards} shards")


if __name__ == "__main__":
    main()
