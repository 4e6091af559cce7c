"""Compare this run with another one (rule verify)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.verify.compare import compare
from ichor.verify.runs import other_run, read_run
from ichor.verify.wording import describe

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    here, other = read_run(job.input.provenance), read_run(other_run(job.input.other, Path(job.input.provenance)))
    table = compare(here, other)
    tables.write("verification", table, job.output.table)
    text = describe(table, here, other)
    Path(job.output.text).write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    run(snakemake, main, keep=False)  # reads the tables of another study, which are no inputs
