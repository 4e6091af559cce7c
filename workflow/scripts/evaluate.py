"""Evaluate every prediction table, whoever made it (rule evaluate)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.evaluation.evaluate import evaluate, read_predictions
from ichor.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    settings = snakemake.params.evaluation
    metrics, comparisons, curves = evaluate(
        read_predictions(list(snakemake.input.predictions)),
        tables.read("truth", snakemake.input.truth) if snakemake.input.truth else None,
        seed=snakemake.params.seed,
        bootstrap=settings["bootstrap"],
        threshold=settings["threshold"],
        target_sensitivity=settings["target_sensitivity"],
        net_benefit_thresholds=tuple(settings["net_benefit_thresholds"]),
    )
    tables.write("metrics", metrics, snakemake.output.metrics)
    tables.write("comparisons", comparisons, snakemake.output.comparisons)
    tables.write("curves", curves, snakemake.output.curves)
