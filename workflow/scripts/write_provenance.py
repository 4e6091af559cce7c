"""Say what was read, run and written (rule write_provenance)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor.logs import log_to
from ichor.provenance import collect, write

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    record = collect(
        Path.cwd(),
        inputs=snakemake.params.inputs,
        outputs=list(snakemake.input),
        config=snakemake.params.config,
        seed=snakemake.params.config["seed"],
    )
    write(Path(snakemake.output.provenance), record)
