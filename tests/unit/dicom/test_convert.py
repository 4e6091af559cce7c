import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from phantom_series import CLOT_CENTER_LPS, CLOT_RADIUS_MM, Scan, geometry, head_hu, write_series
from scipy import ndimage

from ichor.dicom.limits import Limits

CLOT_ML = 4 / 3 * np.pi * CLOT_RADIUS_MM**3 / 1000
UNEVEN = np.r_[np.arange(13) * 4.0 - 75, -75 + 48 + 1.08 + np.arange(14) * 7.0]
UNEVEN_THICKNESS = [4.0] * 13 + [7.0] * 14


def clot(path):
    """Centre (LPS mm) and volume (mL) of the bright ball in a converted scan."""
    image = nib.load(path)
    data = np.asanyarray(image.dataobj).astype(float)
    bright = (ndimage.uniform_filter(data, (3, 3, 1)) > 51) & (data > 51) & (data < 100)
    pieces, _ = ndimage.label(bright)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    ball = pieces == sizes.argmax()
    center = image.affine @ [*ndimage.center_of_mass(ball), 1]
    return center[:3] * (-1, -1, 1), ball.sum() * abs(np.linalg.det(image.affine)) / 1000


GEOMETRIES = {
    "plain": Scan(),
    "slices written downwards": Scan(along_mm=(np.arange(30) * 5.0 - 72.5)[::-1]),
    "prone": Scan(row_direction=(-1, 0, 0), column_direction=(0, -1, 0)),
    "left and right mirrored in the pixels": Scan(row_direction=(-1, 0, 0), column_direction=(0, 1, 0)),
    "re-angled without shear": Scan(column_direction=(0, np.cos(0.3), np.sin(0.3))),
    "tilted up": Scan(tilt_deg=20),
    "tilted down": Scan(tilt_deg=-15),
    "tilted, written downwards": Scan(tilt_deg=12, along_mm=(np.arange(30) * 5.0 - 72.5)[::-1]),
    "uneven": Scan(along_mm=UNEVEN, thickness_mm=UNEVEN_THICKNESS),
    "uneven and tilted": Scan(tilt_deg=18.5, along_mm=UNEVEN, thickness_mm=UNEVEN_THICKNESS),
}


@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_clot_is_where_it_was_in_the_patient(name, tmp_path, ingest):
    scan = GEOMETRIES[name]
    write_series(tmp_path / "in", scan)
    done = ingest(tmp_path / "in")
    assert len(done.scans) == 1
    center, volume = clot(done.scans["image"][0])
    assert np.abs(center - CLOT_CENTER_LPS).max() < 0.8  # a third of a voxel in the slice, a seventh across
    assert volume == pytest.approx(CLOT_ML, rel=0.12)
    assert done.scans["extent_mm"][0] == pytest.approx(np.ptp(scan.along_mm), abs=0.5)
    flags = set((done.scans["flags"][0] or "").split(";"))
    assert ("tilt_corrected" in flags) == bool(scan.tilt_deg)
    assert ("resampled_uneven" in flags) == ("uneven" in name)


def test_voxels_are_those_of_the_slices_in_ras(tmp_path, ingest):
    scan = Scan(noise_hu=0)
    write_series(tmp_path / "in", scan)
    image = nib.load(ingest(tmp_path / "in").scans["image"][0])
    data = np.asanyarray(image.dataobj)
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
    assert data.dtype == np.int16 and image.get_data_dtype() == np.int16
    index = np.moveaxis(np.indices(data.shape), 0, -1)
    points = index @ image.affine[:3, :3].T + image.affine[:3, 3]
    expected = np.rint(head_hu(points * (-1, -1, 1)))
    # ellipsoid borders may round to either side where a voxel's centre lies on them
    assert (data == expected).mean() > 0.9999


def test_same_files_give_the_same_bytes(tmp_path, ingest):
    write_series(tmp_path / "in")
    first = ingest(tmp_path / "in")
    before = open(first.scans["image"][0], "rb").read()
    second = ingest(tmp_path / "in")
    assert open(second.scans["image"][0], "rb").read() == before
    pd.testing.assert_frame_equal(first.scans, second.scans)
    pd.testing.assert_frame_equal(first.status, second.status)


def test_padding_is_clipped_and_recorded(tmp_path, ingest):
    write_series(tmp_path / "in", Scan(padding_hu=-2000))
    done = ingest(tmp_path / "in")
    assert done.scans["flags"][0] == "padding_clipped"
    assert done.scans["hu_min"][0] == -1024


