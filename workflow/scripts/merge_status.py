"""Put the status of every stage into one table (rule merge_status)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    paths = [
        snakemake.input.ingest,
        snakemake.input.patients,
        snakemake.input.masks,
        *snakemake.input.cohorts,
        *snakemake.input.models,
    ]
    status = tables.read_all("status", paths).drop_duplicates(ignore_index=True)
    tables.write("status", status, snakemake.output.status)
