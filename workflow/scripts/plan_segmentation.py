"""Plan and preprocess one split's nnU-Net dataset from its train and tune rows (rule plan_segmentation)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.logs import log_to
from ichor.segmentation.dataset import plan_segmentation

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    plan_segmentation(
        tables.read("splits", snakemake.input.fitting),
        tables.read("scans", snakemake.input.scans),
        labels=snakemake.params.labels,
        plan=snakemake.params.plan,
        work_dir=Path(snakemake.params.work_dir),
        out_plans=Path(snakemake.output.plans),
        workers=snakemake.threads,
        seed=snakemake.params.seed,
    )
