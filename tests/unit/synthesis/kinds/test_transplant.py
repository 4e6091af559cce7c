"""Transplants between simulated heads: real anatomy of the simulator, masks as drawn."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from ichor.errors import StudyError
from ichor.imaging.brain import brain_mask
from ichor.synthesis.kinds import transplant
from ichor.synthesis.registry import resolve
from ichor.synthesis.transplant.blend import blend, cut_out
from ichor.synthesis.transplant.geometry import Move
from ichor.synthesis.transplant.recipient import without_bleed
from ichor.synthesis.transplant.scans import Scans, UnsuitableError, read_scan

PLAIN = Move(False, (0.0, 0.0, 0.0), 1.0, (0.0, 0.0, 0.0), 0.0, 10.0, 1)


def write_head(folder, name, side, radius_mm, spacing, level=34.0, noise=2.0, bleed_hu=62.0):
    """A head with brain, skull and a ball of blood at one side; blurred and noisy as scanned."""
    rng = np.random.default_rng(len(name) + int(radius_mm * 10))
    shape = tuple(int(size / step) for size, step in zip((190, 220, 170), spacing, strict=True))
    axes = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, spacing, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    away = np.sqrt((x / 70) ** 2 + (y / 85) ** 2 + ((z + 8) / 70) ** 2)
    bleed = np.sqrt((x - side * 32) ** 2 + (y - 5) ** 2 + (z - 5) ** 2) <= radius_mm
    true = np.where(away < 1.09, 900.0, -1000.0)
    true[away < 1.0] = level
    true[bleed] = bleed_hu
    sigma = (0.8 / spacing[0], 0.8 / spacing[1], 0)
    image = (
        ndimage.gaussian_filter(true, sigma)
        + ndimage.gaussian_filter(rng.normal(0, 1, shape), (0.7, 0.7, 0)) * noise / 0.4
    )
    affine = np.diag([*spacing, 1.0])
    paths = folder / f"{name}_ct.nii.gz", folder / f"{name}_mask.nii.gz"
    nib.save(nib.Nifti1Image(np.clip(np.rint(image), -1024, 3071).astype(np.int16), affine), paths[0])
    nib.save(nib.Nifti1Image(bleed.astype(np.uint8), affine), paths[1])
    return {"patient": name, "image": str(paths[0]), "mask": str(paths[1])}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    made = [
        write_head(folder, "donor", -1, 14.0, (1.5, 1.5, 5.0)),
        write_head(folder, "noisy", 1, 9.0, (1.2, 1.2, 3.0), noise=4.0),
        write_head(folder, "other", -1, 11.0, (1.5, 1.5, 4.0), level=32.0),
    ]
    return pd.DataFrame(made).assign(split="external", role="train", label_expansion=[1, 0, 0])


@pytest.fixture(scope="module")
def scans(rows):
    return {row.patient: read_scan(row.patient, row.image, row.mask) for row in rows.itertuples()}


def volume_ml(mask, spacing):
    return np.count_nonzero(mask) * float(np.prod(spacing)) / 1000


def placed(scans, recipient, move=PLAIN):
    rng = np.random.default_rng(0)
    piece = cut_out(scans["donor"], ["iph", "ivh"], 8.0)
    clean = without_bleed(scans[recipient], 60.0, rng)
    return blend(piece, scans["donor"], scans[recipient], clean, move, blur_mm=0.8, ring_mm=8.0, rng=rng)


def test_a_recipient_is_left_without_its_own_bleed(scans):
    for name in ("noisy", "other"):
        scan = scans[name]
        clean = without_bleed(scan, 60.0, np.random.default_rng(0))
        level = np.median(scan.hu[scan.brain & (scan.mask == 0)])
        assert clean[scan.mask > 0].mean() == pytest.approx(level, abs=1.5)
        far = ndimage.distance_transform_edt(scan.mask == 0, sampling=scan.spacing_mm) > 12
        assert (clean == scan.hu)[far].all(), "what lies farther away stays as it was"
    with pytest.raises(UnsuitableError, match="too large"):
        without_bleed(scans["donor"], 5.0, np.random.default_rng(0))


@pytest.mark.parametrize("recipient", ["noisy", "other"])
@pytest.mark.parametrize("mirror", [False, True])
def test_image_and_mask_agree_in_volume_density_and_place(scans, recipient, mirror):
    to, donor = scans[recipient], scans["donor"]
    hu, mask = placed(scans, recipient, Move(mirror, (8.0, -5.0, 10.0), 1.05, (2.0, -3.0, 1.0), 0.0, 10.0, 1))
    expected = volume_ml(donor.mask, donor.spacing_mm) * 1.05**3
    assert volume_ml(mask, to.spacing_mm) == pytest.approx(expected, rel=0.06)
    core = ndimage.binary_erosion(mask > 0, np.ones((5, 5, 1)))
    assert hu[core].mean() == pytest.approx(62.0, abs=1.5)
    outside = ndimage.distance_transform_edt(mask == 0, sampling=to.spacing_mm) > 4
    inside_head = ndimage.binary_erosion(brain_mask(hu.astype(np.int16), to.spacing_mm), np.ones((5, 5, 1)))
    assert np.percentile(hu[outside & inside_head], 99) < 50, "no blood outside of the mask"
    assert not (mask > 0)[~to.brain].any() and hu[mask > 0].max() < 90
    place = to.frame.places(np.argwhere(mask > 0).mean(axis=0)[None], to.spacing_mm)[0]
    assert np.sign(place[0]) == (1 if mirror else -1)


def test_the_rim_is_as_blurred_as_the_scanner_makes_it_and_noise_is_the_recipients(scans):
    to = scans["noisy"]
    hu, mask = placed(scans, "noisy")
    away = ndimage.distance_transform_edt(mask == 0, sampling=to.spacing_mm)
    away -= ndimage.distance_transform_edt(mask > 0, sampling=to.spacing_mm)
    z = np.argmax(mask.sum(axis=(0, 1)))
    rim = [hu[:, :, z][(away[:, :, z] > low) & (away[:, :, z] <= low + 1)].mean() for low in (-4, -1.5, 0.3, 3)]
    assert rim[0] > rim[1] > rim[2] > rim[3], "blood, two mixtures, brain"
    assert 40 < np.mean(rim[1:3]) < 58
    core = ndimage.binary_erosion(mask > 0, np.ones((7, 7, 3)))  # without the rim, which is a mixture
    own = np.std(to.hu[ndimage.binary_erosion(to.brain & (to.mask == 0), np.ones((9, 9, 1)))])
    assert np.std(hu[core]) == pytest.approx(own, rel=0.25)


def test_cases_have_the_donors_label_both_parents_and_the_size_that_is_asked_for(rows):
    spec = resolve({"kind": "transplant", "size_mm": [90.0, 90.0, 70.0]})
    cases = list(transplant.generate(spec, rows, 3, 1, 5))
    assert len(cases) == 3
    for case in cases:
        assert case.parents[0] == "donor" and case.parents[1] in ("noisy", "other") and case.label == 1
        extent = np.array(case.image_hu.shape) * case.spacing_mm
        assert (extent >= 90 - np.array([0, 0, 20])).all() and (case.mask == 1).any()
        assert case.image_hu.min() >= -1024 and set(np.unique(case.mask)) <= {0, 1, 2}
    again = list(transplant.generate(spec, rows, 2, 1, 5))
    for first, second in zip(cases, again, strict=False):
        assert (first.image_hu == second.image_hu).all() and first.parents == second.parents
    assert any((cases[0].mask.shape != case.mask.shape) or (cases[0].mask != case.mask).any() for case in cases[1:])


def test_a_scan_that_is_read_again_is_the_same(rows, scans, monkeypatch):
    monkeypatch.setattr("ichor.synthesis.transplant.scans.KEPT", 1)
    held = Scans(rows)
    for name in ("donor", "noisy", "donor", "noisy"):
        for key, value in vars(held[name]).items():
            expected = getattr(scans[name], key)
            assert np.array_equal(value, expected) if isinstance(value, np.ndarray) else str(value) == str(expected)


def test_a_patient_whose_files_cannot_be_used_is_left_out(rows, tmp_path):
    torn = tmp_path / "torn.nii.gz"
    torn.write_bytes(b"no image")
    broken = rows.assign(image=[*rows["image"][:2], str(torn)])
    cases = list(transplant.generate(resolve({"kind": "transplant"}), broken, 2, 1, 5))
    assert {case.parents for case in cases} == {("donor", "noisy")}
    broken = rows.assign(mask=[rows["mask"][1], *rows["mask"][1:]])  # of another scan's grid
    assert list(transplant.generate(resolve({"kind": "transplant"}), broken, 1, 1, 5)) == []


def test_without_a_donor_or_a_second_patient_there_are_no_cases(rows):
    spec = resolve({"kind": "transplant"})
    assert list(transplant.generate(spec, rows[1:], 2, 1, 5)) == []
    assert list(transplant.generate(spec, rows[:1], 2, 1, 5)) == []


@pytest.mark.parametrize("wrong", [{"scale": [1.2, 0.9]}, {"labels": ["ivh"]}, {"elastic_mm": 9.0}, {"size_mm": [9.0]}])
def test_wrong_settings_are_named(rows, wrong):
    with pytest.raises(StudyError, match=next(iter(wrong))):
        next(transplant.generate(resolve({"kind": "transplant"} | wrong), rows, 1, 1, 5))
