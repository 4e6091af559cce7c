"""Draw overlays and pack volumes of a shard's segmented scans (rule viewer_shard)."""

from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.jobs.run import run

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

MEASURED = ["patient", "time_point", "found", "iph_ml", "ivh_ml", "edema_ml", "location", "side", "reasons"]


def scans(job):
    """What is drawn of a scan, beside its image."""
    return tables.read("scans", job.input.scans)[
        ["patient", "time_point", "image", "voxel_sha256", "reference_mask", "reference_sha256"]
    ]


def masks(job):
    return tables.read("masks", job.input.masks)[["patient", "time_point", "mask", "mask_sha256", "reason"]]


def measures(job):
    """What stands in a caption."""
    read = tables.read("measures", job.input.measures)
    return read[[name for name in read if name in MEASURED or name == "extraaxial_ml"]]


def cases(job):
    read = tables.read("agreement_cases", job.input.cases)
    return read[["patient", "time_point", "label", "emptiness", "reference_ml", "dice"]]


def main(job) -> None:
    from ichor.viewer.shard import write_shard  # here, because a kept job must not pay for it

    write_shard(scans(job), masks(job), measures(job), cases(job), Path(job.output.folder))


if __name__ == "__main__":
    run(snakemake, main, reads={"scans": scans, "masks": masks, "measures": measures, "cases": cases})
