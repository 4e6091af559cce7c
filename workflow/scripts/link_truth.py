"""Put the true risks of simulated patients under their pseudonyms (rule link_truth)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run
from ichor.pseudonyms import key_digest, study_key
from ichor.simulate.truth import link

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    paths = dict(zip(job.params.centers, job.input.truth, strict=True))
    tables.write("truth", link(paths, study_key(job.params.key_file)), job.output.truth)


if __name__ == "__main__":
    run(snakemake, main, reads={"key": lambda job: key_digest(study_key(job.params.key_file))})
