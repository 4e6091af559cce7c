"""The fast walk over a header gives what pydicom gives, or leaves the file to pydicom."""

import io
from pathlib import Path

import numpy as np
import pytest
from other_forms import SYNTAXES, file_bytes
from phantom_series import Scan, dataset, geometry
from pydicom import config, data, dcmread
from pydicom.dataset import Dataset

from ichor.dicom import raw_header
from ichor.dicom.header_reader import WANTED, describe_stream
from ichor.dicom.raw_header import NotDicomError, read_header

# pydicom warns of every value that these tests break on purpose
pytestmark = [
    pytest.mark.filterwarnings("ignore:Invalid value for VR:UserWarning"),
    pytest.mark.filterwarnings("ignore:The value length:UserWarning"),
]

SCAN = Scan(rows=4, columns=4, series_uid="1.2.3", study_uid="1.2.4")


def image(**tags):
    scan = Scan(rows=4, columns=4, series_uid="1.2.3", study_uid="1.2.4", tags=tags)
    return dataset(scan, geometry(scan)[3][3], 3, 5.0)


@pytest.fixture
def both_ways(monkeypatch):
    """Read bytes by the fast walk and by pydicom; also tell whether the fast walk did without pydicom."""

    def run(content):
        asked, real = [], raw_header._by_pydicom
        with monkeypatch.context() as patched:
            patched.setattr(raw_header, "_by_pydicom", lambda *args: asked.append(1) or real(*args))
            fast = describe_stream(io.BytesIO(content))
            alone = not asked

            def unusual(_):
                raise raw_header._UnusualError

            patched.setattr(raw_header._Walk, "header", unusual)
            slow = describe_stream(io.BytesIO(content))
        return fast, slow, alone

    return run


def nested(depth):
    item = Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3"
    if depth:
        item.ReferencedImageSequence = nested(depth - 1)
        item["ReferencedImageSequence"].is_undefined_length = True
        item.is_undefined_length_sequence_item = True
    return [item, item]


