"""Predict every step of one split's patients with a saved model of time courses (rule predict_trajectory)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.training.sequence_predict import predict_trajectory
from ichor.training.trajectory_fit import record_rows

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def cohort(job):
    return record_rows(tables.read("cohort", job.input.cohort), job.params.spec)


def main(job) -> None:
    predicted = predict_trajectory(
        tables.read("trajectory_steps", job.input.steps),
        tables.read("trajectory_values", job.input.values),
        tables.read("cohort", job.input.cohort),
        Path(job.input.model).parent,
        device=job.params.device,
        threads=job.threads,
    )
    tables.write("predictions", predicted.predictions, job.output.predictions)
    tables.write("trajectory_risks", predicted.trajectory_risks, job.output.risks)
    tables.write("status", predicted.status, job.output.status)


if __name__ == "__main__":
    run(snakemake, main, reads={"cohort": cohort}, modules=lambda job: [f"ichor.models.{job.params.spec['kind']}"])
