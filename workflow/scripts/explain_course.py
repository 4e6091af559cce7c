"""What each value of a time course brings to the answers of a sequence network in one split (rule explain_course)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.explain.course_settings import CourseSettings
from ichor.explain.explain_course import explain_course
from ichor.jobs.run import run
from ichor.training.trajectory_fit import record_rows

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def cohort(job):
    return record_rows(tables.read("cohort", job.input.cohort), job.params.spec)


def main(job) -> None:
    explained = explain_course(
        tables.read("trajectory_steps", job.input.steps),
        tables.read("trajectory_values", job.input.values),
        tables.read("cohort", job.input.cohort),
        tables.read("trajectory_risks", job.input.risks),
        Path(job.input.model).parent,
        CourseSettings(**job.params.settings),
        seed=job.params.seed,
        device=job.params.device,
        threads=job.threads,
    )
    tables.write("attribution_gate", explained.attribution_gate, job.output.gate)
    tables.write("course_attributions", explained.course_attributions, job.output.attributions)
    tables.write("course_importance", explained.course_importance, job.output.importance)
    tables.write("explained_courses", explained.explained_courses, job.output.patients)


if __name__ == "__main__":
    run(snakemake, main, reads={"cohort": cohort}, modules=lambda job: [f"ichor.models.{job.params.spec['kind']}"])
