"""Read one center's time courses (rule read_courses)."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ichor import tables
from ichor.cohort.course_time_points import time_points
from ichor.cohort.read_courses import read_courses
from ichor.confined import Confinement
from ichor.jobs.run import run
from ichor.pseudonyms import key_digest, study_key

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    courses, status = read_courses(
        job.wildcards.center,
        Path(job.input.table),
        pd.DataFrame(job.params.columns, columns=tables.columns("course_columns")),
        time_points(job.params.time_points),
        study_key(job.params.key_file),
        Confinement(**job.params.limits),
        job.params.gcs_intubated,
    )
    tables.write("time_courses", courses, job.output.courses)
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    run(snakemake, main, reads={"key": lambda job: key_digest(study_key(job.params.key_file))}, identifiers=True)
