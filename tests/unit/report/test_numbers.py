import math

import pandas as pd
import pytest

from ichor.reasons import Reason
from ichor.report import numbers


@pytest.mark.parametrize("absent", [None, math.nan, pd.NA, math.inf, -math.inf, pd.NaT])
def test_what_is_absent_is_a_dash_and_not_a_number(absent):
    assert numbers.plain(absent) == numbers.count(absent) == numbers.p_value(absent) == "–"
    assert numbers.interval(absent, 1.0) == numbers.interval(0.0, absent) == ""
    assert numbers.percent(absent, 3) == "–"


def test_numbers_as_they_are_printed():
    assert numbers.plain(-0.004) == "0.00"
    assert numbers.plain(-1.236) == "−1.24"
    assert numbers.plain(0.0) == "0.00"
    assert numbers.count(12345) == "12\u202f345"
    assert numbers.interval(0.25, 0.5) == "0.25 to 0.50"
    assert numbers.percent(1, 4) == "25 %" and numbers.percent(1, 0) == "–"
    assert (
        numbers.p_value(0.00001) == "< 0.001" and numbers.p_value(0.0449) == "0.045" and numbers.p_value(0.5) == "0.50"
    )


def test_reasons_are_said_in_words():
    assert numbers.why(Reason.ONE_CLASS).startswith("All patients have the same outcome.")
    assert numbers.why("a_code_of_tomorrow") == "a_code_of_tomorrow"
    assert "no reason" in numbers.why(None)


def test_one_letter_per_reason():
    notes = numbers.Footnotes()
    letters = [notes.mark(code)["letter"] for code in ("one_class", "no_truth", "one_class")]
    assert letters == ["a", "b", "a"] and len(notes) == 2


def test_words_are_listed_as_in_a_sentence():
    assert [numbers.list_of(list("abc")[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
