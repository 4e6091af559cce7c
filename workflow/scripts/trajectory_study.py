"""Cross-validate models of time courses on a table of visits without scans (rule trajectory_study)."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.own_courses import horizon_h, read_own_courses
from ichor.evaluation.trajectory_study import check_models, trajectory_study
from ichor.jobs.run import run
from ichor.report.trajectory_study_page import write_findings, write_tables, write_trajectory_study
from ichor.training.sequence_fit import fit_sequences

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def kinds(job) -> list[str]:
    return [f"ichor.models.{entry['kind']}" for entry in job.params.study["models"].values() if entry]


def main(job) -> None:
    settings = job.params.study
    courses = read_own_courses(Path(job.input.table), settings)
    models = check_models(settings["models"], settings["columns"])
    study = trajectory_study(
        courses,
        models=models,
        fit=partial(fit_sequences, device=job.params.device, threads=job.threads),
        folds=settings["folds"],
        repeats=settings["repeats"],
        inner_folds=settings["inner_folds"],
        horizon_h=horizon_h(settings),
        seed=job.params.seed,
        **job.params.evaluation,
    )
    tables.write("predictions", study.predictions, job.output.predictions)
    write_tables(study, {name: job.output[name] for name in ("performance", "comparisons", "repeats")})
    said = write_trajectory_study(
        Path(job.output.page), study, title=job.params.title, models=models, settings=settings
    )
    write_findings(said, Path(job.output.findings))


if __name__ == "__main__":
    run(snakemake, main, modules=kinds)
