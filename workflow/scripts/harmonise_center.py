"""Bring one center's clinical table into the data dictionary (rule harmonise_center)."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ichor import tables
from ichor.cohort.harmonise import harmonise_center
from ichor.logs import log_to
from ichor.pseudonyms import study_key

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    records, status = harmonise_center(
        snakemake.wildcards.center,
        snakemake.params.role,
        Path(snakemake.input.table) if snakemake.input.table else None,
        pd.DataFrame(snakemake.params.columns, columns=tables.columns("columns")),
        study_key(snakemake.params.key_file),
    )
    tables.write("patients", records, snakemake.output.records)
    tables.write("status", status, snakemake.output.status)
