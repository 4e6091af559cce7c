"""Bytes to text, language, sections."""

import pytest

from ichor.report_text.encoding import decode, undo_double_encoding
from ichor.report_text.language import language_of
from ichor.report_text.sections import split_sections

CHINESE = "左侧基底节区见高密度影，周围水肿，中线结构向右移位，脑室内未见明显积血。突发头痛三小时，伴恶心呕吐。"
GERMAN = "Hyperdense Blutung links über dem Seitenventrikel, größer als vorher, ohne Mittellinienverlagerung."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_chinese_is_read_in_the_encodings_hospitals_save_it_in(encoding):
    assert decode(CHINESE.encode(encoding)) == CHINESE


def test_western_letters_are_read_without_utf8():
    assert decode(GERMAN.encode("cp1252")) == GERMAN


def test_what_is_no_text_is_not_read():
    assert decode(bytes(range(256)) * 40) is None
    assert decode(b"%PDF-1.4\x00\x01\x02\x03\xff\xfe" * 30) is None


def test_a_text_that_was_decoded_wrongly_comes_back_and_others_stay():
    assert undo_double_encoding(GERMAN.encode().decode("cp1252")) == GERMAN
    assert undo_double_encoding(CHINESE.encode().decode("latin-1")) == CHINESE
    for text in (GERMAN, CHINESE, "plain", "café, 5 µm"):
        assert undo_double_encoding(text) == text


@pytest.mark.parametrize(
    ("text", "said", "language"),
    [
        (CHINESE, "", "zh"),
        ("Hyperdense hematoma of the left thalamus with extension to the third ventricle.", "", "en"),
        (GERMAN, "", "other"),
        (CHINESE + " GCS 13, NIHSS 9, CT", "", "zh"),
        ("CT", "zh-CN", "zh"),
        ("CT", "English", "en"),
        (CHINESE, "jp", "other"),
        ("", "", "other"),
    ],
)
def test_language(text, said, language):
    assert language_of(text, said) == language


def test_sections_by_english_headings_with_what_stands_before_them():
    text = (
        "CT head without contrast.\nFindings: Bleed in the left thalamus. No shift.\nIMPRESSION:\nAcute hemorrhage.\n"
    )
    assert split_sections(text) == {
        "other": "CT head without contrast.",
        "findings": "Bleed in the left thalamus. No shift.",
        "impression": "Acute hemorrhage.",
    }


def test_sections_by_chinese_headings_in_one_line_or_in_brackets():
    text = "主诉：突发头痛3小时。现病史：伴呕吐。影像所见：左侧丘脑高密度影。\n【影像诊断】脑出血"
    assert split_sections(text) == {
        "complaint": "突发头痛3小时。",
        "history": "伴呕吐。",
        "findings": "左侧丘脑高密度影。",
        "impression": "脑出血",
    }


def test_a_heading_within_a_sentence_is_none_and_equal_ones_are_put_together():
    assert split_sections("The findings of yesterday are unchanged.") == {
        "other": "The findings of yesterday are unchanged."
    }
    assert split_sections("Findings: one.\nFindings: two.") == {"findings": "one.\ntwo."}
