"""Convert and check one shard's chosen scans (rule convert_shard)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.dicom.checks import CheckRules
from ichor.dicom.convert import convert_shard, read_contents
from ichor.dicom.limits import Limits
from ichor.jobs.run import run
from ichor.private_tables import read_private

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def work_dir(job) -> Path:
    return Path("work/ingest", job.wildcards.center, f"convert-{job.wildcards.shard}")


def main(job) -> None:
    scans, status = convert_shard(
        read_private(job.input.selection),
        job.wildcards.center,
        Path(job.output.images),
        mask_labels=job.params.mask_labels or "",
        rules=CheckRules(**job.params.rules),
        limits=Limits(**job.params.limits),
        work_dir=work_dir(job),
        log=job.log[0],
        fingerprints=job.output.fingerprints,
    )
    tables.write("scans", scans, job.output.scans)
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    # files of an archive are known by their contents: touched, copied or moved ones give the same scans
    run(
        snakemake,
        main,
        reads={"selection": lambda job: read_contents(job.input.selection, work_dir(job))},
        identifiers=True,
    )
