"""The vocabulary of report texts: one for all languages, the same at each start, without what few patients say."""

import json

import numpy as np
import pandas as pd
import pytest
from tests.unit.made_reports import made_study

from ichor.errors import StudyError
from ichor.models.text_spec import TEXT_SPEC
from ichor.training.text_documents import Documents, documents_of
from ichor.training.text_tokens import PADDING, Vocabulary, padded

SETTINGS = TEXT_SPEC["tokenizer"]


@pytest.fixture(scope="module")
def documents():
    cohort, reports = made_study(120, 3)
    return documents_of(reports, cohort, []).texts


@pytest.fixture(scope="module")
def vocabulary(documents):
    return Vocabulary.fitted(documents, SETTINGS, 256)


def pieces(vocabulary, text, section="findings"):
    return vocabulary.names(vocabulary.encoded([[(section, text)]])[0])


def test_documents_hold_the_wanted_sections_in_their_order_and_by_time():
    reports = pd.DataFrame(
        [
            ("a", 9.0, "findings", "second"),
            ("a", 3.0, "findings", "first"),
            ("a", 3.0, "complaint", "headache"),
            ("a", 3.0, "impression", "  "),
            ("c", 1.0, "findings", "of nobody here"),
        ],
        columns=["patient", "time_h", "section", "text"],
    )
    rows = pd.DataFrame({"patient": ["b", "a"]})
    found = documents_of(reports, rows, [])
    assert found.texts == [[], [("complaint", "headache"), ("findings", "first"), ("findings", "second")]]
    assert found.present.tolist() == [False, True]
    assert found.take(found.present).texts == found.texts[1:]
    assert documents_of(reports, rows, ["complaint"]).texts[1] == [("complaint", "headache")]
    with pytest.raises(StudyError, match="write complaint or"):
        documents_of(reports, rows, ["conclusion"])
    assert Documents([]).present.dtype == bool


def test_the_vocabulary_is_the_same_at_each_start_and_in_any_order(documents, vocabulary):
    again = Vocabulary.fitted(documents[::-1], SETTINGS, 256)
    assert again.facts() == vocabulary.facts()
    restored = Vocabulary.restored(json.loads(json.dumps(vocabulary.facts())))
    for one, other in zip(vocabulary.encoded(documents), restored.encoded(documents), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.max() < vocabulary.size


def test_both_languages_are_spelled_from_one_vocabulary(vocabulary):
    assert pieces(vocabulary, "Hematoma of the basal GANGLIA, 12 mL.") == pieces(
        vocabulary, "hématoma of the basal ganglia， １２ ml."
    )
    assert pieces(vocabulary, "步态不稳") == ["[findings]", "步", "态", "不", "稳"]
    assert "无" in pieces(vocabulary, "无头痛") and pieces(vocabulary, "48") == ["[findings]", "4", "8"]
    right, wrong = set(pieces(vocabulary, "numb left arm")), set(pieces(vocabulary, "nubm left arm"))
    assert len(right & wrong) > 2  # the words beside a misspelled one, and the mark of the section


def test_what_few_patients_say_is_not_in_the_vocabulary():
    said = [[("history", "known hypertension")] for _ in range(4)] + [
        [("history", "Mr Xanthippus 魏 was here")] for _ in range(2)
    ]
    found = Vocabulary.fitted(said, SETTINGS, 64).tokenizer.get_vocab()
    assert "hypertension" in found
    assert not [piece for piece in found if piece in ("魏", "xanthippus") or piece.startswith("xa")]
    assert "魏" in Vocabulary.fitted(said, SETTINGS | {"least_patients": 2}, 64).tokenizer.get_vocab()


def test_tokens_say_which_word_of_the_report_they_are_of(vocabulary):
    document = [("complaint", "Headache, walks UNSTEADLY"), ("findings", "丘脑 12ml")]
    spelled = vocabulary.spelled(document)
    words = {token.word: token for token in spelled if token.word >= 0}
    assert [words[number].text for number in sorted(words)] == [
        *("Headache", ",", "walks", "UNSTEADLY", "丘", "脑", "1", "2", "ml"),
    ]
    texts = dict(document)
    assert all(texts[token.section][token.start : token.end] == token.text for token in words.values())
    assert sum(token.word == -1 for token in spelled) == 2
    assert len([token for token in spelled if token.text == "UNSTEADLY"]) > 1


def test_a_long_report_keeps_the_beginning_of_every_section(vocabulary):
    cut = Vocabulary(vocabulary.tokenizer, 20)
    long = [("complaint", "头痛"), ("history", "头 痛 呕 吐 " * 5000), ("findings", "丘脑出血" * 4000)]
    spelled = cut.spelled(long)
    lengths = [sum(token.section == section for token in spelled) for section, _ in long]
    assert lengths == [3, 8, 8] and len(spelled) <= 20
    assert [token.token for token in spelled[3:11]] == [token.token for token in vocabulary.spelled(long[1:2])[:8]]
    assert cut.spelled([]) == [] and len(cut.spelled(long[:1])) == 3


def test_documents_stand_side_by_side_with_their_ends_marked():
    made = padded([np.array([4, 0]), np.array([], dtype=int), np.array([7])])
    assert made.tolist() == [[4, 0], [PADDING, PADDING], [7, PADDING]]
    assert padded([np.array([], dtype=int)]).shape == (1, 1)


def test_a_folder_without_tokenizer_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"has no tokenizer\.json"):
        Vocabulary.of_folder(tmp_path, 16)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(StudyError, match="cannot be read as a tokenizer"):
        Vocabulary.of_folder(tmp_path, 16)
