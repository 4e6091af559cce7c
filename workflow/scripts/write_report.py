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
    "label_sensitivity",
    "trajectory_performance",
    "trajectory_counts",
)


def pages_beside(worth, folder: Path) -> dict[str, str]:
    """``<generator>/<split>`` -> page beside each table of synthetic cases, relative to a folder."""
    found = {}
    for path in map(Path, worth):
        found["/".join(path.parts[-3:-1])] = os.path.relpath(path.with_name("page.html"), folder)
    return found


def deterioration_of(job) -> dict | None:
    """Page of the deterioration with what the report takes from it; None where nobody can deteriorate."""
    if not job.input.deterioration:
        return None
    page, findings, curves = job.input.deterioration
    page = os.path.relpath(page, Path(job.output.page).parent)
    return dict(page=page, findings=findings, curves=curves, rule=job.params.deterioration)


def main(job) -> None:
    params = job.params
    given = {name: job.input.get(name) for name in NAMED}
    parts = {
        name: Path(file) if isinstance(file, str) else [Path(each) for each in file]  # a list of one stays a list
        for name, file in given.items()
        if file
    }
    parts["worth"] = [Path(path) for path in job.input.worth]
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
        expansion_definition=params.expansion_definition,
        auc_alarm=params.auc_alarm,
        sources=params.sources,
        bundle=params.bundle,
        quality={Path(path).stem: os.path.relpath(path, Path(job.output.page).parent) for path in job.input.quality},
        explained=[
            names | {"page": os.path.relpath(path, Path(job.output.page).parent)}
            for path, names in params.explained.items()
        ],
        synthetic_pages=pages_beside(job.input.worth, Path(job.output.page).parent),
        trajectory_page=next(
            (os.path.relpath(path, Path(job.output.page).parent) for path in job.input.trajectory_page), None
        ),
        deterioration=deterioration_of(job),
    )
    write_figures(Path(job.output.figures), parts, study=params.study, models=params.models, cases=cases)


if __name__ == "__main__":
    run(snakemake, main, keep=False)  # says when it was written
