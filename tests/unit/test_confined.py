"""Foreign files are read in a child: what a file does to it stays there, and nothing of the file's text comes back."""

import gzip
import os
import signal
import struct
import zipfile

import nibabel as nib
import numpy as np
import pytest

from ichor import confined
from ichor.cohort.records import read_records, rows_of_file
from ichor.confined import Confinement, UnreadableError, read
from ichor.dicom.nifti_reader import read_header, read_voxels
from ichor.errors import StudyError

SMALL = Confinement(memory_mb=1024, seconds=60, file_mb=64, answer_mb=64)


@pytest.fixture(autouse=True, scope="module")
def children():
    yield
    confined.close_all()


def pids():
    return {child._process.pid for child in confined._children.values() if child._process}


def save(path, data, slope=None):
    image = nib.Nifti1Image(data, np.diag([2.0, 3.0, 4.0, 1.0]))
    if slope:
        image.header.set_slope_inter(*slope)
    nib.save(image, path)
    return path


def bomb(path, shape, *, kind="<i2", offset=352, unpacked=0):
    """A NIfTI whose header promises `shape`, followed by zeros that are packed well."""
    header = nib.Nifti1Header()
    header.set_data_dtype(np.dtype(kind))
    header.set_data_shape(shape)
    header["magic"], header["vox_offset"] = b"n+1", offset
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(header.binaryblock + b"\0\0\0\0")
        for _ in range(unpacked >> 20):
            stream.write(bytes(1 << 20))
    return path


