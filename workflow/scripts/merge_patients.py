"""Bring the patients of all centers together with their scans (rule merge_patients)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.assemble import merge_patients
from ichor.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    frames = [tables.read("patients", path) for path in snakemake.input.records]
    patients, status = merge_patients(frames, tables.read("scans", snakemake.input.scans), roles=snakemake.params.roles)
    tables.write("patients", patients, snakemake.output.patients)
    tables.write("status", status, snakemake.output.status)
