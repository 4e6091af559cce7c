"""Arrange the study's outcome models as the experiments of Chen et al. and Cobo et al. (rule outcome_study)."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ichor import tables
from ichor.evaluation.evaluate import read_predictions
from ichor.evaluation.outcome_results import study_results, write_tables
from ichor.jobs.run import run
from ichor.report.outcome_study_page import write_outcome_findings, write_outcome_study

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    params, simulated = job.params, job.params.study["simulated"]
    details = [tables.read("prediction_details", path) for path in job.input.details]
    results, absent = study_results(
        read_predictions(list(job.input.predictions)),
        details=pd.concat([part for part in details if len(part)] or [tables.empty("prediction_details")]),
        cohort=tables.read("cohort", job.input.cohort),
        models=params.models,
        targets=params.targets,
        bundles=[json.loads(Path(path).read_text()) for path in job.input.models],
        features=params.features,
        truth=tables.read("truth", job.input.truth) if job.input.truth else None,
        seed=params.seed,
        **params.evaluation,
    )
    names = ("performance", "comparisons", "by_outcome", "odds_ratios", "rates_by_score", "seeds", "missed", "gates")
    write_tables(results, {name: job.output[name] for name in (*names, "ordinal")})
    page = Path(job.output.page)
    said = write_outcome_study(page, results, title=params.study["title"], simulated=simulated, absent=absent)
    write_outcome_findings(said, Path(job.output.findings), simulated)


if __name__ == "__main__":
    run(snakemake, main)
