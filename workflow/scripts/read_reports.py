"""Read one center's reports and take out what may name a person (rule read_reports)."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ichor import tables
from ichor.confined import Confinement
from ichor.jobs.run import run
from ichor.private_tables import write_private
from ichor.pseudonyms import key_digest, study_key
from ichor.report_text.ingest import read_reports

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    reports, status = read_reports(
        job.wildcards.center,
        Path(job.params.source),
        pd.DataFrame(job.params.columns, columns=tables.columns("report_columns")),
        study_key(job.params.key_file),
        longest_characters=job.params.longest_characters,
        limits=Confinement(**job.params.limits),
    )
    write_private(reports, job.output.reports)
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    run(snakemake, main, reads={"key": lambda job: key_digest(study_key(job.params.key_file))}, identifiers=True)
