"""Draw a small picture of every scan of a shard (rule quality_shard)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.report.quality_pictures import FACTS, write_pictures

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def drawn(job):
    """What a picture depends on, beside the images."""
    return tables.read("scans", job.input.scans)[["patient", "time_point", "image", "voxel_sha256"]]


def main(job) -> None:
    folder = Path(job.output.pictures)
    write_pictures(tables.read("scans", job.input.scans), folder, folder / FACTS)


if __name__ == "__main__":
    run(snakemake, main, reads={"scans": drawn})
