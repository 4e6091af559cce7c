"""Left is left: every way to store axial slices gives the same volume, with each voxel where it was in the patient."""

import nibabel as nib
import numpy as np
import pytest
from phantom_series import Scan, head_hu, write_series

from ichor.dicom.convert import convert_shard
from ichor.dicom.select import select_series
from ichor.pseudonyms import pseudonym

KEY = b"k" * 32
X, Y = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
ALONG = np.arange(26) * 5.0 - 62.5
AXES = {
    f"{'-' if row_sign < 0 else '+'}{row_name} {'-' if column_sign < 0 else '+'}{column_name}": (
        tuple(row_sign * value for value in row), tuple(column_sign * value for value in column),
    )
    for row_name, row, column_name, column in (("x", X, "y", Y), ("y", Y, "x", X))
    for row_sign in (1, -1)
    for column_sign in (1, -1)
}  # fmt: skip
CASES = [(name, order) for name in AXES for order in (1, -1)]


@pytest.fixture(scope="module")
def converted(tmp_path_factory, request):
    """Scan of every case by name, through index, selection and conversion in one run."""
    from ichor.dicom.index import index_center
    from ichor.private_tables import read_private

    work = tmp_path_factory.mktemp("orientations")
    for name, order in CASES:
        row, column = AXES[name]
        scan = Scan(row_direction=row, column_direction=column, along_mm=ALONG[::order], noise_hu=0)
        scan.patient_id, scan.columns, scan.rows = f"{name} {order}", 92, 84  # a size of its own for each axis
        scan.pixel_mm = 2.6
        write_series(work / "in" / f"{name} {order}", scan)
    index_center("aurora", work / "in", work / "index", key=KEY)
    selection, _, _ = select_series(read_private(work / "index"), None, center="aurora")
    scans, status = convert_shard(selection[0], "aurora", work / "out")
    assert len(scans) == len(CASES), status["detail"].tolist()
    return scans.set_index("patient")


@pytest.mark.parametrize(("name", "order"), CASES)
def test_every_voxel_is_where_it_was_in_the_patient(name, order, converted):
    row = converted.loc[pseudonym(KEY, "aurora", f"{name} {order}")]
    image = nib.load(row["image"])
    data = np.asanyarray(image.dataobj)
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S") and np.linalg.det(image.affine) > 0
    index = np.moveaxis(np.indices(data.shape), 0, -1)
    points = index @ image.affine[:3, :3].T + image.affine[:3, 3]
    assert (data == np.rint(head_hu(points * (-1, -1, 1)))).mean() > 0.9999  # borders may round to either side
    assert (data != data[::-1]).any() and (data != data[:, ::-1]).any() and (data != data[:, :, ::-1]).any()
    assert row["flags"] == "vertex_missing"  # the highest slice lies 22 mm below the top of the brain
