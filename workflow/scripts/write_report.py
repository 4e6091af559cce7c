"""Write the report page and its figures (rule write_report)."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.report.cases import choose, worst_of_labels
from ichor.report.figure_files import write_figures
from ichor.report.page import write_page

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

NAMED = (
    "status",
    "patients",
    "scans",
    "splits",
    "masks",
    "metrics",
    "comparisons",
    "curves",
    "measures",
    "agreement",
    "agreement_groups",
    "agreement_cases",
    "flow",
    "table_one",
)


def main(job) -> None:
    params = job.params
    parts = {name: Path(job.input[name]) for name in NAMED}
    parts["cohort"] = [Path(path) for path in job.input.cohorts]
    masks, scans = tables.read("masks", job.input.masks), tables.read("scans", job.input.scans)
    compared = tables.read("agreement_cases", job.input.agreement_cases)
    cases = choose(masks, scans, params.splits[0]) + worst_of_labels(compared, masks, scans, params.splits[0])
    write_page(
        Path(job.output.page),
        study=params.study,
        tables=parts,
        provenance=json.loads(Path(job.input.provenance).read_text()),
        models=params.models,
        cases=cases,
        growth_ml=params.growth_ml,
        auc_alarm=params.auc_alarm,
        sources=params.sources,
        bundle=params.bundle,
        quality={Path(path).stem: os.path.relpath(path, Path(job.output.page).parent) for path in job.input.quality},
    )
    write_figures(Path(job.output.figures), parts, study=params.study, models=params.models, cases=cases)


if __name__ == "__main__":
    run(snakemake, main, keep=False)  # says when it was written
