"""Frames, members of archives and odd transfer syntaxes give the voxels and the place of the scan as plain files."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from other_forms import SYNTAXES, enhance, recode
from phantom_series import Scan, write_series
from pydicom import dcmread
from pydicom.data import get_testdata_file

from ichor.dicom.candidates import find_candidates
from ichor.dicom.dcm2niix import convert
from ichor.dicom.limits import Limits
from ichor.dicom.single_slices import decoded
from ichor.dicom.sources import SourceError, plain_slices
from ichor.dicom.stack import read_stack

SMALL = dict(rows=32, columns=28, pixel_mm=7.0, along_mm=[10.0 * k - 70 for k in range(14)], thickness_mm=10.0)
SIGNED = dict(intercept=0, tags=dict(PixelRepresentation=1))
UNSIGNED = dict(intercept=-1024, tags=dict(PixelRepresentation=0))


@pytest.fixture
def volume(tmp_path, index):
    """Voxels and affine of the only series in a folder, by way of index, sources and the real converter."""

    def run(folder, limits=None):
        limits = limits or Limits()
        rows, status = index(folder)
        assert status.empty, status.to_csv()
        ((_, reason, files),) = find_candidates(rows)
        assert reason == ""
        stack = read_stack(files)
        with plain_slices(files.iloc[stack.order], limits, tmp_path) as plain:
            return convert(plain["source"].tolist(), stack.slices, limits, tmp_path)

    return run


def same(one, two):
    return np.array_equal(one[0], two[0]) and np.allclose(one[1], two[1], atol=1e-5)


@pytest.mark.parametrize("values", [SIGNED, UNSIGNED], ids=["signed", "unsigned"])
@pytest.mark.parametrize("syntax", sorted(SYNTAXES))
def test_every_lossless_syntax_gives_the_same_voxels(syntax, values, tmp_path, volume):
    plain = write_series(tmp_path / "plain", Scan(**SMALL, **values))
    recode(plain, tmp_path / "coded", syntax)
    assert {dcmread(path).file_meta.TransferSyntaxUID for path in (tmp_path / "coded").iterdir()} == {SYNTAXES[syntax]}
    expected = volume(tmp_path / "plain")
    assert np.ptp(expected[0]) > 1500
    assert same(volume(tmp_path / "coded"), expected)


@pytest.mark.parametrize("syntax", sorted(set(SYNTAXES) - {"implicit", "explicit", "big"}))
def test_what_a_converter_may_not_decode_is_handed_over_uncompressed(syntax, tmp_path, index):
    plain = write_series(tmp_path / "plain", Scan(**SMALL))
    recode(plain[:2], tmp_path / "coded", syntax)
    rows, _ = index(tmp_path / "coded")
    with plain_slices(rows, Limits(), tmp_path) as files:
        images = {image.SOPInstanceUID: image for image in map(dcmread, files["source"])}
    for path in plain[:2]:
        image = images[dcmread(path).SOPInstanceUID]
        assert image.file_meta.TransferSyntaxUID == SYNTAXES["explicit"]
        assert image.PixelData == dcmread(path).PixelData and image.PatientID == "P1"


@pytest.mark.parametrize("syntax", ["rle", "jpeg_sv1", "jpeg_ls", "jpeg_2000", "htj2k"])
def test_thirteen_signed_bits_keep_their_sign(syntax, tmp_path, index):
    """Streams hold the stored bits, not the sign above them; this is where converters go wrong."""
    tags = dict(PixelRepresentation=1, BitsStored=13, HighBit=12)
    plain = write_series(tmp_path / "plain", Scan(**SMALL, intercept=0, tags=tags))[:1]
    expected = np.frombuffer(dcmread(plain[0]).PixelData, "<i2")
    assert expected.min() < -900
    image = dcmread(plain[0])
    image.PixelData = (expected & 0x1FFF).astype("<i2").tobytes()
    image.save_as(plain[0])
    recode(plain, tmp_path / "coded", syntax)
    rows, _ = index(tmp_path / "coded")
    with plain_slices(rows, Limits(), tmp_path) as files:
        assert np.array_equal(np.frombuffer(dcmread(files["source"][0]).PixelData, "<i2"), expected)


def test_a_stream_without_the_sign_that_its_header_gives():
    path = get_testdata_file("J2K_pixelrep_mismatch.dcm")
    with open(path, "rb") as stream:
        values = dcmread(io.BytesIO(decoded(stream))).pixel_array
    assert (values.min(), values.max()) == (-2000, 1896)


@pytest.mark.parametrize(
    ("legacy", "syntax", "tilt"),
    [(False, "", 15.0), (False, "jpeg_2000", 0.0), (True, "", 0.0), (True, "jpeg_sv1", 15.0)],
)
def test_an_enhanced_object_is_the_scan_of_its_frames(legacy, syntax, tilt, tmp_path, volume):
    scan = Scan(**SMALL, tilt_deg=tilt)
    plain = write_series(tmp_path / "plain", scan)
    enhance(
        [plain[k] for k in np.random.default_rng(1).permutation(14)], tmp_path / "one/x", legacy=legacy, syntax=syntax
    )
    assert same(volume(tmp_path / "one"), volume(tmp_path / "plain"))


def test_frames_with_their_own_rescale(tmp_path, volume):
    plain = write_series(tmp_path / "plain", Scan(**SMALL))
    for k, path in enumerate(plain):
        image = dcmread(path)
        values = np.frombuffer(image.PixelData, "<i2")
        image.RescaleIntercept, image.PixelData = -1024 - k, (values + k).astype("<i2").tobytes()
        image.save_as(path)
    enhance(plain, tmp_path / "one/x")
    assert same(volume(tmp_path / "one"), volume(tmp_path / "plain"))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_members_of_an_archive_are_the_files(method, tmp_path, volume):
    plain = write_series(tmp_path / "plain", Scan(**SMALL))
    (tmp_path / "zipped").mkdir()
    with zipfile.ZipFile(tmp_path / "zipped" / "no suffix", "w", method) as archive:
        for path in plain:
            archive.write(path, f"Ä b/deep/{path.name}.x")
    assert same(volume(tmp_path / "zipped"), volume(tmp_path / "plain"))


def test_an_enhanced_object_in_an_archive(tmp_path, volume):
    plain = write_series(tmp_path / "plain", Scan(**SMALL))
    one = enhance(plain, tmp_path / "one", syntax="jpeg_ls")
    (tmp_path / "zipped").mkdir()
    with zipfile.ZipFile(tmp_path / "zipped" / "a.zip", "w") as archive:
        archive.write(one, "x")
    assert same(volume(tmp_path / "zipped"), volume(tmp_path / "plain"))


def test_plain_files_are_not_copied_and_copies_are_gone_afterwards(tmp_path, index):
    write_series(tmp_path / "plain", Scan(**SMALL))
    rows, _ = index(tmp_path / "plain")
    with plain_slices(rows, Limits(), tmp_path) as files:
        assert files is rows
    recode(sorted((tmp_path / "plain").iterdir())[:1], tmp_path / "coded", "jpeg_ls")
    rows, _ = index(tmp_path / "coded")
    with plain_slices(rows, Limits(), tmp_path) as files:
        (copy,) = files["source"]
        assert Path(copy).is_file()
    assert not Path(copy).exists() and sorted(path.name for path in tmp_path.iterdir()) == ["coded", "plain"]


def test_cut_off_pixels_are_refused_in_words(tmp_path, index):
    plain = write_series(tmp_path / "plain", Scan(**SMALL))
    one = enhance(plain, tmp_path / "one" / "x")
    one.write_bytes(one.read_bytes()[:-1000])
    rows, status = index(tmp_path / "one")
    assert len(rows) == 14 and status.empty
    with pytest.raises(SourceError, match="could not"), plain_slices(rows, Limits(), tmp_path):
        pass


def test_a_frame_that_takes_too_much_memory_ends_its_child_only(tmp_path, index):
    plain = write_series(tmp_path / "plain", Scan(**SMALL))
    recode(plain[:1], tmp_path / "coded", "jpeg_ls")
    rows, _ = index(tmp_path / "coded")
    with pytest.raises(SourceError), plain_slices(rows, Limits(convert_memory_mb=40), tmp_path):
        pass
    with plain_slices(rows, Limits(), tmp_path) as files:
        assert dcmread(files["source"].iloc[0]).Rows == 32


def test_the_whole_ingest_gives_the_same_scan_from_every_form(tmp_path, ingest):
    plain = write_series(tmp_path / "plain", Scan(patient_id="P1"))
    enhance(plain, tmp_path / "enhanced" / "x")
    recode(plain, tmp_path / "coded", "jpeg_ls")
    (tmp_path / "zipped").mkdir()
    with zipfile.ZipFile(tmp_path / "zipped" / "a", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "enhanced" / "x", "b/c")
    made = {}
    for form in ("plain", "enhanced", "coded", "zipped"):
        done = ingest(tmp_path / form, work_dir=tmp_path / f"work {form}")
        assert done.codes("set_aside") == set(), done.status.to_csv()
        made[form] = done.scans[["voxel_sha256", "slices", "spacing_z_mm", "extent_mm", "kernel"]].to_dict("records")
        assert done.public["files"].tolist() == [30] and done.public["score"].tolist() == [100.0]
    assert len(made["plain"]) == 1
    assert made["enhanced"] == made["coded"] == made["zipped"] == made["plain"]
