"""Write the quality page of a center (rule quality_page)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.report.quality import write_quality_page
from ichor.report.quality_pictures import FACTS

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def status(job):
    rows = tables.read("status", job.input.status)
    return rows[rows["center"] == job.wildcards.center]


def main(job) -> None:
    write_quality_page(
        Path(job.output.page),
        job.wildcards.center,
        tables.read_all("scans", list(job.input.scans)),
        status(job),
        [Path(folder) / FACTS for folder in job.input.pictures],
        study=job.params.study,
        centers=job.params.centers,
    )


if __name__ == "__main__":
    run(snakemake, main, reads={"status": status})
