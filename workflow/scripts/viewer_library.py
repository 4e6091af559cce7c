"""Put NiiVue beside the viewer pages (rule viewer_library)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor.jobs.run import run
from ichor.viewer import niivue

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    niivue.copy(Path(job.input.niivue), Path(job.output.niivue))


if __name__ == "__main__":
    run(snakemake, main)
