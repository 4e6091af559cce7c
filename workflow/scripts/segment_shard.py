"""Segment one shard's scans with a split's fold models (rule segment_shard)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.segmentation.columns import rows_of_scans, segmented_scans

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def scans(job):
    return segmented_scans(tables.read("scans", job.input.scans))


def fitting(job):
    return rows_of_scans(tables.read("splits", job.input.fitting), tables.read("scans", job.input.scans))


def main(job) -> None:
    from ichor.segmentation.inference_profile import Profile
    from ichor.segmentation.predict import segment_shard  # here, because a kept job must not pay for torch
    from ichor.training.device import choose_device

    masks, status = segment_shard(
        tables.read("scans", job.input.scans),
        tables.read("splits", job.input.fitting),
        job.wildcards.split,
        [Path(path).parent for path in job.input.models],
        Path(job.output.folder),
        device=choose_device(job.params.device).type,
        threads=job.threads,
        log=job.log[0],
        unlabelled=job.params.unlabelled,
        smallest_ml=job.params.smallest_ml,
        profile=Profile(**job.params.inference),
    )
    tables.write("masks", masks, job.output.masks)
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    run(snakemake, main, reads={"scans": scans, "fitting": fitting})
