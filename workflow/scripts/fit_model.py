"""Fit one model on one split, save its bundle and predict from the bundle (rule fit_model)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.logs import log_to
from ichor.training.fit import fit_model

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    names = snakemake.wildcards
    predictions, status = fit_model(
        tables.read("cohort", snakemake.input.cohort),
        task=names.task,
        target=snakemake.params.target,
        model=names.model,
        spec=snakemake.params.spec,
        seed=snakemake.params.seed,
        device=snakemake.params.compute["device"],
        precision=snakemake.params.compute["precision"],
        threads=snakemake.threads,
        checkpoint_dir=Path("work/models", names.task, names.model, names.split),
        bundle_dir=Path(snakemake.output.model).parent,
    )
    tables.write("predictions", predictions, snakemake.output.predictions)
    tables.write("status", status, snakemake.output.status)
