import os

import numpy as np
import pytest
from phantom_series import Scan, write_series

from ichor.dicom.header_pool import HeaderPool
from ichor.dicom.limits import Limits
from ichor.pseudonyms import pseudonym

KEY = b"k" * 32


def test_one_row_per_image_at_any_depth_and_under_any_name(tmp_path, index):
    write_series(tmp_path / "a" / "b c" / "é", Scan(patient_id="Ä 1", tags=dict(SpecificCharacterSet="ISO_IR 192")))
    write_series(tmp_path / "other.dir", Scan(patient_id="2", tilt_deg=10))
    rows, status = index(tmp_path)
    assert len(rows) == 60 and status.empty
    assert set(rows["patient"]) == {pseudonym(KEY, "aurora", name) for name in ("2", "Ä 1")}
    first = rows[rows["patient_id"] == "2"].iloc[0]
    assert first["column_z"] == pytest.approx(np.sin(np.radians(10)), abs=1e-6)
    assert (first["rows"], first["columns"], first["thickness_mm"], first["kernel"]) == (96, 104, 5, "H31s")
    assert first["when"] == "20200101120000"


def test_workers_change_nothing(tmp_path, index):
    for number in range(3):
        write_series(tmp_path / str(number), Scan(patient_id=str(number)))
    (tmp_path / "x").write_bytes(b"no")
    one, two = (index(tmp_path, workers=n) for n in (1, 2))
    assert one[0].equals(two[0]) and one[1].equals(two[1])


@pytest.mark.parametrize("make", [lambda p: p.mkdir(), lambda p: None])
def test_empty_or_absent_folder_is_one_row_for_the_center(make, tmp_path, index):
    make(tmp_path / "in")
    rows, status = index(tmp_path / "in")
    assert rows.empty and "patient" in rows
    assert status[["subject", "reason"]].to_numpy().tolist() == [["", "empty_folder"]]


def test_what_is_no_dicom_has_a_code_and_no_name(tmp_path, index):
    (tmp_path / "Mueller Hans 1950.txt").write_text("Hans")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "zeros").write_bytes(bytes(4096))
    (tmp_path / "preamble only").write_bytes(bytes(128) + b"DICM")
    os.symlink(tmp_path / "nowhere", tmp_path / "broken link")
    os.mkfifo(tmp_path / "pipe")
    os.symlink(tmp_path, tmp_path / "loop")
    rows, status = index(tmp_path)
    assert len(rows) + len(status) == 6
    assert set(status["reason"]) <= {"not_dicom", "unreadable_file"}
    assert status["subject"].str.fullmatch(r"file-[0-9a-f]{12}").all()
    assert "Hans" not in status.to_csv()


def test_truncated_and_damaged_files_never_stop_the_index(tmp_path, index):
    good = write_series(tmp_path / "in")
    raw = good[0].read_bytes()
    random = np.random.default_rng(0)
    for number in range(60):
        bad = bytearray(raw[: random.integers(132, 2000)] if number % 2 else raw[:3000])
        for place in random.integers(132, len(bad), 8) if len(bad) > 140 else []:
            bad[place] = random.integers(256)
        (tmp_path / "in" / f"bad{number}").write_bytes(bytes(bad))
    rows, status = index(tmp_path / "in")
    assert len(rows) + len(status) == 90
    assert set(map(str, good)) <= set(rows["source"])


def test_a_huge_value_is_stopped_by_the_memory_limit(tmp_path):
    good = write_series(tmp_path)[:2]
    raw = good[0].read_bytes()
    # a private element of 3 GB: the file says so, and a sparse file has the bytes
    element = b"\x09\x00\x10\x10OB\x00\x00" + (3 << 30).to_bytes(4, "little")
    bomb = tmp_path / "bomb"
    with bomb.open("wb") as stream:
        stream.write(raw[:132] + raw[132:1000][: raw[132:1000].find(b"\x08\x00")] + element)
        stream.truncate(3 << 30)
    with HeaderPool(Limits(header_memory_mb=512, header_seconds=20)) as pool:
        answers = [one for (one,) in pool.read([str(good[0]), str(bomb), str(good[1])])]
    assert answers[0]["modality"] == answers[2]["modality"] == "CT"
    assert answers[1].get("error") in ("unreadable_file", "not_dicom") or "modality" in answers[1]


def test_a_file_over_the_time_limit_is_set_aside_and_the_next_one_is_read(tmp_path):
    good = write_series(tmp_path)[:2]
    pipe = tmp_path / "endless"
    os.mkfifo(pipe)  # opening it blocks for ever; the index never opens pipes, so the pool is asked directly
    with HeaderPool(Limits(header_seconds=1)) as pool:
        answers = [one for (one,) in pool.read([str(good[0]), str(pipe), str(good[1])])]
    assert answers[1]["error"] == "unreadable_file" and "over 1 s" in answers[1]["detail"]
    assert answers[0]["modality"] == answers[2]["modality"] == "CT"


def test_too_large_a_file_is_not_opened(tmp_path, index):
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(3 << 20)
    _, status = index(tmp_path, limits=Limits(file_mb=2))
    assert status["detail"].tolist() == ["3 MB, limit 2 MB"]


def test_files_without_patient_id_are_one_patient_per_study(tmp_path, index):
    write_series(tmp_path / "1", Scan(patient_id=""))
    write_series(tmp_path / "2", Scan(patient_id=""))
    rows, _ = index(tmp_path)
    assert rows["patient"].nunique() == 2
