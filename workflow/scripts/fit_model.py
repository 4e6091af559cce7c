"""Fit one model on one split's train and tune rows and save its bundle (rule fit_model)."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.cohort.fences import fitting_rows
from ichor.jobs.run import run
from ichor.training.fit import fit_model
from ichor.training.rows import model_rows

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def rows(job):
    cohort = tables.read("cohort", job.input.cohort)
    return model_rows(fitting_rows(cohort, job.wildcards.split), job.params.spec, job.params.target)


def reports(job):
    """Texts of the patients that are fitted on, in the table's order; None for a kind that reads none."""
    if not job.input.reports:
        return None
    table = tables.read("reports", job.input.reports[0])
    return table[table["patient"].isin(rows(job)["patient"])]


def synthetic(job):
    """What the accepted cases are, whatever was refused beside them; None for a model that wants none."""
    cases = cases_of(job)
    if cases is None:
        return None
    named = ["case", "split", "generator", "label", "parents", "image_sha256", "mask_sha256"]
    return cases.loc[cases["outcome"] == "accepted", named]


def cases_of(job):
    return tables.read("synthetic", job.input.synthetic[0]) if job.input.synthetic else None


def main(job) -> None:
    names = job.wildcards
    status = fit_model(
        tables.read("cohort", job.input.cohort),
        task=names.task,
        target=job.params.target,
        model=names.model,
        spec=job.params.spec,
        draws=job.params.draws,
        seed=job.params.seed,
        device=job.params.device,
        precision=job.params.precision,
        threads=max(1, job.threads // job.params.processes),
        processes=job.params.processes,
        volumes_dir=Path("work/volumes"),
        checkpoint_dir=Path("work/models", names.task, names.model, names.split),
        bundle_dir=Path(job.output.model).parent,
        synthetic=cases_of(job),
        trained_on=json.loads(Path(job.input.generator[0]).read_text())["trained_on"] if job.input.generator else None,
        reports=reports(job),
    )
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    run(
        snakemake,
        main,
        reads={"cohort": rows, "synthetic": synthetic, "reports": reports},
        modules=lambda job: [f"ichor.models.{job.params.spec['kind']}"],
    )
