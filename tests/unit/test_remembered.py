import stat

import pytest

from ichor import remembered


def test_what_was_kept_comes_back_and_only_the_owner_can_read_it(tmp_path):
    path = tmp_path / "work/code/facts.json"
    assert remembered.load(path, "facts 1") == {}
    remembered.save(path, "facts 1", {"a": [1, "\udcff", None]})
    assert remembered.load(path, "facts 1") == {"a": [1, "\udcff", None]}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["facts.json"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace('"a":1', '"a":2'),
        lambda text: text[:-1],
        lambda text: "",
        lambda text: text.replace("facts 1", "facts 2"),
        lambda text: text.split("\n")[1],
    ],
    ids=["another value", "cut off", "empty", "another format", "no heading"],
)
def test_what_is_not_as_it_was_written_is_not_believed(tmp_path, damage):
    path = tmp_path / "facts.json"
    remembered.save(path, "facts 1", {"a": 1, "b": 2})
    path.write_text(damage(path.read_text()))
    assert remembered.load(path, "facts 1") == {}


def test_a_place_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "file").touch()
    remembered.save(tmp_path / "file/facts.json", "facts 1", {"a": 1})
    assert remembered.load(tmp_path / "file/facts.json", "facts 1") == {}
