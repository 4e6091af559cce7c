import re

import pytest

from ichor.errors import StudyError
from ichor.pseudonyms import pseudonym, read_or_make_key, study_key


def test_a_pseudonym_depends_on_key_center_and_patient_only():
    key = bytes(32)
    assert re.fullmatch(r"[0-9a-f]{12}", pseudonym(key, "aurora", "P1"))
    assert pseudonym(key, "aurora", "P1") == pseudonym(key, "aurora", " P1 ")
    others = {
        pseudonym(key, "boreal", "P1"),
        pseudonym(key, "aurora", "P2"),
        pseudonym(bytes([1] * 32), "aurora", "P1"),
    }
    assert pseudonym(key, "aurora", "P1") not in others and len(others) == 3


def test_parts_cannot_run_into_each_other():
    assert pseudonym(bytes(32), "ab", "c") != pseudonym(bytes(32), "a", "bc")


def test_the_key_file_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "private" / "key"
    key = read_or_make_key(path)
    assert len(key) == 32 and path.stat().st_mode & 0o777 == 0o600
    assert read_or_make_key(path) == key == study_key(path)


def test_a_broken_key_file_is_refused_not_replaced(tmp_path):
    path = tmp_path / "key"
    path.write_text("secret\n")
    with pytest.raises(StudyError, match="64 hexadecimal digits"):
        read_or_make_key(path)
    assert path.read_text() == "secret\n"
