"""Train one fold of one split's nnU-Net, or go on from its checkpoint (rule train_segmentation)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    from ichor.segmentation.train import train_fold  # here, because a kept job must not pay for torch
    from ichor.training.device import choose_device

    train_fold(
        Path(job.input.plans),
        Path(job.params.work_dir),
        int(job.wildcards.fold),
        budget=job.params.budget,
        seed=job.params.seed,
        device=choose_device(job.params.device).type,
        checkpoint_every_epochs=job.config["segmentation"]["budget"]["checkpoint_every_epochs"],
        out_dir=Path(job.output.model).parent,
        threads=max(1, job.threads // job.params.processes),
        processes=job.params.processes,
        precision=job.params.precision,
    )


if __name__ == "__main__":
    run(snakemake, main)
