"""Say what was read, run and written (rule write_provenance)."""

from typing import TYPE_CHECKING

from ichor.logs import log_to
from ichor.provenance import collect, write

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
