"""A cohort of phantom heads: a sphere of brain with a bleed, whose label is visible in the image."""

import copy

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

SHAPE, SPACING_MM = (36, 40, 12), (5.0, 5.0, 8.0)


def write_phantom(folder, patient, radius_mm, bleed_hu, rng):
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1) * SPACING_MM
    middle = (np.array(SHAPE) - 1) * SPACING_MM / 2
    from_middle = np.linalg.norm((grid - middle) / [75, 90, 44], axis=-1)
    image = np.where(from_middle < 1, 32.0, -1000.0)
    image[(from_middle >= 0.9) & (from_middle < 1)] = 900.0
    center = middle + rng.uniform(-20, 20, size=3) * [1, 1, 0.2]
    bleed = np.linalg.norm(grid - center, axis=-1) < radius_mm
    image[bleed] = bleed_hu
    image += rng.normal(0, 3, size=SHAPE)
    affine = np.diag([*SPACING_MM, 1.0])
    paths = {name: folder / f"{patient}_{name}.nii.gz" for name in ("ct", "mask")}
    nib.save(nib.Nifti1Image(np.rint(image).astype(np.int16), affine), paths["ct"])
    nib.save(nib.Nifti1Image(bleed.astype(np.uint8), affine), paths["mask"])
    return str(paths["ct"]), str(paths["mask"]), float(bleed.sum() * np.prod(SPACING_MM) / 1000)


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory):
    """Cohort table of 48 phantoms in three centers; dense bleeds expand."""
    folder = tmp_path_factory.mktemp("phantoms")
    rng = np.random.default_rng(5)
    rows = []
    for number in range(48):
        label = number % 2
        image, mask, volume_ml = write_phantom(folder, f"p{number:02d}", rng.uniform(14, 22), 50 + 25 * label, rng)
        role = "test" if number >= 36 else "tune" if number % 6 in (0, 1) else "train"
        rows.append(
            {
                "split": "external",
                "patient": f"p{number:02d}",
                "center": "delta" if role == "test" else ("aurora", "boreal")[number % 4 // 2],
                "role": role,
                "image": image,
                "mask": mask,
                "iph_ml": volume_ml,
                "ivh_ml": 0.0,
                "age_years": float(50 + 15 * label + rng.normal(0, 8)),
                "gcs": 14 - 4 * label + int(rng.integers(-2, 2)),
                "sex": ("male", "female")[number % 3 % 2],
                "location": ("deep", "lobar", "infratentorial")[number % 3],
                "label_expansion": label,
                "label_poor_outcome": label,
            }
        )
    table = pd.DataFrame(rows)
    table["gcs"] = table["gcs"].astype("Int64")
    table["label_expansion"] = table["label_expansion"].astype("Int64")
    return table


SMALL_VIT = {
    "kind": "vit",
    "form": "volume",
    "patch": [8, 8, 4],
    "dim": 32,
    "depth": 2,
    "heads": 2,
    "dropout": 0.1,
    "input": {"size_mm": [80, 80, 64], "spacing_mm": [5, 5, 8], "windows_hu": [[0, 100]], "inside": False},
    "training": {"epochs": 6, "batch_size": 8, "checkpoint_every_epochs": 2, "keep": "best", "seeds": 1},
}


@pytest.fixture(scope="session")
def small_vit_settings():
    """Settings of a ViT that trains in a second; not to be changed."""
    return SMALL_VIT


@pytest.fixture
def small_vit():
    """The same settings, a copy that a test may change."""
    return copy.deepcopy(SMALL_VIT)
