"""Train a generator of synthetic cases on one split's train rows (rule train_generator)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.synthesis import registry
from ichor.synthesis.make import generator_rows, train_generator

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def rows(job):
    return generator_rows(tables.read("cohort", job.input.cohort), job.wildcards.split)


def main(job) -> None:
    names = job.wildcards
    train_generator(
        tables.read("cohort", job.input.cohort),
        split=names.split,
        generator=names.generator,
        spec=job.params.spec,
        seed=job.params.seed,
        device=job.params.device,
        precision=job.params.precision,
        threads=job.threads,
        checkpoint_dir=Path("work/synthetic", names.generator, names.split),
        weights=job.output.weights,
    )


if __name__ == "__main__":
    run(
        snakemake,
        main,
        reads={"cohort": rows},
        modules=lambda job: [registry.module_name(job.params.spec["kind"])],
    )
