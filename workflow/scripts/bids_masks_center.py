"""Write a split's predicted masks of a center as a BIDS derivative (rule bids_masks_center)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.bids import write_masks
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    center, split = job.wildcards.center, job.wildcards.split
    masks = tables.read_all("masks", job.input.masks)
    masks = masks[masks["mask"].notna()]
    files = {(row.patient, row.time_point): row.mask for row in masks.itertuples()}
    title = f"Center {center}, masks predicted in split {split}"
    kind = "".join(filter(str.isalnum, split))
    write_masks(files, Path(job.output[0]), title, kind, f"../../../bids/{center}", source=job.params.source)


if __name__ == "__main__":
    run(snakemake, main, keep=False)  # links: made again in less time than they are kept
