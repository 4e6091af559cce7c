"""Evaluate every prediction table, whoever made it (rule evaluate)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.evaluation.evaluate import evaluate, read_predictions
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    settings = job.params.evaluation
    metrics, comparisons, curves = evaluate(
        read_predictions(list(job.input.predictions)),
        tables.read("truth", job.input.truth) if job.input.truth else None,
        seed=job.params.seed,
        bootstrap=settings["bootstrap"],
        threshold=settings["threshold"],
        target_sensitivity=settings["target_sensitivity"],
        net_benefit_thresholds=tuple(settings["net_benefit_thresholds"]),
    )
    tables.write("metrics", metrics, job.output.metrics)
    tables.write("comparisons", comparisons, job.output.comparisons)
    tables.write("curves", curves, job.output.curves)


if __name__ == "__main__":
    run(snakemake, main)
