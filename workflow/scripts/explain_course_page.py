"""Write the page of a sequence network's attributions and one of each chosen patient (rule explain_course_page)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.report.course_page import write_course_page
from ichor.report.patient_course_page import KnownCourses, write_patient_course_pages

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    named = dict(job.wildcards.items())
    known = KnownCourses.read(job.input, job.params.models, job.params.spec)
    write_course_page(
        Path(job.output.page),
        gate=known.gate,
        importance=tables.read("course_importance", job.input.importance),
        patients=known.patients,
        named=named,
        study=job.params.study,
    )
    write_patient_course_pages(Path(job.output.pages), known, named, job.params.study)


if __name__ == "__main__":
    run(snakemake, main)
