"""Train a network of a model's kind on permuted labels, for the sanity gate (rule fit_permuted)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.fences import fitting_rows
from ichor.explain.permuted import fit_permuted
from ichor.jobs.run import run
from ichor.training.rows import model_rows

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def rows(job):
    cohort = tables.read("cohort", job.input.cohort)
    return model_rows(fitting_rows(cohort, job.wildcards.split), job.params.spec, job.params.target)


def main(job) -> None:
    names = job.wildcards
    fit_permuted(
        tables.read("cohort", job.input.cohort),
        task=names.task,
        target=job.params.target,
        model=names.model,
        spec=job.params.spec,
        share=job.params.share,
        seed=job.params.seed,
        checkpoint_dir=Path("work/explain", names.task, names.model, names.split),
        bundle_dir=Path(job.output.model).parent,
        device=job.params.device,
        precision=job.params.precision,
        threads=job.threads,
        volumes_dir=Path("work/volumes"),
    )


if __name__ == "__main__":
    run(snakemake, main, reads={"cohort": rows}, modules=lambda job: [f"ichor.models.{job.params.spec['kind']}"])