def test_clipped_range_is_kept_and_flagged(tmp_path, ingest):
    write_series(tmp_path / "in", Scan(clip=(-20, 100)))
    done = ingest(tmp_path / "in")
    assert done.scans["flags"][0] == "clipped_range"
    assert (done.scans["hu_min"][0], done.scans["hu_max"][0]) == (-20, 100)


def test_a_scan_cut_off_at_the_vertex_is_kept_and_flagged(tmp_path, ingest):
    write_series(tmp_path / "in", Scan(along_mm=np.arange(24) * 5.0 - 72.5))  # the brain goes on for 42 mm
    done = ingest(tmp_path / "in")
    assert done.scans["flags"][0] == "vertex_missing"
    told = done.status.set_index("reason").loc["vertex_missing"]
    assert (told["stage"], told["outcome"]) == ("check", "flagged") and "at most 30%" in told["detail"]


def test_missing_offset_is_refused(tmp_path, ingest):
    write_series(tmp_path / "in", Scan(hu_offset=1000))
    done = ingest(tmp_path / "in")
    assert done.scans.empty and done.codes("set_aside") == {"hu_offset_missing"}
    detail = done.status["detail"].iloc[-1]
    assert "expected -1150 to -850" in detail and "brain at 1032 HU" in detail


def test_brain_at_the_wrong_level_is_refused(tmp_path, ingest):
    write_series(tmp_path / "in", Scan(hu_offset=30))
    assert ingest(tmp_path / "in").codes("set_aside") == {"hu_out_of_range"}


def test_per_slice_rescale_is_applied(tmp_path, ingest):
    uids = dict(study_uid="1.2.3", series_uid="1.2.4")
    write_series(tmp_path / "in", Scan(along_mm=np.arange(15) * 5.0 - 72.5, **uids))
    write_series(tmp_path / "in", Scan(along_mm=np.arange(15) * 5.0 + 2.5, first_instance=16, intercept=0, **uids))
    whole = ingest(tmp_path / "in")
    data = np.asanyarray(nib.load(whole.scans["image"][0]).dataobj)
    inside = data[data.shape[0] // 2, data.shape[1] // 2]
    assert np.abs(inside[4:-4] - 32).max() < 20


def test_copies_of_slices_are_left_out(tmp_path, ingest):
    paths = write_series(tmp_path / "in", Scan())
    plain = ingest(tmp_path / "in")
    for number, path in enumerate(paths[3:6]):
        (tmp_path / "in" / f"copy{number}").write_bytes(path.read_bytes())
    again = ingest(tmp_path / "in")
    assert again.scans["voxel_sha256"][0] == plain.scans["voxel_sha256"][0]


def test_two_different_images_at_one_position_are_refused(tmp_path, ingest):
    uids = dict(study_uid="1.2.3", series_uid="1.2.4")
    write_series(tmp_path / "in", Scan(**uids))
    write_series(tmp_path / "in", Scan(first_instance=7, **uids))
    done = ingest(tmp_path / "in")
    assert done.scans.empty and done.codes("set_aside") == {"duplicate_slices"}


def test_same_images_under_new_uids_are_one_scan(tmp_path, ingest):
    uids = dict(study_uid="1.2.3", series_uid="1.2.4")
    write_series(tmp_path / "in", Scan(noise_hu=0, **uids))
    write_series(tmp_path / "in", Scan(noise_hu=0, **uids))
    done = ingest(tmp_path / "in")
    assert done.scans["slices"][0] == 30 and done.scans["flags"][0] == "duplicate_slices"


def test_a_series_split_over_two_uids_is_one_scan(tmp_path, ingest):
    whole = Scan()
    write_series(tmp_path / "whole", whole)
    write_series(tmp_path / "split", Scan(along_mm=whole.along_mm[:15], study_uid="1.2.3"))
    write_series(
        tmp_path / "split", Scan(along_mm=whole.along_mm[15:], study_uid="1.2.3", first_instance=16, acquisition=2)
    )
    one, two = ingest(tmp_path / "whole"), ingest(tmp_path / "split")
    assert two.scans["slices"][0] == 30
    assert two.scans["voxel_sha256"][0] == one.scans["voxel_sha256"][0]


def test_conversion_falls_back_on_the_next_best_series(tmp_path, ingest):
    write_series(tmp_path / "in", Scan(study_uid="1.2.3", hu_offset=1000))
    write_series(tmp_path / "in", Scan(study_uid="1.2.3", kernel=""))
    done = ingest(tmp_path / "in")
    assert len(done.scans) == 1 and done.scans["flags"][0] == "not_chosen"
    assert "hu_offset_missing" in done.codes("set_aside")


def test_a_failing_scan_does_not_stop_the_others(tmp_path, ingest):
    write_series(tmp_path / "in" / "a", Scan(patient_id="A"))
    gone = write_series(tmp_path / "in" / "b", Scan(patient_id="B"))
    for path in gone[5:9]:  # pixel data cut off: the header still reads well
        path.write_bytes(path.read_bytes()[:-6000])
    done = ingest(tmp_path / "in")
    assert len(done.scans) == 1
    assert done.codes("set_aside") <= {"conversion_failed", "wrong_extent", "missing_slices"}
    assert done.codes("set_aside")


def test_a_converter_without_memory_is_a_status_row(tmp_path, ingest):
    write_series(tmp_path / "in", Scan(intercept=-1000, tags=dict(RescaleSlope=2)))  # none that is copied as it is
    done = ingest(tmp_path / "in", limits=Limits(convert_memory_mb=1))
    assert done.scans.empty and done.codes("set_aside") == {"conversion_failed"}


def mask_on(path, scan, shift_mm=0.0, spacing=(1.2, 1.2, 2.5), label=1):
    """Write the clot's mask on a grid of its own."""
    size = np.ceil(np.array([180, 210, 170]) / spacing).astype(int)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-90, -105, -85]
    points = np.moveaxis(np.indices(size), 0, -1) * spacing + affine[:3, 3]
    center = CLOT_CENTER_LPS * (-1, -1, 1) + [0, shift_mm, 0]
    mask = (np.linalg.norm(points - center, axis=-1) < CLOT_RADIUS_MM).astype(np.uint8) * label
    nib.save(nib.Nifti1Image(mask, affine), path)


