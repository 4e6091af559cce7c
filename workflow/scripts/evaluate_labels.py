"""Evaluate expansion models under every definition, by extent and under label noise (rule evaluate_labels)."""

from typing import TYPE_CHECKING

import pandas as pd

from ichor import tables
from ichor.evaluation.extent_evaluation import extent_evaluation
from ichor.evaluation.label_sensitivity import label_sensitivity
from ichor.evaluation.predictions import read_predictions
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    predictions = (
        read_predictions(list(job.input.predictions)) if job.input.predictions else tables.empty("predictions")
    )
    drawing = dict(seed=job.params.seed, draws=job.params.draws)
    found = [
        label_sensitivity(predictions, tables.read_all("expansion_labels", job.input.labels), **drawing),
        extent_evaluation(predictions, tables.read_all("expansion_extent", job.input.extents), **drawing),
    ]
    together = pd.concat([part for part in found if len(part)] or found[:1], ignore_index=True)
    tables.write("label_sensitivity", together, job.output.table)


if __name__ == "__main__":
    run(snakemake, main)
