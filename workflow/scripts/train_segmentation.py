"""Train one fold of one split's nnU-Net, or go on from its checkpoint (rule train_segmentation)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor.logs import log_to
from ichor.segmentation.train import train_fold
from ichor.training.device import choose_device

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    train_fold(
        Path(snakemake.input.plans),
        Path(snakemake.params.work_dir),
        int(snakemake.wildcards.fold),
        budget=snakemake.params.budget,
        seed=snakemake.params.seed,
        device=choose_device(snakemake.params.device).type,
        checkpoint_every_epochs=snakemake.params.checkpoint_every_epochs,
        out_dir=Path(snakemake.output.model).parent,
        threads=snakemake.threads,
    )
