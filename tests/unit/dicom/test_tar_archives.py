"""Tar archives and packed files in the index: what is in them, what is refused with which code, what is read again."""

import gzip
import io
import os
import tarfile

import numpy as np
import pytest
from phantom_series import Scan, write_series

from ichor.dicom.contents import file_contents
from ichor.dicom.header_pool import TAR_DEATHS, HeaderPool
from ichor.dicom.limits import Limits
from ichor.dicom.zip_archives import join_source
from ichor.jobs.hashes import file_sha256

TINY = dict(rows=4, columns=4, along_mm=[5.0 * k for k in range(4)])
KINDS = {"study.tar": "w:", "study.tar.gz": "w:gz", "STUDY": "w:gz"}
OUT = ("archive_refused", "its name leads out of the archive")


@pytest.fixture
def slices(tmp_path):
    return write_series(tmp_path / "plain", Scan(**TINY, patient_id="P7"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def info_of(name, content=b"", **about):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in about.items():
        setattr(info, field, value)
    return info, content


def pack(path, members, mode="w:", form=tarfile.PAX_FORMAT):
    with tarfile.open(path, mode, format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


def packed(path, slices, mode="w:", **more):
    return pack(path, [info_of(f"./a b/{k}é", one.read_bytes()) for k, one in enumerate(slices)], mode, **more)


def codes(status):
    return sorted(zip(status["reason"], status["detail"], strict=True))


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("name", KINDS)
def test_members_are_the_files(name, form, folder, slices, index):
    packed(folder / name, sorted(slices), KINDS[name], form=form)
    plain = index(slices[0].parent)[0]
    rows, status = index(folder)
    assert status.empty and len(rows) == 4
    assert rows["source"].tolist() == [join_source(str(folder / name), f"./a b/{k}é") for k in range(4)]
    same = [column for column in plain.columns if column not in ("source", "bytes", "modified_ns")]
    assert rows[same].equals(plain[same])


def test_an_old_tar_without_a_name_of_its_format(folder, slices, index):
    path = packed(folder / "old", slices[:1], form=tarfile.USTAR_FORMAT)
    raw = bytearray(path.read_bytes())
    raw[257:265] = bytes(8)  # as before POSIX: no "ustar"
    raw[148:156] = b"        "
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    path.write_bytes(raw)
    assert len(index(folder)[0]) == 1


def test_a_packed_file_is_read_like_the_file(folder, slices, index):
    (folder / "a.dcm.gz").write_bytes(gzip.compress(slices[0].read_bytes()))
    (folder / "b.nii.gz").write_bytes(gzip.compress(bytes(400)))
    (folder / "c.gz").write_bytes(gzip.compress(slices[0].read_bytes())[:-20])
    rows, status = index(folder)
    assert rows["patient_id"].tolist() == ["P7"] and rows["source"][0].endswith("a.dcm.gz//unpacked")
    assert sorted(status["reason"]) == ["archive_refused", "not_dicom"]


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:\\evil"])
def test_names_that_lead_out_are_refused_and_the_rest_is_read(name, folder, slices, index):
    good = slices[0].read_bytes()
    pack(folder / "a.tgz", [info_of(name, good), info_of("good", good)], "w:gz")
    rows, status = index(folder)
    assert len(rows) == 1 and codes(status) == [OUT]
    assert "evil" not in status.to_csv() and status["subject"].str.fullmatch(r"file-[0-9a-f]{12}").all()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["in", "plain"]


def test_members_that_must_not_be_opened(folder, slices, index):
    good = slices[0].read_bytes()
    inner = packed(folder.parent / "inner.tar", slices).read_bytes()
    sparse = info_of("sparse", good, pax_headers={"GNU.sparse.size": "99999999999", "GNU.sparse.map": "0,1"})
    members = [
        info_of("one", good),
        info_of("twice", good),
        info_of("twice", good),
        info_of("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        info_of("hard", type=tarfile.LNKTYPE, linkname="one"),
        info_of("device", type=tarfile.CHRTYPE),
        info_of("pipe", type=tarfile.FIFOTYPE),
        info_of("folder", type=tarfile.DIRTYPE),
        info_of("inner.tar", inner),
        info_of("inner.tgz", gzip.compress(inner)),
        sparse,
        info_of("note.txt", b"x"),
    ]
    pack(folder / "a.tar", members)
    rows, status = index(folder)
    assert len(rows) == 2
    assert codes(status) == sorted(
        [("archive_refused", "a link")] * 2
        + [("archive_refused", "no plain file")] * 3
        + [("archive_refused", "an archive in an archive")] * 2
        + [("archive_refused", "its name stands in the archive twice"), ("not_dicom", "no DICOM preamble")]
    )


@pytest.mark.parametrize("megabytes", [70, 2000])
def test_bombs_are_refused_before_they_are_unpacked(megabytes, folder, slices, index):
    with gzip.open(folder / "a.tgz", "wb", 1) as out:
        good, content = info_of("good", slices[0].read_bytes())
        out.write(good.tobuf() + content + bytes(-len(content) % 512))
        out.write(info_of("bomb", size=megabytes << 20)[0].tobuf())
        for _ in range(70):
            out.write(bytes(1 << 20))
    rows, status = index(folder)
    assert len(rows) == 1 and status["reason"].tolist() == ["archive_refused"]
    assert "times larger unpacked, limit 200" in status["detail"][0]


def test_a_packed_file_that_is_a_bomb_is_refused(folder, slices, index):
    with gzip.open(folder / "a.gz", "wb", 1) as out:
        out.write(slices[0].read_bytes())
        for _ in range(90):
            out.write(bytes(1 << 20))
    rows, status = index(folder)
    assert rows.empty and status["reason"].tolist() == ["archive_refused"]
    assert "times larger" in status["detail"][0]


@pytest.mark.parametrize("mode", ["w:", "w:gz"])
@pytest.mark.parametrize("damage", ["cut", "cut in a header", "header", "no end"])
def test_what_comes_before_a_damage_is_read_and_the_damage_is_told(damage, mode, folder, slices, index):
    with io.BytesIO() as out:
        with tarfile.open(fileobj=out, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
            for k, one in enumerate(slices):
                info, content = info_of(str(k), one.read_bytes())
                archive.addfile(info, io.BytesIO(content))
        raw = bytearray(out.getvalue())
    member = 512 + -(-slices[0].stat().st_size // 512) * 512
    if damage == "cut":
        del raw[3 * member + 700 :]
    elif damage == "cut in a header":
        del raw[2 * member + 100 :]
    elif damage == "header":
        raw[2 * member + 10 : 2 * member + 40] = b"x" * 30
    elif damage == "no end":
        del raw[4 * member :]  # some programs leave the two empty blocks out
    (folder / "a").write_bytes(gzip.compress(bytes(raw)) if mode == "w:gz" else bytes(raw))
    rows, status = index(folder)
    whole = {"cut": 3, "cut in a header": 2, "header": 2, "no end": 4}[damage]
    assert len(rows) - (damage == "cut") in (whole, whole - 1) and len(rows) >= whole
    assert set(status["reason"]) == (set() if damage == "no end" else {"archive_refused"})
    assert all(detail.startswith("damaged") for detail in status["detail"])


def test_a_cut_gzip_and_an_empty_archive_have_a_code(folder, slices, index):
    path = packed(folder / "a.tgz", slices, "w:gz")
    path.write_bytes(path.read_bytes()[:-200])
    pack(folder / "b.tar", [info_of("only/a/folder", type=tarfile.DIRTYPE)])
    rows, status = index(folder)
    assert set(status["reason"]) == {"archive_refused"} and ("archive_refused", "no file in it") in codes(status)
    assert len(rows) <= 4


@pytest.mark.parametrize("mode", ["w:", "w:gz"])
def test_members_that_take_their_reader_down_cost_themselves_only(mode, folder, slices, monkeypatch):
    path = pack(folder / "a", [info_of(name, slices[0].read_bytes()) for name in "abcde"], mode)
    asked = []

    class Dying(HeaderPool):
        """Kills the child when it is to answer about b and c, as a hostile member does."""

        def _child(self, number):
            child = super()._child(number)
            if not asked or asked[-1] is not child:
                asked.append(child)
                real, names = child.answer, []

                def answer(seconds):
                    line = real(seconds)
                    if isinstance(line, dict):
                        names.append(line.get("member"))
                    elif names and names[-1] in ("b", "c"):
                        child.process.kill()
                        child.process.wait()
                        return None
                    return line

                child.answer = answer
            return child

    with Dying(Limits()) as pool:
        answers, after = pool.read([str(path), str(slices[1])])
    assert [(answer["member"], answer.get("error", "")) for answer in answers] == [
        ("a", ""), ("b", "unreadable_file"), ("c", "unreadable_file"), ("d", ""), ("e", ""),
    ]  # fmt: skip
    assert after[0]["modality"] == "CT" and TAR_DEATHS >= 2


def test_archives_that_did_not_change_are_not_read_again(folder, slices, index, monkeypatch):
    packed(folder / "a.tgz", slices, "w:gz")
    asked, read = [], HeaderPool.read
    monkeypatch.setattr(HeaderPool, "read", lambda self, paths: asked.extend(paths) or read(self, paths))
    first = index(folder, cache=folder.parent / "cache")
    again = index(folder, cache=folder.parent / "cache")
    assert [os.path.basename(path) for path in asked] == ["a.tgz"] and again[0].equals(first[0])


@pytest.mark.parametrize("mode", ["w:", "w:gz"])
def test_contents_of_members_are_those_of_the_files(mode, folder, slices):
    path = pack(folder / "a", [info_of(one.name, one.read_bytes()) for one in slices], mode)
    sources = [join_source(str(path), one.name) for one in slices]
    digests = file_contents([*sources, join_source(str(path), "absent")], folder.parent / "contents")
    assert [digests[source] for source in sources] == [file_sha256(one) for one in slices]
    assert digests[join_source(str(path), "absent")] == ""


def test_copies_in_several_archives_count_once(folder, ingest, tmp_path):
    paths = write_series(folder / "plain", Scan(patient_id="P1", noise_hu=2.0))
    alone = ingest(folder)
    pack(folder / "a.tgz", [info_of("x", paths[0].read_bytes())], "w:gz")
    pack(folder / "b.tar", [info_of("x", paths[0].read_bytes()), info_of("y", paths[1].read_bytes())])
    (folder / "c.gz").write_bytes(gzip.compress(paths[2].read_bytes()))
    both = ingest(folder)
    assert len(both.index) == len(alone.index) + 4
    assert both.scans["voxel_sha256"].tolist() == alone.scans["voxel_sha256"].tolist() and len(both.scans) == 1


@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "dcm.gz"])
def test_a_series_in_an_archive_becomes_the_same_scan(name, folder, ingest, tmp_path):
    scan = Scan(patient_id="P1", noise_hu=2.0)
    paths = write_series(tmp_path / "one", scan)
    if name == "dcm.gz":
        for path in paths:
            (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
    else:
        members = [info_of(path.name, path.read_bytes()) for path in reversed(paths)]
        pack(folder / name, members, KINDS.get(name, "w:gz" if name == "a.tgz" else "w:"))
    plain, inside = ingest(tmp_path / "one"), ingest(folder)
    assert len(plain.scans) == len(inside.scans) == 1
    assert plain.scans["voxel_sha256"][0] == inside.scans["voxel_sha256"][0]
    assert np.array_equal(plain.scans["extent_mm"], inside.scans["extent_mm"])
