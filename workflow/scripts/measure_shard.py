"""Measure one shard's masks and compare them with reference masks (rule measure_shard)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.segmentation.columns import measured_masks, measured_scans

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def scans(job):
    return measured_scans(tables.read("scans", job.input.scans))


def masks(job):
    return measured_masks(tables.read("masks", job.input.masks))


def main(job) -> None:
    from ichor.segmentation.measure import measure_shard  # here, because a kept job must not pay for it

    measures, cases, status = measure_shard(
        tables.read("scans", job.input.scans),
        tables.read("masks", job.input.masks),
        job.params.labels,
        unlabelled=job.params.unlabelled,
        log=job.log[0],
    )
    tables.write("measures", measures, job.output.measures)
    tables.write("agreement_cases", cases, job.output.cases)
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    run(snakemake, main, reads={"scans": scans, "masks": masks})
