"""Evaluate every prediction table, whoever made it (rule evaluate)."""

from typing import TYPE_CHECKING

import pandas as pd

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
    for name, own in (("metrics", metrics), ("comparisons", comparisons), ("curves", curves)):
        before = job.input[f"{name}_by_step"]  # models of time courses, evaluated already
        both = pd.concat([own, tables.read(name, before)], ignore_index=True) if before else own
        tables.write(name, both, job.output[name])


if __name__ == "__main__":
    run(snakemake, main)
