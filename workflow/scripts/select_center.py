"""Choose each patient's baseline and follow-up series (rule select_center)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.dicom.score import SelectionRules
from ichor.dicom.select import select_series
from ichor.logs import log_to
from ichor.private_tables import read_private, write_private

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    rules = snakemake.params.rules | {"followup_h": tuple(snakemake.params.rules["followup_h"])}
    shards, selection, status = select_series(
        read_private(snakemake.input.index),
        tables.read("patients", snakemake.input.records),
        center=snakemake.wildcards.center,
        shards=len(snakemake.output.shards),
        rules=SelectionRules(**rules),
    )
    for shard, path in enumerate(snakemake.output.shards):
        write_private(shards[shard], path)
    selection.to_csv(snakemake.output.selection, sep="\t", index=False)
    tables.write("status", status, snakemake.output.status)
