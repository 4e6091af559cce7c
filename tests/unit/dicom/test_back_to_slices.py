"""A mask drawn on a converted scan comes back on the DICOM slices it belongs to."""

import nibabel as nib
import numpy as np
import pydicom
import pytest
from phantom_series import CLOT_CENTER_LPS, CLOT_RADIUS_MM, Scan, geometry, write_series

from ichor.dicom.back_to_slices import masks_on_slices, read_sidecar_of
from ichor.errors import StudyError
from ichor.pseudonyms import pseudonym

KEY = b"k" * 32
UNEVEN = np.r_[np.arange(13) * 4.0 - 75, -75 + 48 + 5.5 + np.arange(14) * 7.0]
SERIES = {
    "straight": (Scan(), 0.999),
    "mirrored": (Scan(row_direction=(-1, 0, 0), column_direction=(0, 1, 0)), 0.999),
    "written downwards": (Scan(along_mm=(np.arange(30) * 5.0 - 72.5)[::-1]), 0.999),
    "tilted": (Scan(tilt_deg=20), 0.95),
    "tilted the other way": (Scan(tilt_deg=-15), 0.95),
    "uneven": (Scan(along_mm=UNEVEN, thickness_mm=[4.0] * 13 + [7.0] * 14), 0.9),
}


def drawn_in_slices(scan):
    """The clot in each slice, drawn where the slice is: (rows, columns) bool, by position."""
    row, column, _, corners = geometry(scan)
    c, r = np.meshgrid(np.arange(scan.columns), np.arange(scan.rows))
    plane = scan.pixel_mm * (c[..., None] * row + r[..., None] * column)
    return {
        tuple(np.round(corner, 3)): np.linalg.norm(corner + plane - CLOT_CENTER_LPS, axis=-1) < CLOT_RADIUS_MM
        for corner in corners
    }


def drawn_in_scan(image):
    """The clot on the grid of the converted scan, as label 2."""
    index = np.moveaxis(np.indices(image.shape), 0, -1)
    points = (index @ image.affine[:3, :3].T + image.affine[:3, 3]) * (-1, -1, 1)
    return 2 * (np.linalg.norm(points - CLOT_CENTER_LPS, axis=-1) < CLOT_RADIUS_MM).astype(np.uint8)


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """All series through index, selection and conversion in one run: image of each, and the private selection."""
    from ichor.dicom.convert import convert_shard
    from ichor.dicom.index import index_center
    from ichor.dicom.select import select_series
    from ichor.private_tables import read_private

    work = tmp_path_factory.mktemp("slices")
    for name, (scan, _) in SERIES.items():
        scan.patient_id = name
        write_series(work / "in" / name, scan)
    index_center("aurora", work / "in", work / "index", key=KEY)
    selection, _, _ = select_series(read_private(work / "index"), None, center="aurora")
    scans, _ = convert_shard(selection[0], "aurora", work / "out")
    places = scans.set_index("patient")["image"]
    return {name: places[pseudonym(KEY, "aurora", name)] for name in SERIES}, selection[0]


def back(converted, name, mask):
    path, selection = converted[0][name], converted[1]
    return masks_on_slices(mask, nib.load(path).affine, read_sidecar_of(path), selection)


@pytest.mark.parametrize("name", SERIES)
def test_an_object_comes_back_to_the_slices_it_was_drawn_in(name, converted):
    scan, least = SERIES[name]
    slices = back(converted, name, drawn_in_scan(nib.load(converted[0][name])))
    truth = drawn_in_slices(scan)
    assert len(slices) == len(truth)
    both = total = 0
    for one in slices:
        wanted = truth[tuple(np.round(one.position_mm, 3))]
        assert one.labels.shape == wanted.shape and set(np.unique(one.labels)) <= {0, 2}
        both += 2 * np.count_nonzero((one.labels == 2) & wanted)
        total += np.count_nonzero(one.labels) + np.count_nonzero(wanted)
        file = pydicom.dcmread(one.source)
        assert one.sop_instance_uid == file.SOPInstanceUID and one.frame == 0
        assert np.allclose([float(value) for value in file.ImagePositionPatient], one.position_mm, atol=1e-3)
    assert both / total > least


def test_labels_of_a_straight_scan_come_back_pixel_by_pixel(converted):
    """Every voxel has one pixel: labels drawn at random come back all."""
    shape = nib.load(converted[0]["mirrored"]).shape
    mask = np.random.default_rng(0).integers(0, 4, shape).astype(np.uint8)
    upwards = sorted(back(converted, "mirrored", mask), key=lambda one: one.position_mm[2])
    stacked = np.stack([one.labels.T for one in upwards], axis=2)  # columns run to the right, rows to the back
    assert (stacked[:, ::-1] == mask).all()


def test_the_selection_of_another_run_is_refused(converted):
    path, selection = converted[0]["straight"], converted[1]
    image = nib.load(path)
    sidecar, mask = read_sidecar_of(path), np.zeros(image.shape, np.uint8)
    gone = selection[selection["sop"] != sidecar["SourceImages"][7]["Image"]]
    with pytest.raises(StudyError, match="1 of 30 source slices are not in the selection"):
        masks_on_slices(mask, image.affine, sidecar, gone)
    with pytest.raises(StudyError, match="mm from where the sidecar has it"):
        masks_on_slices(mask, image.affine, sidecar, selection.assign(x_mm=selection["x_mm"] + 1))
    with pytest.raises(StudyError, match="brought as NIfTI"):
        masks_on_slices(mask, image.affine, {}, selection)
