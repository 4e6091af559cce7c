"""The volume of one simulated head's bleed, whatever gantry tilt, slices, pixels and pose it was scanned with.

Two volumes that know nothing of each other, after the real conversion: that of the reference mask on the converted
grid, and that of the image itself. The head is scanned with and without the bleed, which adds the same Hounsfield units
everywhere in it; their sum over the difference of the two converted scans is its volume, partial voxels included.
"""

from dataclasses import replace
from datetime import datetime

import nibabel as nib
import numpy as np
import pytest
import torch

from ichor.imaging.measures import volumes_ml, voxel_volume_ml
from ichor.pseudonyms import pseudonym
from ichor.segmentation.preprocess import Grid, prepare_mask, restore
from ichor.simulate.anatomy import build_template, compose_head, draw_individual
from ichor.simulate.bleeds import BleedPlan, bleed
from ichor.simulate.dicom_writer import Exam, Series, write_ct_series
from ichor.simulate.exams import write_mask
from ichor.simulate.scanner import Pose, Scanner, scan_head

KEY = b"k" * 32  # of the fixture `ingest`
CLOT_HU, VOLUME_ML, TOLERANCE = 30.0, 25.0, 0.005
STRAIGHT, TURNED = Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)), Pose((4.0, -3.0, 6.0), (2.0, -3.0, 1.0))
SCANS = {  # tilt in degrees, slice thickness in mm, pixels a row, pose
    "plain": (0.0, 5.0, 112, STRAIGHT),
    "tilt": (14.0, 5.0, 112, STRAIGHT),
    "tilt the other way": (-25.0, 5.0, 112, STRAIGHT),
    "thin slices": (0.0, 2.5, 112, STRAIGHT),
    "thick slices": (0.0, 8.0, 112, STRAIGHT),
    "coarse pixels": (0.0, 5.0, 96, STRAIGHT),
    "fine pixels": (0.0, 5.0, 192, STRAIGHT),
    "tilt, thin slices, turned head": (14.0, 3.0, 104, TURNED),
}
WHOLE_HEAD = (slice(None),) * 3


@pytest.fixture(scope="module")
def head():
    template = build_template(96, np.random.default_rng(3))
    plain = compose_head(template, draw_individual(60, np.random.default_rng(4)))
    plan = BleedPlan((28.0, 0.0, 4.0), 0.1, 0.3, False, (VOLUME_ML, VOLUME_ML), (0.0, 0.0), (0.0, 0.0))
    bled = bleed(template, plain, plan, np.random.default_rng(1))[0]
    return template, replace(bled, hu=plain.hu), replace(bled, hu=plain.hu + CLOT_HU * bled.iph)


def write_scan(head, number, folder):
    """Write one of `SCANS` as DICOM, without and with the bleed, and the mask of the second."""
    tilt_deg, thickness_mm, matrix, pose = list(SCANS.values())[number]
    scanner = Scanner(tilt_deg=tilt_deg, thickness_mm=thickness_mm, noise_hu=0.0)
    series = Series(thickness_mm=thickness_mm, tilt_deg=tilt_deg)
    for bled in (False, True):
        made = scan_head(head[0], head[1 + bled], (1, 1, 1), pose, scanner, matrix, np.random.default_rng(2))
        name = f"{'bled' if bled else 'plain'}{number}"
        exam = Exam(name, name, acquired=datetime(2020, 1, 1))
        write_ct_series(made.hu.transpose(2, 1, 0), made.affine, folder / "dicom" / name, exam, series)
        if bled:
            write_mask(made, folder / "masks" / f"{name}_baseline.nii.gz")


def voxels(path):
    image = nib.load(path)
    return np.asarray(image.dataobj), image.affine


def test_its_volume_changes_by_less_than_half_a_percent(head, ingest, tmp_path):
    true_ml = float(head[2].iph.sum()) * head[0].grid.voxel_ml
    for number in range(len(SCANS)):
        write_scan(head, number, tmp_path)
    scans = ingest(tmp_path / "dicom", masks="masks").scans.set_index("patient")
    found = {}
    for number, name in enumerate(SCANS):
        plain, bled = (scans.loc[pseudonym(KEY, "aurora", f"{kind}{number}")] for kind in ("plain", "bled"))
        (with_bleed, affine), (without, _) = voxels(bled.image), voxels(plain.image)
        of_image = (with_bleed.astype(float) - without).sum() / CLOT_HU * voxel_volume_ml(affine)
        mask, affine = voxels(bled.reference_mask)
        spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)[::-1]
        found[name] = volumes_ml(mask, affine, ["iph"])["iph"], of_image, round_trip(mask, affine, spacing_mm)
        assert abs(bled.tilt_deg) == pytest.approx(abs(SCANS[name][0]), abs=0.1)
    off = np.array(list(found.values())) / true_ml - 1
    print({name: [round(100 * part, 2) for part in row] for name, row in zip(found, off.tolist(), strict=True)})
    assert np.abs(off).max() < TOLERANCE
    assert np.ptp(off, axis=0).max() < TOLERANCE  # from one scan to another


def round_trip(mask, affine, spacing_mm):
    """Volume of a mask that was taken to a network's grid of 1 mm pixels and back, mL."""
    mask = np.ascontiguousarray(mask.T)
    grid = Grid((5.0, 1.0, 1.0), keep_slices=True, clip_hu=(0.0, 100.0), shift_hu=0.0, scale_hu=1.0)
    there = prepare_mask(mask, 1, WHOLE_HEAD, grid.shape(mask.shape, tuple(spacing_mm)))
    shares = torch.stack([(there[0] == value).float() for value in (0, 1)])
    return volumes_ml(restore(shares, WHOLE_HEAD, mask.shape), affine, ["iph"])["iph"]
