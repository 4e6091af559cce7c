"""Write the viewer page of a center (rule viewer_page)."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.viewer.page import write_viewer_page
from ichor.viewer.shard import FACTS

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def own(job, table: str, name: str):
    """A center's rows of a table, of the split that is shown."""
    rows = tables.read(table, job.input[name])
    rows = rows[rows["center"] == job.wildcards.center]
    return rows[rows["split"] == job.params.split] if "split" in rows else rows


def scans(job):
    return own(job, "scans", "scans")[["patient", "center", "time_point", "flags"]]


def masks(job):
    return own(job, "masks", "masks")[["split", "patient", "center", "time_point", "mask", "reason"]]


def measures(job):
    return own(job, "measures", "measures")


def cases(job):
    return own(job, "agreement_cases", "cases")


def main(job) -> None:
    page = Path(job.output.page)
    write_viewer_page(
        page,
        job.wildcards.center,
        job.params.split,
        scans=scans(job),
        masks=masks(job),
        measures=measures(job),
        cases=cases(job),
        facts=[Path(folder) / FACTS for folder in job.input.shards],
        library=os.path.relpath(job.input.niivue, page.parent),
        study=job.params.study,
        centers=job.params.centers,
    )


if __name__ == "__main__":
    run(snakemake, main, reads={"scans": scans, "masks": masks, "measures": measures, "cases": cases})