@pytest.mark.parametrize("tilt", [0, 20])
def test_reference_mask_lies_on_the_clot(tilt, tmp_path, ingest):
    scan = Scan(tilt_deg=tilt)
    write_series(tmp_path / "in", scan)
    (tmp_path / "masks").mkdir()
    mask_on(tmp_path / "masks" / "P1_baseline.nii.gz", scan, label=7)
    done = ingest(tmp_path / "in", masks=tmp_path / "masks", mask_labels="7=iph;2=ivh")
    image, mask = (nib.load(done.scans[name][0]) for name in ("image", "reference_mask"))
    assert mask.shape == image.shape and np.allclose(mask.affine, image.affine)
    labels, data = np.asanyarray(mask.dataobj), np.asanyarray(image.dataobj)
    assert set(np.unique(labels)) == {0, 1}
    inside = ndimage.binary_erosion(labels == 1)
    assert (data[inside] > 51).mean() > 0.98


@pytest.mark.parametrize("change", [dict(shift_mm=95.0), dict(label=9)])
def test_a_mask_that_does_not_fit_is_dropped_and_told(change, tmp_path, ingest):
    write_series(tmp_path / "in")
    (tmp_path / "masks").mkdir()
    mask_on(tmp_path / "masks" / "P1_baseline.nii.gz", Scan(), **change)
    done = ingest(tmp_path / "in", masks=tmp_path / "masks", mask_labels="1=iph")
    assert len(done.scans) == 1 and done.scans["reference_mask"][0] is None
    assert "reference_mismatch" in done.codes("flagged")


def test_sidecar_says_where_every_source_slice_was(tmp_path, ingest):
    scan = Scan(tilt_deg=20)
    write_series(tmp_path / "in", scan)
    done = ingest(tmp_path / "in")
    sidecar = json.loads(open(done.scans["image"][0].replace("_ct.nii.gz", "_ct.json")).read())
    positions = np.array([image["Position_mm"] for image in sidecar["SourceImages"]])
    corners = geometry(scan)[3]
    assert np.allclose(positions, corners[np.argsort(corners[:, 2])], atol=1e-3)
    assert set(done.index["sop"]) == {image["Image"] for image in sidecar["SourceImages"]}
    assert "20.0 degrees" in sidecar["Corrections"]["tilt_corrected"]
    assert sidecar["GantryTilt_deg"] == pytest.approx(20, abs=0.01)
