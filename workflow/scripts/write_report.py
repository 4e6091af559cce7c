"""Write the report page and its figures (rule write_report)."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.logs import log_to
from ichor.report.cases import choose
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
    "agreement",
    "flow",
    "table_one",
)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    params = snakemake.params
    parts = {name: Path(snakemake.input[name]) for name in NAMED}
    parts["cohort"] = [Path(path) for path in snakemake.input.cohorts]
    masks, scans = tables.read("masks", snakemake.input.masks), tables.read("scans", snakemake.input.scans)
    cases = choose(masks, scans, params.splits[0])
    write_page(
        Path(snakemake.output.page),
        study=params.study,
        tables=parts,
        provenance=json.loads(Path(snakemake.input.provenance).read_text()),
        models=params.models,
        cases=cases,
        growth_ml=params.growth_ml,
        auc_alarm=params.auc_alarm,
    )
    write_figures(Path(snakemake.output.figures), parts, study=params.study, models=params.models, cases=cases)
