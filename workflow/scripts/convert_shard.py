"""Convert and check one shard's chosen scans (rule convert_shard)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.dicom.checks import CheckRules
from ichor.dicom.convert import ReferenceSheet, convert_shard
from ichor.dicom.limits import Limits
from ichor.logs import log_to
from ichor.private_tables import read_private

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    params = snakemake.params
    sheet = ReferenceSheet(Path(params.masks), params.mask_pattern, params.mask_labels) if params.masks else None
    scans, status = convert_shard(
        read_private(snakemake.input.selection),
        snakemake.wildcards.center,
        Path(snakemake.output.images),
        masks=sheet,
        rules=CheckRules(**params.rules),
        limits=Limits(**params.limits),
        work_dir=Path("work/ingest", snakemake.wildcards.center, f"convert-{snakemake.wildcards.shard}"),
        log=snakemake.log[0],
    )
    tables.write("scans", scans, snakemake.output.scans)
    tables.write("status", status, snakemake.output.status)
