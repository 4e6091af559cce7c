"""Predict one split's patients with a saved model (rule predict_model)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.training.predict import predict_model
from ichor.training.rows import model_rows

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def rows(job):
    return model_rows(tables.read("cohort", job.input.cohort), job.params.spec, job.params.target)


def reports(job):
    """Texts of the patients that are predicted, in the table's order; None for a kind that reads none."""
    if not job.input.reports:
        return None
    table = tables.read("reports", job.input.reports[0])
    return table[table["patient"].isin(rows(job)["patient"])]


def main(job) -> None:
    predictions, status, details = predict_model(
        tables.read("cohort", job.input.cohort),
        Path(job.input.model).parent,
        device=job.params.device,
        threads=job.threads,
        volumes_dir=Path("work/volumes"),
        reports=reports(job),
    )
    tables.write("predictions", predictions, job.output.predictions)
    tables.write("status", status, job.output.status)
    tables.write("prediction_details", details, job.output.details)


if __name__ == "__main__":
    run(
        snakemake,
        main,
        reads={"cohort": rows, "reports": reports},
        modules=lambda job: [f"ichor.models.{job.params.spec['kind']}"],
    )