@pytest.mark.parametrize("kind", ["u1", "<i2", ">i2", "<u2", "<f4", "<f8", "<u4"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_the_voxels_that_come_back_are_those_that_nibabel_reads(tmp_path, kind, suffix):
    data = np.random.default_rng(0).integers(0, 100, (5, 4, 3)).astype(kind)
    path = save(tmp_path / f"a{suffix}", data)
    values, arrays = read(read_voxels, path, SMALL, most_voxels=60)
    assert values == {"voxels": 60.0}
    assert (arrays["data"] == data).all() and arrays["data"].flags.writeable
    assert (arrays["affine"] == np.diag([2.0, 3.0, 4.0, 1.0])).all()
    assert read(read_voxels, path, SMALL, most_voxels=59) == ({"voxels": 60.0}, {})
    assert read(read_header, path, SMALL)[0] == {"shape": [5, 4, 3]}


def test_scaled_voxels_are_scaled(tmp_path):
    path = tmp_path / "a.nii"
    save(path, np.arange(24, dtype=np.int16).reshape(4, 3, 2))
    content = bytearray(path.read_bytes())
    content[112:120] = struct.pack("<ff", 2.0, -1024.0)  # scl_slope, scl_inter
    path.write_bytes(content)
    data = read(read_voxels, path, SMALL, most_voxels=100)[1]["data"]
    assert data.dtype == np.float32 and (data == np.arange(24).reshape(4, 3, 2) * 2.0 - 1024).all()


def test_one_child_reads_many_files_and_an_error_does_not_end_it(tmp_path):
    good, bad = save(tmp_path / "good.nii", np.zeros((2, 2, 2), np.int16)), tmp_path / "bad.nii"
    bad.write_bytes(b"Quastenflosser")
    read(read_header, good, SMALL)
    before = pids()
    for _ in range(3):
        with pytest.raises(UnreadableError) as error:
            read(read_header, bad, SMALL)
        assert str(error.value) == "ImageFileError"  # its text would hold the path
        read(read_header, good, SMALL)
    assert before and pids() == before


def test_a_child_that_was_killed_is_replaced_and_no_file_is_blamed(tmp_path):
    good = save(tmp_path / "good.nii", np.zeros((2, 2, 2), np.int16))
    read(read_header, good, SMALL)
    for pid in pids():
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert read(read_header, good, SMALL)[0]["shape"] == [2, 2, 2]


def test_a_bomb_runs_out_of_memory_in_the_child_alone(tmp_path):
    path = bomb(tmp_path / "bomb.nii.gz", (1000, 1000, 390), kind="<f8", unpacked=4 << 20)
    with pytest.raises(UnreadableError, match="MemoryError"):
        read(read_voxels, path, SMALL, most_voxels=400_000_000)


def test_an_answer_beyond_its_limit_is_refused(tmp_path):
    path = save(tmp_path / "a.nii.gz", np.zeros((200, 200, 100), np.int16))
    with pytest.raises(UnreadableError):
        read(read_voxels, path, Confinement(1024, 60, 64, answer_mb=1), most_voxels=10**9)


def test_a_file_that_takes_too_long_takes_its_child_down_and_the_next_one_is_read(tmp_path):
    slow = bomb(tmp_path / "slow.nii.gz", (2, 2, 2), offset=1 << 30, unpacked=1 << 30)
    good = save(tmp_path / "good.nii", np.zeros((2, 2, 2), np.int16))
    limits = Confinement(1024, 0.2, 64, 64)
    with pytest.raises(UnreadableError, match="over 0.2 s or 1024 MB"):
        read(read_voxels, slow, limits, most_voxels=100)
    assert read(read_header, good, SMALL)[0]["shape"] == [2, 2, 2]


def test_pipes_devices_large_and_absent_files_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.nii")
    (tmp_path / "zero.nii").symlink_to("/dev/zero")
    (tmp_path / "loop.nii").symlink_to("loop.nii")
    with (tmp_path / "large.nii").open("wb") as stream:
        stream.truncate(65 << 20)
    for name, says in dict(
        pipe="not a regular file", zero="not a regular file", loop="OSError", large="65 MB, limit 64 MB",
        absent="FileNotFoundError",
    ).items():  # fmt: skip
        with pytest.raises(UnreadableError) as error:
            read(read_header, tmp_path / f"{name}.nii", SMALL)
        assert str(error.value) == says


def test_other_formats_that_nibabel_knows_are_refused(tmp_path):
    nib.save(nib.MGHImage(np.zeros((2, 2, 2), np.float32), np.eye(4)), tmp_path / "a.mgz")
    (tmp_path / "b.gii").write_text("<GIFTI/>")
    colored = np.zeros((2, 2, 2), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    nib.save(nib.Nifti1Image(colored, np.eye(4)), tmp_path / "c.nii")
    for name in ("a.mgz", "b.gii", "c.nii"):
        with pytest.raises(UnreadableError):
            read(read_voxels, tmp_path / name, SMALL, most_voxels=100)


@pytest.mark.parametrize(
    ("line", "content"),
    [
        (b'{"values": 2, "arrays": [["a", "|O", [1], "C"]]}', b"{}12345678"),
        (b'{"values": 2, "arrays": [["a", "<i8", [-1], "C"]]}', b"{}12345678"),
        (b'{"values": 2, "arrays": [["a", "<i8", [1000000000000], "C"]]}', b"{}12345678"),
        (b'{"values": 2, "arrays": [["a", "<i8", [2], "C"]]}', b"{}12345678"),
        (b'{"values": -2, "arrays": []}', b"{}"),
        (b'{"values": 9, "arrays": []}', b"{}"),
        (b'{"values": 1, "arrays": []}', b"{}"),
        (b"[]", b"{}"),
        (b"no json", b"{}"),
    ],
)
def test_what_a_child_that_was_taken_over_answers_is_not_believed(line, content):
    child = confined._Child(read_header, SMALL)
    child._answers = os.memfd_create("test")
    os.write(child._answers, content)
    try:
        with pytest.raises(UnreadableError, match="an answer that is none"):
            child._taken(line)
    finally:
        os.close(child._answers)


def test_a_child_does_not_import_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nibabel.py").write_text("raise SystemExit")
    good = save(tmp_path / "good.nii", np.zeros((2, 2, 2), np.int16))
    assert read(read_header, good, Confinement(1024, 61, 64, 64))[0]["shape"] == [2, 2, 2]


def workbook_bomb(path, rows):
    """A workbook of a few kilobytes whose sheet unpacks to a cell of 100 bytes per row."""
    import openpyxl

    openpyxl.Workbook().save(path)
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    row = b'<row><c t="inlineStr"><is><t>' + b"A" * 100 + b"</t></is></c></row>"
    sheet = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in parts.items():
            if name != "xl/worksheets/sheet1.xml":
                book.writestr(name, content)
        with book.open("xl/worksheets/sheet1.xml", "w") as stream:
            stream.write(sheet)
            for _ in range(rows // 1000):
                stream.write(row * 1000)
            stream.write(b"</sheetData></worksheet>")


def test_a_workbook_bomb_and_a_huge_cell_say_what_to_do_and_name_no_cell(tmp_path):
    workbook_bomb(tmp_path / "bomb.xlsx", 300_000)
    (tmp_path / "cell.csv").write_text("id,note\nQuast," + "x" * 200_000 + "\n")
    (tmp_path / "zeros.csv").write_bytes(b"id,note\nQuast,\0\xff\n")
    for name in ("bomb.xlsx", "cell.csv"):
        with pytest.raises(StudyError, match=f"{name}: cannot be read as a table .*Save it again") as error:
            read_records(tmp_path / name, ["id"], limits=Confinement(300, 2, 64, 16))
        assert "Quast" not in str(error.value)
    assert len(read_records(tmp_path / "zeros.csv", ["id"])) == 1


def test_formulas_are_read_as_the_values_that_were_stored(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["id", "age"])
    book.active.append(["a", '=HYPERLINK("http://example.org")'])
    book.save(tmp_path / "r.xlsx")
    assert read(rows_of_file, tmp_path / "r.xlsx", SMALL, expected=["id"], words=[])[0]["rows"] == [
        [1, ["id", "age"]],
        [2, ["a", ""]],
    ]


@pytest.mark.parametrize("shape", [(0, 5, 5), (-1, 5, 5), (5, 5, 5, -1, 7, 7, -1), (0, -1, 7, 32767, 7, 32767, -1)])
def test_an_image_with_an_axis_without_voxels_is_unreadable(tmp_path, shape):
    path = bomb(tmp_path / "a.nii.gz", (5, 5, 5), unpacked=1 << 20)
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[40:56] = struct.pack("<8h", len(shape), *shape, *[1] * (7 - len(shape)))
    path.write_bytes(gzip.compress(bytes(content), 1))
    for function, options in ((read_header, {}), (read_voxels, {"most_voxels": 10**9})):
        with pytest.raises(UnreadableError, match="ValueError|HeaderDataError"):
            read(function, path, SMALL, **options)
