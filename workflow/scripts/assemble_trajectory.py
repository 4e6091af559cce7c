"""Make the steps of one split's patients from their time courses (rule assemble_trajectory)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.course_time_points import time_points
from ichor.cohort.trajectory import assemble_trajectory
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    steps, values, status = assemble_trajectory(
        job.wildcards.split,
        tables.read("cohort", job.input.cohort),
        tables.read("time_courses", job.input.courses),
        tables.read("scans", job.input.scans),
        tables.read_all("masks", job.input.masks),
        time_points(job.params.time_points),
        job.params.good,
    )
    tables.write("trajectory_steps", steps, job.output.steps)
    tables.write("trajectory_values", values, job.output.values)
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    run(snakemake, main)
