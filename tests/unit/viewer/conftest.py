"""A head with a bleed, and a shard of such scans on the disk."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from tests.browser import find_chromium, lacking

from ichor.errors import StudyError
from ichor.segmentation.agreement import compare_masks
from ichor.viewer import niivue

SPACING_MM = (2.0, 2.0, 5.0)
SPLIT = "external"


def made_head() -> tuple[np.ndarray, np.ndarray]:
    """HU and mask: skull around a brain of 32 HU, a bleed of 65 HU on the patient's left, a nose in front."""
    x, y, z = np.indices((84, 104, 22))
    radius = np.sqrt(((x - 42) / 32) ** 2 + ((y - 50) / 38) ** 2 + ((z - 10) / 9.5) ** 2)
    volume = np.full(radius.shape, -1000, np.int16)
    volume[(np.abs(x - 42) < 5) & (y > 90) & (y < 102)] = 40
    volume[radius < 1.13] = 900
    volume[radius < 1.0] = 32
    mask = (((x - 28) / 8) ** 2 + ((y - 50) / 10) ** 2 + ((z - 13) / 2.6) ** 2 < 1).astype(np.uint8)
    volume[mask > 0] = 65
    return volume, mask


@pytest.fixture(scope="session")
def head() -> tuple[np.ndarray, np.ndarray]:
    return made_head()


@pytest.fixture(scope="session")
def brain(head) -> np.ndarray:
    """What lies within the skull."""
    return (head[0] > 0) & (head[0] < 80) & (np.indices(head[0].shape)[1] < 90)


@pytest.fixture(scope="session")
def shard(tmp_path_factory, head) -> dict[str, pd.DataFrame]:
    """Tables of four scans: good mask, poor mask, no mask, and one without a reference in which nothing was found."""
    folder = tmp_path_factory.mktemp("shard")
    volume, mask = head
    affine = np.diag([*SPACING_MM, 1.0])
    files = {"ct": volume, "good": mask, "poor": np.roll(mask, 6, axis=0), "none": np.zeros_like(mask)}
    for name, data in files.items():
        nib.save(nib.Nifti1Image(data, affine), folder / f"{name}.nii.gz")
    tables = {name: [] for name in ("scans", "masks", "measures", "cases")}
    for number, found in enumerate(("good", "poor", None, "none")):
        key = dict(patient=f"{number:012x}", center="aurora", time_point="baseline")
        reference = None if found == "none" else str(folder / "good.nii.gz")
        flags = "tilt_corrected" if number == 1 else None
        tables["scans"].append(key | dict(image=str(folder / "ct.nii.gz"), reference_mask=reference, flags=flags))
        path = str(folder / f"{found}.nii.gz") if found else None
        tables["masks"].append(key | dict(split=SPLIT, mask=path, reason=None if found else "segmentation_failed"))
        volume_ml = float((files[found] > 0).sum()) * 0.02 if found else None
        tables["measures"].append(
            key | dict(split=SPLIT, found=None if found is None else int(found != "none"), iph_ml=volume_ml)
            | dict(ivh_ml=None, iph_error_ml=2.0, location="deep" if found in ("good", "poor") else None, reasons=None)
        )  # fmt: skip
        if found and reference:
            compared = compare_masks(files[found] > 0, mask > 0, SPACING_MM, 0.02)
            tables["cases"].append(key | dict(split=SPLIT, label="iph") | compared)
    return {name: pd.DataFrame(rows) for name, rows in tables.items()}


@pytest.fixture(scope="session")
def chromium() -> str:
    found = find_chromium()
    if not found:
        lacking("no chromium on this machine")
    return found


@pytest.fixture(scope="session")
def library():
    """NiiVue as `make install` put it."""
    try:
        return niivue.find()
    except StudyError as error:
        lacking(str(error))
