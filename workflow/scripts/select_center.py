"""Choose each patient's baseline and follow-up series (rule select_center)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.dicom.references import ReferenceMasks
from ichor.dicom.score import SelectionRules
from ichor.dicom.select import select_center
from ichor.jobs.run import run
from ichor.private_tables import read_private

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    rules = job.params.rules | {"followup_h": tuple(job.params.rules["followup_h"])}
    digests = read_private(job.input.masks).set_index("path")["sha256"]
    masks = job.params.masks and ReferenceMasks(Path(job.params.masks), job.params.mask_pattern, digests.to_dict())
    selection, status = select_center(
        job.input.index,
        tables.read("patients", job.input.records),
        job.output.shards,
        center=job.wildcards.center,
        rules=SelectionRules(**rules),
        masks=masks,
        overrides=job.params.overrides,
        work_dir=Path("work/ingest", job.wildcards.center, "select"),
    )
    tables.write("selection", selection, job.output.selection)
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    run(snakemake, main, identifiers=True)
