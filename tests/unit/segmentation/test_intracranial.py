import nibabel as nib
import numpy as np
import pytest

from ichor.imaging.measures import LABEL_CODES
from ichor.segmentation.intracranial import drop_outside_skull, inside_skull

SPACING_MM = np.array([2.0, 2.0, 5.0])
MIDDLE_MM = np.array([96.0, 110.0, 120.0])
IPH, EXTRAAXIAL = LABEL_CODES["iph"], LABEL_CODES["extraaxial"]


def places_mm():
    """Coordinates of the voxels: right, anterior, up."""
    along = [np.arange(n) * step for n, step in zip((96, 110, 42), SPACING_MM, strict=True)]
    return np.meshgrid(*along, indexing="ij")


def ball(center_mm, radii_mm):
    parts = zip(places_mm(), center_mm, np.broadcast_to(radii_mm, 3), strict=True)
    return sum(((axis - at) / radius) ** 2 for axis, at, radius in parts) <= 1


@pytest.fixture(scope="module")
def head():
    """An egg of brain in a closed skull over a neck of muscle, as in a scan that begins low; a bleed; some muscle."""
    x, y, z = places_mm()
    hu = np.full(x.shape, -1000.0)
    hu[(np.hypot(x - 96, y - 96) < 55) & (z < 90)] = 55
    for radii, value in (((76, 92, 82), 40.0), ((70, 86, 76), 1000.0), ((64, 80, 70), 35.0)):
        hu[ball(MIDDLE_MM, radii)] = value
    bleed, muscle = ball(MIDDLE_MM + (30, 0, 10), 15), ball((96, 96, 5), 30)
    hu[bleed] = 65
    return hu + np.random.default_rng(1).normal(0, 3, hu.shape), bleed, muscle


def cleaned(head, mask, affine=None):
    affine = np.diag([*SPACING_MM, 1.0]) if affine is None else affine
    return drop_outside_skull(mask.T.astype(np.uint8), inside_skull(head[0].T, affine)).T


def test_muscle_of_the_neck_goes_and_the_bleed_stays_to_the_voxel(head):
    _, bleed, muscle = head
    assert (cleaned(head, IPH * (bleed | muscle)) == IPH * bleed).all()


def test_a_bleed_at_the_inner_table_stays_whole(head):
    hu, _, muscle = head
    rim = ball(MIDDLE_MM + (52, 0, 0), 14) & ball(MIDDLE_MM, (66, 82, 72))
    bled = np.where(rim & ball(MIDDLE_MM, (64, 80, 70)), 70.0, hu)
    assert (cleaned((bled,), IPH * (rim | muscle)) == IPH * rim).all()


def test_blood_outside_the_brain_is_not_judged(head):
    muscle = head[2]
    assert (cleaned(head, EXTRAAXIAL * muscle) == EXTRAAXIAL * muscle).all()


@pytest.mark.parametrize("axes", ["LPS", "LAS", "RPI"])
def test_the_order_in_which_voxels_are_stored_does_not_matter(head, axes):
    hu, bleed, muscle = head
    image = nib.Nifti1Image(hu, np.diag([*SPACING_MM, 1.0]))
    turn = nib.orientations.ornt_transform(nib.io_orientation(image.affine), nib.orientations.axcodes2ornt(axes))
    stored = image.as_reoriented(turn)
    mask, kept = (nib.orientations.apply_orientation(part, turn) for part in (IPH * (bleed | muscle), IPH * bleed))
    assert (cleaned((stored.get_fdata(),), mask, stored.affine) == kept).all()


def test_where_no_brain_is_found_nothing_is_removed(head):
    mask = np.zeros((30, 60, 60), np.uint8)
    mask[3:6, 10:20, 10:20] = IPH
    assert drop_outside_skull(mask, inside_skull(np.full(mask.shape, 50.0), np.diag([*SPACING_MM, 1.0]))) is mask
