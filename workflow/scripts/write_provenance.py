"""Say what was read, run and written (rule write_provenance)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor.jobs.run import run
from ichor.provenance import collect, write

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    record = collect(
        Path.cwd(),
        inputs=job.params.inputs,
        outputs=list(job.input),
        config=job.params.config,
        seed=job.params.config["seed"],
    )
    write(Path(job.output.provenance), record | {"segmentation_bundle": job.params.bundle})


if __name__ == "__main__":
    run(snakemake, main, keep=False)  # says when it was written
