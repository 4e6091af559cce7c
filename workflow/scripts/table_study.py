"""Cross-validate models of the record on a table without scans, beside scores (rule table_study)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.own_table import read_own_table
from ichor.evaluation.table_study import check_models, table_study
from ichor.jobs.run import run
from ichor.report.table_study_page import write_table_findings, write_table_study, write_tables

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def kinds(job) -> list[str]:
    return [f"ichor.models.{entry['kind']}" for entry in job.params.study["models"].values() if entry]


def main(job) -> None:
    settings = job.params.study
    table = read_own_table(Path(job.input.table), settings)
    models = check_models(settings["models"], settings["columns"])
    study = table_study(
        table,
        target=settings["outcome"],
        models=models,
        scores=settings["scores"],
        folds=settings["folds"],
        repeats=settings["repeats"],
        inner_folds=settings["inner_folds"],
        seed=job.params.seed,
        **job.params.evaluation,
    )
    tables.write("predictions", study.predictions, job.output.predictions)
    write_tables(study, {name: job.output[name] for name in ("performance", "comparisons", "repeats", "choices")})
    event = f"{settings['outcome']}: {', '.join(str(value) for value in settings['events'])}"
    entries = {name: settings["models"][name] for name in models}
    out = Path(job.output.page)
    said = write_table_study(out, study, title=job.params.title, event=event, models=entries, settings=settings)
    write_table_findings(said, Path(job.output.findings))


if __name__ == "__main__":
    run(snakemake, main, modules=kinds)
