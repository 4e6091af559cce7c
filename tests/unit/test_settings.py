import pytest

from ichor.errors import StudyError
from ichor.settings import literals, merge, require_choice

DEFAULTS = {"a": 1.0, "part": {"on": True, "names": ["x"]}, "any": None}


def test_given_settings_lie_over_defaults_which_stay_as_they_are():
    assert merge(DEFAULTS, {"a": 2, "part": {"on": False}}, "m") == {
        "a": 2.0,
        "part": {"on": False, "names": ["x"]},
        "any": None,
    }
    assert DEFAULTS["part"]["on"] is True


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"part": {"nmaes": []}}, r"m\.part\.nmaes: unknown setting \(did you mean 'names'\?\)"),
        ({"a": True}, r"m\.a: found True; write a number"),
        ({"part": {"names": "x"}}, r"m\.part\.names: found 'x'; write a list"),
    ],
)
def test_wrong_settings_are_named_with_their_place(given, message):
    with pytest.raises(StudyError, match=message):
        merge(DEFAULTS, given, "m")


def test_literals_are_read_without_running_the_file(tmp_path):
    file = tmp_path / "kind.py"
    file.write_text('SPEC = {"a": 1}\nOTHER = 2\nraise RuntimeError\n')
    assert literals(file, ("SPEC", "ABSENT")) == {"SPEC": {"a": 1}}


def test_a_choice_says_what_there_is():
    with pytest.raises(StudyError, match="x.y: found 'c'; write a or b"):
        require_choice("x.y", "c", ("a", "b"))
