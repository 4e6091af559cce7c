"""Fit one model of time courses on one split's train and tune rows and save its bundle (rule fit_trajectory)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.fences import fitting_rows
from ichor.jobs.run import run
from ichor.training.trajectory_fit import fit_trajectory, record_rows

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def cohort(job):
    rows = fitting_rows(tables.read("cohort", job.input.cohort), job.wildcards.split)
    return record_rows(rows, job.params.spec)


def of_fitting_patients(job, table, name):
    rows = tables.read(table, job.input[name])
    return rows[rows["patient"].isin(set(cohort(job)["patient"]))].reset_index(drop=True)


def main(job) -> None:
    names = job.wildcards
    status = fit_trajectory(
        tables.read("trajectory_steps", job.input.steps),
        tables.read("trajectory_values", job.input.values),
        tables.read("cohort", job.input.cohort),
        model=names.model,
        spec=job.params.spec,
        seed=job.params.seed,
        checkpoint_dir=Path("work/models/trajectory", names.model, names.split),
        bundle_dir=Path(job.output.model).parent,
        device=job.params.device,
        threads=job.threads,
    )
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    run(
        snakemake,
        main,
        reads={
            "cohort": cohort,
            "steps": lambda job: of_fitting_patients(job, "trajectory_steps", "steps"),
            "values": lambda job: of_fitting_patients(job, "trajectory_values", "values"),
        },
        modules=lambda job: [f"ichor.models.{job.params.spec['kind']}"],
    )
