"""Write the page of a model's attribution maps and one of each chosen patient, with pictures (rule explain_page)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.report.attributions import write_attribution_page
from ichor.report.patient_page import Known, write_patient_pages

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    named = {**dict(job.wildcards.items()), "target": job.params.target}
    pictures, known = Path(job.output.pictures), Known.read(job.input, job.params.spec)
    write_attribution_page(
        Path(job.output.page),
        pictures,
        Path(job.input.maps),
        gate=known.gate,
        overlap=tables.read("attribution_overlap", job.input.overlap),
        maps=tables.read("attribution_maps", job.input.listed),
        patients=known.patients,
        record=known.record,
        named=named,
        rim_mm=job.params.rim_mm,
        study=job.params.study,
    )
    drawn = {path.stem: f"../{pictures.name}/{path.name}" for path in pictures.iterdir()}
    write_patient_pages(Path(job.output.pages), known, drawn, named, job.params.study)


if __name__ == "__main__":
    run(snakemake, main)
