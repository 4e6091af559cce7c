import re

import pytest

from ichor import tables
from ichor.report.words_page import write_words_page

WHO = {"task": "deterioration", "target": "deterioration_7d", "model": "report_text", "split": "external"}
NUMBERS = {"low": -0.1, "high": 0.9, "n": 7, "of": 40}


def gate(outcome):
    row = {"method": "report_integrated_gradients", "outcome": outcome, "test": "all_layers", "share": 1.0, "n": 9}
    row |= {
        "measure": "spearman",
        "estimate": 0.1,
        "low": 0.0,
        "high": 0.2,
        "limit": 0.5,
        "detail": f"{outcome}: because",
    }
    return tables.frame("attribution_gate", [WHO | row])


@pytest.fixture
def words():
    rows = [
        {"word": "vision", "language": "other", "mark": "affirmed", "estimate": 0.4},
        {"word": "vision", "language": "other", "mark": "negated", "estimate": 0.3},
        {"word": "no", "language": "other", "mark": "cue", "estimate": -0.8},
        {"word": "头痛", "language": "zh", "mark": "affirmed", "estimate": 0.1},
    ]
    return tables.frame("word_attributions", [WHO | NUMBERS | row for row in rows])


@pytest.fixture
def contexts():
    pieces = [("No", -0.8, "cue"), (" ", None, None), ("vision", 0.3, "negated"), (" <b>5 mL</b>.", None, None)]
    shared = {"word": "vision", "mark": "negated", "patient": "p1", "center": "north", "section": "complaint"}
    rows = [
        shared | {"place": place, "text": text, "attribution": value, "piece_mark": mark}
        for place, (text, value, mark) in enumerate(pieces)
    ]
    return tables.frame("word_contexts", [WHO | row for row in rows])


def page_of(tmp_path, outcome, words, contexts):
    study = {"title": "A study", "simulated": True}
    write_words_page(
        tmp_path / "words.html", gate=gate(outcome), words=words, contexts=contexts, named=WHO, study=study
    )
    return (tmp_path / "words.html").read_text()


def test_a_word_stands_with_what_it_brings_said_and_negated(tmp_path, words, contexts):
    page = page_of(tmp_path, "shown", words, contexts)
    lines = re.findall(
        r'<th scope="row"(?: lang="zh")?>(\S+)</th>(.*?)</tr>', page[page.index("Negates others</th>") :]
    )
    said = {word: re.findall(r'class="est">([^<]*)<|<td>(–)</td>', cells) for word, cells in lines}
    assert [first or second for first, second in said["vision"]] == ["+0.40", "+0.30", "–"]
    assert [first or second for first, second in said["no"]] == ["–", "–", "−0.80"]
    assert list(said) == ["no", "vision", "头痛"], "the largest first, language by language"


def test_a_negation_can_be_seen_in_its_context_and_a_report_is_no_markup(tmp_path, words, contexts):
    page = page_of(tmp_path, "shown", words, contexts)
    clause = page[page.index('<div class="context">') :]
    assert '<b class="cue">No</b></span> <span' in clause and "<u>vision</u></span> &lt;b&gt;5 mL&lt;/b&gt;." in clause
    assert 'title="−0.80, negates"' in clause and 'title="+0.30, negated"' in clause


def test_what_did_not_pass_the_gate_is_not_on_the_page(tmp_path):
    page = page_of(tmp_path, "withheld", tables.empty("word_attributions"), tables.empty("word_contexts"))
    assert "did not pass the gate" in page and "withheld: because" in page and "In context" not in page
