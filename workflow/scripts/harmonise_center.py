"""Bring one center's clinical table into the data dictionary (rule harmonise_center)."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ichor import tables
from ichor.cohort.harmonise import harmonise_center
from ichor.confined import Confinement
from ichor.jobs.run import run
from ichor.pseudonyms import key_digest, study_key

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    records, status = harmonise_center(
        job.wildcards.center,
        job.params.role,
        Path(job.input.table) if job.input.table else None,
        pd.DataFrame(job.params.columns, columns=tables.columns("columns")),
        study_key(job.params.key_file),
        Confinement(**job.params.limits),
        job.params.gcs_intubated,
    )
    tables.write("patients", records, job.output.records)
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    run(snakemake, main, reads={"key": lambda job: key_digest(study_key(job.params.key_file))}, identifiers=True)
