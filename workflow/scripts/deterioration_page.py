"""Write the page of early neurological deterioration and its tables (rule deterioration_page)."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.evaluation.deterioration_study import deterioration_study, write_tables
from ichor.evaluation.evaluate import evaluate, read_predictions
from ichor.jobs.run import run
from ichor.report import names
from ichor.report.deterioration_page import write_deterioration, write_findings

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TABLES = ("parts", "comparisons", "subgroups", "curves", "summary", "log_rank", "scores")


def main(job) -> None:
    params, page = job.params, Path(job.output.page)
    predictions = read_predictions(list(job.input.predictions))
    truth = tables.read("truth", job.input.truth) if job.input.truth else None
    # The draws depend on names alone: these are the numbers of results/evaluation, without the other tasks' models.
    metrics, _, curves = evaluate(predictions, truth, seed=params.seed, **params.evaluation)
    study = deterioration_study(
        predictions,
        tables.read_all("cohort", job.input.cohorts),
        tables.read_all("time_courses", job.input.courses),
        models=params.models,
        window_h=params.rule["window_h"],
        early_h=params.rule["early_h"],
    )
    write_tables(study, {name: job.output[name] for name in TABLES})
    said = write_deterioration(
        page,
        study,
        title=params.study["title"],
        simulated=params.study["simulated"],
        metrics=metrics,
        curves=curves,
        models=params.models,
        rule=params.rule,
        explained={
            f"{names.MODELS.get(model, model)} ({split})": os.path.relpath(path, page.parent)
            for path, (model, split) in params.explained.items()
        },
        shap=tables.read_all("shap", job.input.shap) if job.input.shap else None,
    )
    write_findings(said, Path(job.output.findings))


if __name__ == "__main__":
    run(snakemake, main)
