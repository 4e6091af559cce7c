"""Bring together the reports of all centers that were known at the baseline scan (rule merge_reports)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.private_tables import write_private
from ichor.report_text.ingest import merge_reports

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    reports, status = merge_reports(
        [tables.read("reports", path) for path in job.input.reports],
        tables.read("patients", job.input.patients),
        hours_after_ct=job.params.hours_after_ct,
        undated=job.params.undated,
    )
    write_private(reports, job.output.reports)
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    run(snakemake, main)
