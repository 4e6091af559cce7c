"""Write the page of a model's attribution maps, with their pictures (rule explain_page)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.report.attributions import write_attribution_page

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    write_attribution_page(
        Path(job.output.page),
        Path(job.output.pictures),
        Path(job.input.maps),
        gate=tables.read("attribution_gate", job.input.gate),
        overlap=tables.read("attribution_overlap", job.input.overlap),
        maps=tables.read("attribution_maps", job.input.listed),
        named={**dict(job.wildcards.items()), "target": job.params.target},
        rim_mm=job.params.rim_mm,
        study=job.params.study,
    )


if __name__ == "__main__":
    run(snakemake, main)
