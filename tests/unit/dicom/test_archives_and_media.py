"""Zip archives and DICOMDIR in the index: what is in them, what is refused with which code, and what is read again."""

import io
import os
import shutil
import warnings
import zipfile

import pytest
from other_forms import enhance
from phantom_series import Scan, write_series
from pydicom.fileset import FileSet

from ichor.dicom.contents import file_contents
from ichor.dicom.header_pool import HeaderPool
from ichor.dicom.limits import Limits
from ichor.dicom.zip_archives import is_unsafe, join_source, split_source
from ichor.jobs.hashes import file_sha256

TINY = dict(rows=4, columns=4, along_mm=[5.0 * k for k in range(4)])


@pytest.fixture
def slices(tmp_path):
    tags = dict(StudyID="1", AccessionNumber="")  # which a DICOMDIR needs
    return write_series(tmp_path / "plain", Scan(**TINY, patient_id="P7", tags=tags))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def pack(path, files, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return path


def codes(status):
    return sorted(zip(status["reason"], status["detail"], strict=True))


def test_several_archives_with_any_names_beside_plain_files(folder, slices, index):
    shutil.copytree(slices[0].parent, folder / "plain")
    write_series(folder / "x", Scan(**TINY, patient_id="P8"))
    pack(folder / "export", [(f"a/b c/{k}/é", path.read_bytes()) for k, path in enumerate(slices)])
    other = write_series(folder.parent / "other", Scan(**TINY, patient_id="P9"))
    pack(folder / "x" / "b.ZIP", [(path.name, path.read_bytes()) for path in other])
    rows, status = index(folder)
    assert status.empty and rows["patient_id"].value_counts().to_dict() == {"P7": 8, "P8": 4, "P9": 4}
    inside = rows[rows["source"].str.contains("//")]
    assert set(map(lambda source: split_source(source)[0], inside["source"])) == {
        str(folder / "export"), str(folder / "x" / "b.ZIP"),
    }  # fmt: skip
    twins = rows[rows["patient_id"] == "P7"]
    assert twins["sop"].nunique() == 4 and twins.groupby("sop")["z_mm"].nunique().tolist() == [1] * 4


HOSTILE = {
    "../../evil": ("archive_refused", "its name leads out of the archive"),
    "/etc/evil": ("archive_refused", "its name leads out of the archive"),
    "..\\evil": ("archive_refused", "its name leads out of the archive"),
    "C:\\evil": ("archive_refused", "its name leads out of the archive"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_lead_out_are_refused_and_the_rest_is_read(name, folder, slices, index):
    pack(folder / "a.zip", [(name, slices[0].read_bytes()), ("good", slices[1].read_bytes())])
    rows, status = index(folder)
    assert len(rows) == 1 and codes(status) == [HOSTILE[name]]
    assert "evil" not in status.to_csv() and status["subject"].str.fullmatch(r"file-[0-9a-f]{12}").all()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["in", "plain"]


@pytest.mark.parametrize(("name", "unsafe"), [("a/..b/c", False), ("a..", False), ("a/../b", True), ("\\\\host", True)])
def test_names_that_only_look_dangerous_are_read(name, unsafe):
    assert is_unsafe(name) == unsafe


def test_members_that_must_not_be_opened(folder, slices, index):
    good = slices[0].read_bytes()
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    inner = io.BytesIO()
    pack(inner, [("x", good)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of the double name
        members = [("one", good), ("twice", good), ("twice", good), (link, "one"), ("inner.zip", inner.getvalue())]
        pack(folder / "a.zip", [*members, ("note.txt", "x"), ("bomb", bytes(70 << 20))])
    rows, status = index(folder)
    assert len(rows) == 2
    refused = [code for code, _ in codes(status)]
    assert refused == ["archive_refused"] * 4 + ["not_dicom"]
    told = " ".join(status["detail"])
    assert "twice" in told and "a link" in told and "an archive in an archive" in told and "times larger" in told


def test_encrypted_members_have_their_own_code(folder, slices, index):
    path = pack(folder / "a.zip", [("x", slices[0].read_bytes())], zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    raw[6] |= 1  # flags of the local header and of the central directory
    raw[raw.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    rows, status = index(folder)
    assert rows.empty and codes(status) == [("archive_encrypted", "needs a password")]


@pytest.mark.parametrize("damage", ["cut", "bits", "empty", "method"])
def test_damaged_archives_have_a_code_and_nothing_is_taken_from_them_unseen(damage, folder, slices, index):
    path = pack(folder / "a.zip", [] if damage == "empty" else [("x", slices[0].read_bytes()), ("y", b"\0" * 9)])
    raw = bytearray(path.read_bytes())
    if damage == "cut":
        del raw[len(raw) // 2 :]
    elif damage == "bits":
        raw[60:90] = bytes(30)
    elif damage == "method":
        raw[raw.find(b"PK\x01\x02") + 10] = 9
    path.write_bytes(raw)
    rows, status = index(folder)
    assert rows.empty and {code for code, _ in codes(status)} <= {"archive_refused", "not_dicom"}
    assert "archive_refused" in set(status["reason"])
    assert len(status) == {"cut": 1, "bits": 2, "empty": 1, "method": 2}[damage]


def test_office_documents_are_one_line_not_one_per_part(folder, index):
    pack(folder / "a.xlsx", [("[Content_Types].xml", "x"), ("xl/a.xml", "x"), ("xl/b.xml", "x")])
    assert index(folder)[1]["reason"].tolist() == ["not_dicom"]


def test_a_member_that_takes_its_reader_down_costs_itself_only(folder, slices):
    bomb = io.BytesIO()
    good = slices[0].read_bytes()
    element = b"\x09\x00\x10\x10OB\x00\x00" + (900 << 20).to_bytes(4, "little")
    bomb.write(good[:132] + good[132 : good.find(b"\x08\x00\x16\x00")] + element + bytes(60 << 20))
    path = pack(folder / "a.zip", [("1", good), ("2", bomb.getvalue()), ("3", good)], zipfile.ZIP_STORED)
    with HeaderPool(Limits(header_memory_mb=150, header_seconds=10)) as pool:
        answers, after = pool.read([str(path), str(slices[1])])
    assert [answer["member"] for answer in answers] == ["1", "2", "3"]
    assert ["modality" in answer for answer in answers] == [True, "error" not in answers[1], True]
    assert after[0]["modality"] == "CT"


def test_a_reader_that_dies_at_a_member_goes_on_behind_it(folder, slices, monkeypatch):
    path = pack(folder / "a.zip", [(name, slices[0].read_bytes()) for name in "abcd"])
    with HeaderPool(Limits()) as pool:
        child = pool._child(0)
        real, lines = child.answer, []

        def dies(seconds):
            lines.append(1)
            if len(lines) == 3:  # names, a, then b
                child.process.kill()
                child.process.wait()
                return None
            return real(seconds)

        monkeypatch.setattr(child, "answer", dies)
        answers, after = pool.read([str(path), str(slices[1])])
    assert [(answer["member"], answer.get("error", "")) for answer in answers] == [
        ("a", ""), ("b", "unreadable_file"), ("c", ""), ("d", ""),
    ]  # fmt: skip
    assert after[0]["modality"] == "CT"


def test_archives_that_did_not_change_are_not_read_again(folder, slices, index, monkeypatch):
    pack(folder / "a.zip", [(f"{k}", path.read_bytes()) for k, path in enumerate(slices)])
    pack(folder / "b.zip", [("../x", b"")])
    enhance(slices, folder / "frames")
    shutil.copy(slices[0], folder / "plain")
    asked, read = [], HeaderPool.read
    monkeypatch.setattr(HeaderPool, "read", lambda self, paths: asked.extend(paths) or read(self, paths))
    cache = folder.parent / "cache"
    first = index(folder, cache=cache, chunk=2)
    assert len(asked) == 4 and len(first[0]) == 9 and len(first[1]) == 1
    asked.clear()
    for chunk in (2, 2, 100):
        again = index(folder, cache=cache, chunk=chunk)
        assert again[0].equals(first[0]) and again[1].equals(first[1])
    assert asked == []
    with zipfile.ZipFile(folder / "a.zip", "a") as archive:
        archive.writestr("new", slices[0].read_bytes())
    assert len(index(folder, cache=cache, chunk=2)[0]) == 10
    assert [os.path.basename(path) for path in asked] == ["a.zip"]


def test_contents_of_members_are_those_of_the_files(folder, slices, monkeypatch):
    path = pack(folder / "a.zip", [(slice_.name, slice_.read_bytes()) for slice_ in slices])
    sources = [join_source(str(path), slice_.name) for slice_ in slices]
    cache = folder.parent / "contents"
    digests = file_contents([*sources, str(slices[0]), join_source(str(path), "absent")], cache)
    assert [digests[source] for source in sources] == [file_sha256(slice_) for slice_ in slices]
    assert digests[str(slices[0])] == file_sha256(slices[0]) and digests[join_source(str(path), "absent")] == ""
    asked = []
    monkeypatch.setattr("ichor.dicom.contents.member_digests", lambda *args: asked.append(args) or {})
    assert file_contents(sources, cache) == {source: digests[source] for source in sources} and asked == []


def make_medium(folder, slices):
    medium = FileSet()
    for path in slices:
        medium.add(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        medium.write(folder)
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "DICOMDIR")


@pytest.fixture
def medium(folder, slices):
    return make_medium(folder / "cd", slices)


def test_a_dicomdir_is_no_image_and_its_files_are(folder, medium, index):
    rows, status = index(folder)
    assert len(rows) == 4 and set(rows["patient_id"]) == {"P7"}
    assert codes(status) == [("dicomdir", "names 4 files")]


def test_files_that_a_dicomdir_misses_are_told_and_found_again(folder, medium, index):
    cache, content = folder.parent / "cache", medium[0].read_bytes()
    medium[0].unlink()
    rows, status = index(folder, cache=cache)
    assert len(rows) == 3 and codes(status) == [("dicomdir_incomplete", "names 4 files, 1 missing")]
    medium[0].write_bytes(content)
    rows, status = index(folder, cache=cache)
    assert len(rows) == 4 and codes(status) == [("dicomdir", "names 4 files")]


def test_a_dicomdir_that_points_outside_is_told(folder, medium, index):
    path = folder / "cd" / "DICOMDIR"
    name = str(medium[0].relative_to(folder / "cd")).replace("/", "\\")
    raw = path.read_bytes()
    assert name.encode() in raw
    path.write_bytes(raw.replace(name.encode(), ("..\\" + "x" * 99)[: len(name)].encode(), 1))
    assert codes(index(folder)[1]) == [("dicomdir_incomplete", "names 4 files, 1 outside of its folder")]


def test_a_medium_in_an_archive(folder, slices, index):
    made = make_medium(folder.parent / "cd", slices)
    files = [*made, folder.parent / "cd" / "DICOMDIR"]
    whole = [(str(path.relative_to(folder.parent)), path.read_bytes()) for path in files]
    pack(folder / "a.zip", whole)
    pack(folder / "b.zip", whole[1:])
    rows, status = index(folder)
    assert len(rows) == 7
    assert codes(status) == [("dicomdir", "names 4 files"), ("dicomdir_incomplete", "names 4 files, 1 missing")]
