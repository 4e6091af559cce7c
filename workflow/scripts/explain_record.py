"""SHAP values of a tabular model's test patients in one split (rule explain_record)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.explain.explain_record import explain_record
from ichor.jobs.run import run
from ichor.training.rows import model_rows

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def rows(job):
    return model_rows(tables.read("cohort", job.input.cohort), job.params.spec, job.params.target)


def main(job) -> None:
    explained = explain_record(
        tables.read("cohort", job.input.cohort),
        Path(job.input.model).parent,
        background=job.params.background,
        seed=job.params.seed,
    )
    tables.write("shap", explained, job.output.shap)


if __name__ == "__main__":
    run(snakemake, main, reads={"cohort": rows}, modules=lambda job: [f"ichor.models.{job.params.spec['kind']}"])
