"""Write the list of fingerprints that can be given to others (rule export_fingerprints)."""

from typing import TYPE_CHECKING

import pandas as pd

from ichor import tables
from ichor.cohort.alike import public_list
from ichor.jobs.run import run
from ichor.private_tables import read_private

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    prints = pd.concat([read_private(path) for path in job.input.fingerprints], ignore_index=True)
    listed = public_list(tables.read("scans", job.input.scans), prints, job.params.name)
    tables.write("fingerprints", listed, job.output.fingerprints)


if __name__ == "__main__":
    run(snakemake, main)
