"""Read the headers of one center's files (rule index_center)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.dicom.index import index_center
from ichor.dicom.limits import Limits
from ichor.dicom.nifti import index_nifti_center
from ichor.dicom.references import list_masks
from ichor.jobs.run import run
from ichor.private_tables import write_private
from ichor.pseudonyms import study_key

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    center = job.params.center
    common = dict(key=study_key(job.params.key_file), limits=Limits(**job.params.limits))
    if center["dicom"]:
        kept = Path("work/ingest", center["center"], "headers")
        status = index_center(
            center["center"], center["dicom"], job.output.index, workers=job.threads, cache=kept, **common
        )
    else:
        pattern = center["image_pattern"]
        status = index_nifti_center(
            center["center"], center["nifti"], job.output.index, image_pattern=pattern, **common
        )
    write_private(list_masks(center["masks"], center["mask_pattern"]), job.output.masks)
    tables.write("status", status, job.output.status)


if __name__ == "__main__":
    # no key can hold an archive; headers that were read before are not read again
    run(snakemake, main, keep=False, identifiers=True)
