"""Write the page of what a network reads in reports (rule explain_words_page)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.report.words_page import write_words_page

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    write_words_page(
        Path(job.output.page),
        gate=tables.read("attribution_gate", job.input.gate),
        words=tables.read("word_attributions", job.input.words),
        contexts=tables.read("word_contexts", job.input.contexts),
        named={**dict(job.wildcards.items()), "target": job.params.target},
        study=job.params.study,
    )


if __name__ == "__main__":
    run(snakemake, main)
