"""Make synthetic cases from one split's train rows (rule synthesize)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.synthesis import registry
from ichor.synthesis.make import generator_rows, synthesize

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def rows(job):
    return generator_rows(tables.read("cohort", job.input.cohort), job.wildcards.split)


def main(job) -> None:
    cases = synthesize(
        tables.read("cohort", job.input.cohort),
        split=job.wildcards.split,
        generator=job.wildcards.generator,
        spec=job.params.spec,
        seed=job.params.seed,
        folder=job.output.cases,
        weights=job.input.weights[0] if job.input.weights else None,  # a list: none for a kind that learns nothing
        device=job.params.device,
        threads=job.threads,
    )
    tables.write("synthetic", cases, job.output.candidates)


if __name__ == "__main__":
    run(
        snakemake,
        main,
        reads={"cohort": rows},
        modules=lambda job: [registry.module_name(job.params.spec["kind"])],
    )
