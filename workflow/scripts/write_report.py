"""Write the report page and its figures (rule write_report)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
