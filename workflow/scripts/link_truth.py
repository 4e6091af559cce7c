"""Put the true risks of simulated patients under their pseudonyms (rule link_truth)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.logs import log_to
from ichor.pseudonyms import study_key
from ichor.simulate.truth import link

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    paths = dict(zip(snakemake.params.centers, snakemake.input.truth, strict=True))
    tables.write("truth", link(paths, study_key(snakemake.params.key_file)), snakemake.output.truth)
