"""What words of reports bring to the answers of a network in one split (rule explain_words)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.explain.course_settings import CourseSettings
from ichor.explain.explain_words import explain_words
from ichor.jobs.run import run
from ichor.training.rows import model_rows

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def rows(job):
    return model_rows(tables.read("cohort", job.input.cohort), job.params.spec, job.params.target)


def main(job) -> None:
    explained = explain_words(
        tables.read("cohort", job.input.cohort),
        tables.read("reports", job.input.reports),
        Path(job.input.model).parent,
        CourseSettings(**job.params.settings),
        seed=job.params.seed,
        device=job.params.device,
        threads=job.threads,
    )
    tables.write("attribution_gate", explained.attribution_gate, job.output.gate)
    tables.write("word_attributions", explained.word_attributions, job.output.words)
    tables.write("word_contexts", explained.word_contexts, job.output.contexts)


if __name__ == "__main__":
    run(snakemake, main, reads={"cohort": rows}, modules=lambda job: [f"ichor.models.{job.params.spec['kind']}"])
