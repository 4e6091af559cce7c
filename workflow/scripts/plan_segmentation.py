"""Plan and preprocess one split's nnU-Net dataset from its train and tune rows (rule plan_segmentation)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.segmentation.columns import learned_scans
from ichor.segmentation.folders import is_prepared

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def scans(job):
    return learned_scans(tables.read("splits", job.input.fitting), tables.read("scans", job.input.scans))


def main(job) -> None:
    from ichor.segmentation.dataset import plan_segmentation  # here, because a kept job must not pay for torch

    plan_segmentation(
        tables.read("splits", job.input.fitting),
        tables.read("scans", job.input.scans),
        labels=job.params.labels,
        plan=job.params.plan,
        work_dir=Path(job.params.work_dir),
        out_plans=Path(job.output.plans),
        network=job.params.network,
        unlabelled=job.params.unlabelled,
        workers=job.threads,
        seed=job.params.seed,
    )


if __name__ == "__main__":
    run(snakemake, main, reads={"scans": scans}, intact=lambda job: is_prepared(Path(job.output.manifest)))
