"""Simulate one center's DICOM, reference masks and tables (rule simulate_center)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor.logs import log_to
from ichor.simulate.center import simulate_center

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    simulate_center(
        snakemake.wildcards.center,
        Path(snakemake.output.records).parent,
        patients=snakemake.params.simulate["patients_per_center"],
        matrix=snakemake.params.simulate["matrix"],
        seed=snakemake.params.seed,
    )
