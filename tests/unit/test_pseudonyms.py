import os
import re
from concurrent.futures import ThreadPoolExecutor

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


@pytest.mark.parametrize("text", ["ab" * 31, "ab" * 33, "xy" * 32, "", "ab" * 16])
def test_a_key_of_another_length_or_alphabet_is_refused(tmp_path, text):
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(StudyError, match="64 hexadecimal digits"):
        read_or_make_key(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o777])
def test_a_key_that_others_may_read_or_change_is_refused_and_the_message_holds_no_key(tmp_path, mode):
    path = tmp_path / "a key"
    key = read_or_make_key(path)
    path.chmod(mode)
    with pytest.raises(StudyError, match=f"mode {mode:o}.*chmod 600 '.*/a key'") as error:
        read_or_make_key(path)
    assert key.hex() not in str(error.value)
    path.chmod(0o400)
    assert read_or_make_key(path) == key


def test_jobs_that_start_together_use_one_key(tmp_path):
    old = os.umask(0)
    try:
        with ThreadPoolExecutor(16) as pool:
            keys = set(pool.map(lambda _: read_or_make_key(tmp_path / "key"), range(64)))
    finally:
        os.umask(old)
    assert len(keys) == 1 and [path.name for path in tmp_path.iterdir()] == ["key"]
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_the_same_key_gives_the_same_pseudonyms_in_every_study(tmp_path):
    key = read_or_make_key(tmp_path / "key")
    (tmp_path / "copy").touch(0o600)
    (tmp_path / "copy").write_text(key.hex())
    assert pseudonym(read_or_make_key(tmp_path / "copy"), "aurora", "P1") == pseudonym(key, "aurora", "P1")
    # printf 'aurora\037P1' | openssl dgst -sha256 -hmac (32 times k)
    assert pseudonym(b"k" * 32, "aurora", "P1") == "255c7f4e3f83"
