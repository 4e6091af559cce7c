"""Evaluate the models of time courses at every step (rule evaluate_trajectory)."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ichor import tables
from ichor.cohort.follow_up import TARGETS
from ichor.evaluation.contradictions import contradictions
from ichor.evaluation.evaluate import evaluate, read_predictions
from ichor.evaluation.steps import by_step, step_order, who_is_at_risk
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def risks_by_model(paths: list[str]) -> dict[str, pd.DataFrame]:
    """Model (the folder two above) -> its answers in all splits."""
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(Path(path).parts[-3], []).append(path)
    return {model: tables.read_all("trajectory_risks", files) for model, files in found.items()}


def main(job) -> None:
    settings, seed = job.params.evaluation, job.params.seed
    predictions = read_predictions(list(job.input.predictions))
    steps = tables.read_all("trajectory_steps", list(job.input.steps))
    metrics, comparisons, curves = evaluate(
        predictions,
        tables.read("truth", job.input.truth) if job.input.truth else None,
        seed=seed,
        bootstrap=settings["bootstrap"],
        threshold=settings["threshold"],
        target_sensitivity=settings["target_sensitivity"],
        net_benefit_thresholds=tuple(settings["net_benefit_thresholds"]),
    )
    performance = by_step(predictions, metrics, steps, seed=seed, bootstrap=settings["bootstrap"])
    clashes = contradictions(risks_by_model(job.input.risks), TARGETS, metrics, step_order(steps))
    tables.write("metrics", metrics, job.output.metrics)
    tables.write("comparisons", comparisons, job.output.comparisons)
    tables.write("curves", curves, job.output.curves)
    tables.write("trajectory_performance", performance, job.output.by_step)
    tables.write("trajectory_counts", who_is_at_risk(steps, TARGETS), job.output.at_risk)
    tables.write("contradictions", clashes, job.output.contradictions)


if __name__ == "__main__":
    run(snakemake, main)
