"""Slices that are copied as they are stored: the same as through dcm2niix, and left to it when there is any doubt."""

import os

import numpy as np
import pytest
from other_forms import recode
from phantom_series import Scan, write_series
from pydicom import dcmread
from pydicom.dataset import Dataset

from ichor.dicom import volumes
from ichor.dicom.checks import CheckRules
from ichor.dicom.limits import Limits
from ichor.dicom.stack import read_stack
from ichor.dicom.stored_slices import read_stored
from ichor.dicom.volumes import read_dicom

ALONG = np.arange(12) * 5.0 - 27.5
UNEVEN = np.r_[np.arange(6) * 4.0 - 27, np.arange(6) * 7.0]
X, Y = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def small(**how):
    """A scan of few, small slices, without symmetry."""
    how = dict(along_mm=ALONG, rows=60, columns=72, pixel_mm=3.0, thickness_mm=4.0) | how
    return Scan(patient_id=how.pop("patient_id", "P"), **how)


UNSIGNED = dict(PixelRepresentation=0, BitsStored=12, HighBit=11)
KINDS = {
    "signed 16 bits": small(),
    "unsigned 12 bits": small(tags=UNSIGNED),
    "signed 13 bits": small(tags=dict(BitsStored=13, HighBit=12)),
    "no offset": small(intercept=0),
    "unsigned above 32,767": small(intercept=-32000, tags=dict(PixelRepresentation=0)),
    "padding far below air": small(padding_hu=-2000),
    "downwards": small(along_mm=ALONG[::-1]),
    "mirrored": small(row_direction=(-1, 0, 0), column_direction=Y),
    "turned": small(row_direction=Y, column_direction=X),
    "turned and mirrored": small(row_direction=(0, -1, 0), column_direction=X),
    "prone": small(row_direction=(-1, 0, 0), column_direction=(0, -1, 0)),
    "re-angled": small(column_direction=(0, np.cos(0.3), np.sin(0.3))),
    "tilted up": small(tilt_deg=20),
    "tilted, downwards": small(tilt_deg=-12, along_mm=ALONG[::-1]),
    "uneven": small(along_mm=UNEVEN),
    "uneven and tilted": small(along_mm=UNEVEN, tilt_deg=18.5),
}


@pytest.fixture(scope="module")
def rows_of(tmp_path_factory):
    """Rows of the index of every kind, from one run of the index; ``implicit`` is in another transfer syntax."""
    from ichor.dicom.index import index_center
    from ichor.private_tables import read_private
    from ichor.pseudonyms import pseudonym

    work = tmp_path_factory.mktemp("stored")
    for name, scan in KINDS.items():
        scan.patient_id = name
        write_series(work / "in" / name, scan)
    recode(write_series(work / "explicit", small(patient_id="implicit")), work / "in" / "implicit", "implicit")
    index_center("aurora", work / "in", work / "index", key=b"k" * 32)
    index = read_private(work / "index")
    return lambda name: index[index["patient"] == pseudonym(b"k" * 32, "aurora", name)].reset_index(drop=True)


@pytest.fixture
def plain(rows_of, tmp_path):
    """Rows of a plain series whose files may be changed."""
    rows = rows_of("signed 16 bits")
    copies = [tmp_path / f"{number}.dcm" for number in range(len(rows))]
    for source, copy in zip(rows["source"], copies, strict=True):
        copy.write_bytes(open(source, "rb").read())
    return rows.assign(source=list(map(str, copies)))


def stored(rows):
    stack = read_stack(rows)
    return read_stored(rows.iloc[stack.order].reset_index(drop=True), stack, Limits())


@pytest.mark.parametrize("name", [*KINDS, "implicit"])
def test_it_is_the_same_scan_as_through_dcm2niix(name, rows_of, tmp_path, monkeypatch):
    found = read_dicom(rows_of(name), CheckRules(), Limits(), tmp_path)
    monkeypatch.setattr(volumes, "read_stored", lambda *_: None)
    wanted = read_dicom(rows_of(name), CheckRules(), Limits(), tmp_path)
    assert (found.converter, wanted.converter[:8]) == ("ichor", "dcm2niix")
    assert found.data.dtype == wanted.data.dtype == np.int16
    np.testing.assert_array_equal(found.data, wanted.data)
    np.testing.assert_allclose(found.affine, wanted.affine, atol=1e-9)
    assert found.flags == wanted.flags and found.source == wanted.source
    assert found.tilt_deg == wanted.tilt_deg and len(np.unique(found.data)) > 10


def test_no_converter_is_started_for_it(tmp_path, ingest):
    write_series(tmp_path / "in")
    assert len(ingest(tmp_path / "in", limits=Limits(convert_memory_mb=1)).scans) == 1  # too little for any program


def change(**tags):
    """Change of the header of one file."""

    def changed(path):
        image = dcmread(path)
        for name, value in tags.items():
            setattr(image, name, value)
        image.save_as(path)

    return changed


def cut_off(path):
    os.truncate(path, os.path.getsize(path) - 2)


def replace_by_pipe(path):
    os.unlink(path)
    os.mkfifo(path)


def beyond_its_bits(path):
    image = dcmread(path)
    image.BitsStored, image.HighBit = 12, 11
    values = np.frombuffer(image.PixelData, "<i2").copy()
    values[7] = 2048  # in 12 signed bits it would be -2048, if what lies above them does not count
    image.PixelData = values.tobytes()
    image.save_as(path)


def other_scale(path):
    scale = Dataset()
    scale.RealWorldValueIntercept, scale.RealWorldValueSlope = 0.0, 2.0
    change(RealWorldValueMappingSequence=[scale])(path)


ONE = {
    "its own offset": change(RescaleIntercept=0),
    "moved": change(ImagePositionPatient=[0, 0, 0]),
    "other size of pixels": change(PixelSpacing=[3.0, 3.1]),
    "cut off": cut_off,
    "gone": os.unlink,
    "a pipe": replace_by_pipe,
    "no DICOM": lambda path: open(path, "wb").write(b"x" * 20000),
}
ALL = {
    "scaled": change(RescaleSlope=2),
    "part of a unit": change(RescaleIntercept=-1024.5),
    "dark is high": change(PhotometricInterpretation="MONOCHROME1"),
    "values beyond the bits": beyond_its_bits,
    "another scale": other_scale,
    "several frames": change(NumberOfFrames=2),
    "bits not at the lower end": change(BitsStored=12, HighBit=15),
    "beyond 16 bits when scaled": change(RescaleIntercept=32767),
}


@pytest.mark.parametrize("name", ONE)
def test_one_slice_in_doubt_leaves_all_to_dcm2niix(name, plain):
    assert stored(plain) is not None
    ONE[name](plain["source"].iloc[3])
    assert stored(plain) is None


@pytest.mark.parametrize("name", ALL)
def test_a_kind_of_slices_that_is_not_plain_is_left_to_dcm2niix(name, plain):
    for path in plain["source"]:
        ALL[name](path)
    known = dict(slope=2.0 if name == "scaled" else 1.0)
    known["intercept"] = {"part of a unit": -1024.5, "beyond 16 bits when scaled": 32767.0}.get(name, -1024.0)
    assert stored(plain.assign(**known)) is None


def test_a_file_above_the_limit_is_not_read(plain):
    stack = read_stack(plain)
    assert read_stored(plain.iloc[stack.order].reset_index(drop=True), stack, Limits(file_mb=0)) is None
