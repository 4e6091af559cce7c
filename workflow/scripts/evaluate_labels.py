"""Evaluate expansion models under every definition and under label noise (rule evaluate_labels)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.evaluation.label_sensitivity import label_sensitivity
from ichor.evaluation.predictions import read_predictions
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    found = label_sensitivity(
        read_predictions(list(job.input.predictions)) if job.input.predictions else tables.empty("predictions"),
        tables.read_all("expansion_labels", job.input.labels),
        seed=job.params.seed,
        draws=job.params.draws,
    )
    tables.write("label_sensitivity", found, job.output.table)


if __name__ == "__main__":
    run(snakemake, main)
