"""Attribution maps of one model in one split: sanity gate, overlap with anatomy, maps (rule explain_model)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.explain.explain_model import Settings, explain_model, rows_read
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def rows(job):
    return rows_read(tables.read("cohort", job.input.cohort), job.params.spec, job.params.target)


def main(job) -> None:
    explained = explain_model(
        tables.read("cohort", job.input.cohort),
        tables.read("predictions", job.input.predictions),
        Path(job.input.model).parent,
        Path(job.output.maps),
        Settings(**job.params.settings),
        seed=job.params.seed,
        permuted_dir=Path(job.input.permuted[0]).parent if job.input.permuted else None,
        device=job.params.device,
        threads=job.threads,
        volumes_dir=Path("work/volumes"),
    )
    tables.write("attributions", explained.attributions, job.output.attributions)
    tables.write("attribution_overlap", explained.attribution_overlap, job.output.overlap)
    tables.write("attribution_gate", explained.attribution_gate, job.output.gate)
    tables.write("attribution_maps", explained.attribution_maps, job.output.listed)
    tables.write("record_attributions", explained.record_attributions, job.output.record)
    tables.write("neighbours", explained.neighbours, job.output.neighbours)
    tables.write("explained_patients", explained.explained_patients, job.output.patients)


if __name__ == "__main__":
    run(snakemake, main, reads={"cohort": rows}, modules=lambda job: [f"ichor.models.{job.params.spec['kind']}"])