ORDINARY = {
    "plain": {},
    "implicit": dict(syntax="implicit"),
    "sequences": dict(ReferencedImageSequence=nested(0)),
    "deep sequences": dict(ReferencedImageSequence=nested(4)),
    "long private": dict(private=b"x" * 100_000),
    "latin": dict(SpecificCharacterSet="ISO_IR 100", SeriesDescription="Schädel nativ"),
    "utf-8": dict(SpecificCharacterSet="ISO_IR 192", PatientID="Ä 1", SeriesDescription="头"),
    "multi-byte": dict(SpecificCharacterSet=["", "ISO 2022 IR 87"], SeriesDescription="頭部"),
    "no numbers": dict(SliceThickness=None, PixelSpacing=None, AcquisitionNumber=None),
    "tilt and agent": dict(GantryDetectorTilt="-12.50", ContrastBolusAgent="Omnipaque"),
    "trailing blanks": dict(PatientID=" P 7  ", ConvolutionKernel=["H31s ", "3"]),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_headers_are_read_without_pydicom_and_alike(name, both_ways):
    tags = dict(ORDINARY[name])
    syntax, private = tags.pop("syntax", "explicit"), tags.pop("private", None)
    one = image(**tags)
    one.file_meta.TransferSyntaxUID = SYNTAXES[syntax]
    if private:
        one.private_block(0x0009, "VENDOR", create=True).add_new(1, "OB", private)
    if "ReferencedImageSequence" in one:
        one["ReferencedImageSequence"].is_undefined_length = True
    out = io.BytesIO()
    one.save_as(out, enforce_file_format=True, implicit_vr=syntax == "implicit", little_endian=True)
    fast, slow, alone = both_ways(out.getvalue())
    assert alone and fast == slow and fast[0]["modality"] == "CT" and fast[0]["position"]


@pytest.mark.parametrize("syntax", ["deflated", "big"])
def test_what_is_not_ordinary_is_left_to_pydicom(syntax, both_ways):
    one = image()
    one.file_meta.TransferSyntaxUID = SYNTAXES[syntax]
    out = io.BytesIO()
    one.save_as(out, enforce_file_format=True, implicit_vr=False, little_endian=syntax != "big")
    fast, slow, alone = both_ways(out.getvalue())
    assert not alone and fast == slow and fast[0]["rows"] == 4 and fast[0]["thickness_mm"] == 5


def test_a_header_that_says_implicit_and_is_explicit_is_read(both_ways):
    content = file_bytes(image()).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0")
    fast, slow, alone = both_ways(content)
    assert not alone and fast == slow and fast[0]["rows"] == 4


def test_damaged_headers_are_never_read_otherwise_than_by_pydicom(both_ways):
    """A file that the fast walk takes for ordinary says the same to pydicom, whatever bytes were changed."""
    content = file_bytes(image(ReferencedImageSequence=nested(2)))
    random, alone_and_alike, left = np.random.default_rng(5), 0, 0
    for _ in range(400):
        bad = bytearray(content)
        for place in random.integers(132, len(bad) - 40, random.integers(1, 4)):
            bad[place] = random.integers(256)
        fast, slow, alone = both_ways(bytes(bad))
        if alone and "error" not in slow[0]:
            assert fast == slow
            alone_and_alike += 1
        left += not alone
    assert alone_and_alike > 100 and left > 10


@pytest.mark.parametrize("end", [132, 140, 300, 500, 700, 900])
def test_cut_headers_are_read_like_pydicom_does(end, both_ways):
    fast, slow, _ = both_ways(file_bytes(image())[:end])
    assert fast == slow


def test_real_files_of_all_kinds_are_read_like_pydicom_does(both_ways):
    installed = Path(data.__file__).with_name("test_files")  # asking pydicom for them would download others
    paths = [path for path in installed.rglob("*.dcm") if path.stat().st_size < 1 << 20]
    ordinary = 0
    for path in paths:
        fast, slow, alone = both_ways(path.read_bytes())
        assert fast == slow, path.name
        ordinary += alone and "error" not in fast[0]
    assert ordinary > 30


def test_values_are_those_of_pydicom_itself():
    one = image(PatientID="A", GantryDetectorTilt="7.5", SpecificCharacterSet="ISO_IR 100", SeriesDescription="Schädel")
    header, dataset_ = read_header(io.BytesIO(file_bytes(one)), WANTED), dcmread(io.BytesIO(file_bytes(one)))
    for keyword in ("PatientID", "SeriesDescription", "SOPInstanceUID", "AcquisitionTime"):
        assert header.text(keyword) == str(dataset_.get(keyword))
    for keyword in ("Rows", "SliceThickness", "GantryDetectorTilt", "AcquisitionNumber"):
        assert header.number(keyword) == float(dataset_.get(keyword))
    assert header.numbers("ImagePositionPatient", 3) == [float(part) for part in dataset_.ImagePositionPatient]
    assert header.text("Absent") == "" and header.number("EchoTime") is None


@pytest.mark.parametrize("content", [b"", b"x" * 131, bytes(200), b"PK\x03\x04" + bytes(200)])
def test_other_files_are_no_dicom(content):
    with pytest.raises(NotDicomError):
        read_header(io.BytesIO(content), WANTED)


@pytest.mark.parametrize("value", ["abc", "1\\2", "nan", "1e999", ""])
def test_a_number_that_is_none_is_missing_and_the_file_is_read(value, monkeypatch):
    monkeypatch.setattr(config.settings, "_writing_validation_mode", config.IGNORE)
    one = image()
    one.add_new("SliceThickness", "LO", value)
    content = file_bytes(one).replace(b"\x18\x00\x50\x00LO", b"\x18\x00\x50\x00DS")
    (answer,) = describe_stream(io.BytesIO(content))
    assert answer["thickness_mm"] is None and answer["rows"] == 4
