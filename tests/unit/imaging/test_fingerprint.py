"""Fingerprints: copies of a scan are found, scans of other heads and other visits are not."""

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from ichor.cohort.alike import ONE_PUBLIC_SCAN, ONE_SCAN, ONE_VISIT, SHIFTS
from ichor.imaging.fingerprint import (
    COMPARED,
    KEPT,
    fingerprint,
    from_bytes,
    signs,
    signs_from_text,
    signs_to_text,
    to_text,
    vectors,
)
from ichor.simulate.anatomy import build_template, compose_head, draw_individual
from ichor.simulate.bleeds import BleedPlan, bleed, draw_center
from ichor.simulate.scanner import Scanner, draw_pose, scan_head

SPACING = np.array([235 / 128, 235 / 128, 5.0])


def similarity(first, second):
    return max(
        float(vectors(a[None], shift)[0] @ vectors(b[None])[0])
        for shift in SHIFTS
        for a, b in ((first, second), (second, first))
    )


def equal_signs(first, second):
    return max(float((signs(first[None], shift) == signs(second[None])).mean()) for shift in SHIFTS)


def resampled(data, spacing, wanted, offset):
    """Linear interpolation to another spacing, thick slices averaged, as a workstation would do it."""
    wanted = np.array(wanted)
    size = ((np.array(data.shape) - 1) * spacing / wanted - np.array(offset) / wanted).astype(int)
    blur = np.sqrt(np.maximum(0, (wanted / spacing) ** 2 - 1)) / 2.355
    smooth = ndimage.gaussian_filter(data.astype(np.float32), blur)
    made = ndimage.affine_transform(smooth, wanted / spacing, np.array(offset) / spacing, tuple(size), order=1)
    return np.rint(made).astype(np.int16), wanted


@pytest.fixture(scope="module")
def visits():
    """(person, visit) -> HU of simulated heads, RAS+; the bleed of a person's second visit is larger."""
    rng = np.random.default_rng(5)
    template = build_template(64, rng)
    made = {}
    for person in range(3):
        individual = draw_individual(60.0 + person, rng)
        plan = BleedPlan(
            center_mm=draw_center("deep", 30.0, rng), heterogeneity=0.3, irregularity=0.3, fluid_level=False,
            iph_ml=(20.0, 28.0), ivh_ml=(0.0, 0.0), edema_ml=(10.0, 14.0),
        )  # fmt: skip
        heads = bleed(template, compose_head(template, individual), plan, rng)
        for visit, head in enumerate(heads):
            scan = scan_head(template, head, individual.scale, draw_pose(rng), Scanner(), 128, rng, with_labels=False)
            volume = np.rint(scan.hu.transpose(2, 1, 0)[::-1, ::-1]).astype(np.int16)
            made[person, visit] = np.clip(volume, -1024, 3071)
    return made


@pytest.fixture(scope="module")
def prints(visits):
    return {key: fingerprint(volume, SPACING) for key, volume in visits.items()}


@pytest.fixture(scope="module")
def copies(visits):
    """Name -> fingerprint of a copy of the first person's first scan."""
    volume = visits[0, 0]
    rng = np.random.default_rng(1)
    head = np.argwhere(volume > 20)
    low, high = head.min(axis=0), head.max(axis=0) + 1
    cropped = volume[low[0] : high[0], low[1] : high[1]]
    eight_bit = np.rint(np.rint(np.clip(volume, 0, 80) * 255 / 80) * 80 / 255).astype(np.int16)
    made = {
        "cropped": (cropped, SPACING),
        "without its lowest slices": (volume[:, :, 3:], SPACING),
        "windowed to 8 bit": (eight_bit, SPACING),
        "noisy": (np.rint(volume + rng.normal(0, 4, volume.shape)).astype(np.int16), SPACING),
        "1 mm and 3 mm": resampled(volume, SPACING, (1.0, 1.0, 3.0), (0.3, 0.2, 1.0)),
        "0.6 mm": resampled(volume, SPACING, (0.6, 0.6, 5.0), (0.3, 0.2, 1.5)),
    }
    return {name: fingerprint(*copy) for name, copy in made.items()}


def test_copies_are_found(copies, prints):
    for name, found in copies.items():
        assert similarity(prints[0, 0], found) > ONE_SCAN, name
        assert equal_signs(prints[0, 0], found) > ONE_PUBLIC_SCAN - 0.02, name


def test_a_windowed_copy_and_one_without_lowest_slices_are_a_visit_again(copies, prints):
    for name in ("without its lowest slices", "windowed to 8 bit"):
        assert similarity(prints[0, 0], copies[name]) > ONE_VISIT


def test_other_people_and_other_visits_are_told_apart_with_margin(prints):
    people = sorted(prints)
    for i, first in enumerate(people):
        for second in people[i + 1 :]:
            found = similarity(prints[first], prints[second])
            assert found < (ONE_VISIT if first[0] == second[0] else ONE_SCAN - 0.02), (first, second)
            if first[0] != second[0]:
                assert equal_signs(prints[first], prints[second]) < ONE_PUBLIC_SCAN - 0.02


def test_real_bleeds_are_told_apart_and_their_copies_found(real_data):
    paths = sorted((real_data / "phe_sich").glob("*_ct.nii.gz"))[:6]
    images = [nib.load(path) for path in paths]
    spacing = [np.array(image.header.get_zooms()[:3], float) for image in images]
    volumes = [np.asarray(image.dataobj).astype(np.int16) for image in images]
    found = [fingerprint(volume, step) for volume, step in zip(volumes, spacing, strict=True)]
    assert max(similarity(a, b) for i, a in enumerate(found) for b in found[:i]) < ONE_SCAN - 0.1
    copy = resampled(volumes[0], spacing[0], (1.0, 1.0, 3.0), (0.2, 0.3, 0.5))
    assert similarity(found[0], fingerprint(*copy)) > ONE_SCAN


def test_what_holds_no_brain_has_no_fingerprint():
    assert fingerprint(np.full((64, 64, 20), -1000, np.int16), np.array([3.0, 3.0, 5.0])) is None
    small = np.full((64, 64, 20), -1000, np.int16)
    small[30:34, 30:34, 8:12] = 30
    assert fingerprint(small, np.array([3.0, 3.0, 5.0])) is None


def test_texts_and_bytes_give_back_what_was_written(prints):
    one = prints[0, 0]
    assert one.shape == KEPT and one.dtype == np.int8 and np.abs(one).max() == 127
    np.testing.assert_array_equal(from_bytes(one.tobytes()), one)
    row = signs(one[None])[0]
    assert row.size == np.prod(COMPARED) and set(np.unique(row)) == {-1.0, 1.0}
    np.testing.assert_array_equal(signs_from_text(signs_to_text(row)), row)
    assert len(to_text(one)) == -(-one.size // 3) * 4
    with pytest.raises(ValueError, match="bytes, found 3"):
        from_bytes(b"abc")
    with pytest.raises(ValueError, match="252 bytes, found 3"):
        signs_from_text("YWJj")


def test_vectors_are_of_length_one_and_shifts_undo_each_other():
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter1d(rng.normal(0, 60, (3, *KEPT)), 2.0, axis=3)
    made = np.clip(np.rint(smooth), -127, 127).astype(np.int8)
    np.testing.assert_allclose(np.linalg.norm(vectors(made), axis=1), 1, atol=1e-5)
    later = np.zeros_like(made)
    later[..., 1:] = made[..., :-1]
    later_moved, still = vectors(later, 1.0), made.copy()
    still[..., -1] = 0  # the layer that left the grid
    np.testing.assert_allclose(later_moved, vectors(still), atol=1e-5)
