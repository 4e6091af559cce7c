"""Check the synthetic cases of a generator and split against its real ones; the page of them (rule check_synthetic)."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.report.synthesis_page import write_synthesis_page
from ichor.synthesis.worth import check_synthetic, columns_read

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def rows(job):
    return columns_read(tables.read("cohort", job.input.cohort))


def first_of(files) -> Path | None:
    """First file of an input that may have none."""
    files = [files] if isinstance(files, str) else list(files)
    return Path(files[0]) if files else None


def main(job) -> None:
    names, params = job.wildcards, job.params
    facts, network = first_of(job.input.facts), first_of(job.input.network)
    checked = check_synthetic(
        tables.read("synthetic", job.input.candidates),
        rows(job),
        split=names.split,
        generator=names.generator,
        region=params.region,
        quantile=params.quantile,
        seed=params.seed,
        facts=json.loads(facts.read_text(encoding="utf-8")) if facts else None,
        bundle_dir=network.parent if network else None,
        volumes=Path("work/volumes"),
    )
    tables.write("synthetic", checked.cases, job.output.cases)
    tables.write("worth", checked.worth, job.output.worth)
    write_synthesis_page(
        Path(job.output.page),
        study={"title": params.title, "simulated": params.simulated},
        generator=names.generator,
        kind=params.kind,
        split=names.split,
        worth=checked.worth,
        distances=checked.distances,
        pairs=checked.pairs,
        facts=checked.facts,
    )


if __name__ == "__main__":
    run(snakemake, main, reads={"cohort": rows})
