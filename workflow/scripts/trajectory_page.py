"""Write the page of the time courses and its sentences (rule trajectory_page)."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.report import names
from ichor.report.trajectory_page import write_findings, write_trajectory

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def pages(explained: list[str], folder: Path) -> dict[str, str]:
    """``<model>, split <split>`` -> the page that explains it, relative to a folder."""
    found = {}
    for path in map(Path, explained):
        model, split = path.parts[-3:-1]
        found[f"{names.MODELS.get(model, names.words(model))}, split {split}"] = os.path.relpath(path, folder)
    return found


def main(job) -> None:
    study = job.params.study
    said = write_trajectory(
        Path(job.output.page),
        title=study["title"],
        simulated=study["simulated"],
        performance_by_step=tables.read("trajectory_performance", job.input.by_step),
        counts=tables.read("trajectory_counts", job.input.at_risk),
        contradictions=tables.read("contradictions", job.input.contradictions),
        comparisons=tables.read("comparisons", job.input.comparisons),
        curves=tables.read("curves", job.input.curves),
        models=job.params.models,
        explained=pages(list(job.input.explained), Path(job.output.page).parent),
    )
    write_findings(said, Path(job.output.findings))


if __name__ == "__main__":
    run(snakemake, main)
