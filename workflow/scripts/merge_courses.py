"""Bring the time courses of all centers together (rule merge_courses)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.course_time_points import time_points
from ichor.cohort.merge_courses import merge_courses
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    frames = [tables.read("time_courses", path) for path in job.input.courses]
    patients = tables.read("patients", job.input.patients)
    courses, status = merge_courses(frames, patients, time_points(job.params.time_points))
    tables.write("time_courses", courses, job.output.courses)
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    run(snakemake, main)
