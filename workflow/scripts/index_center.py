"""Read the headers of one center's files (rule index_center)."""

from typing import TYPE_CHECKING

from ichor import tables
from ichor.dicom.index import index_center
from ichor.dicom.limits import Limits
from ichor.dicom.nifti import index_nifti_center
from ichor.logs import log_to
from ichor.private_tables import write_private
from ichor.pseudonyms import study_key

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    center = snakemake.params.center
    common = dict(key=study_key(snakemake.params.key_file), limits=Limits(**snakemake.params.limits))
    if center["dicom"]:
        index, status = index_center(center["center"], center["dicom"], workers=snakemake.threads, **common)
    else:
        pattern = center["image_pattern"]
        index, status = index_nifti_center(center["center"], center["nifti"], image_pattern=pattern, **common)
    write_private(index, snakemake.output.index)
    tables.write("status", status, snakemake.output.status)
