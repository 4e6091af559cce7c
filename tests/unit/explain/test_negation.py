import pytest

from ichor.explain import negation
from ichor.explain.report_words import words_of


def marked(text, mark):
    return [word.form for word in words_of(text) if word.mark == mark]


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("No hydrocephalus. Edema around the hematoma.", ["hydrocephalus"]),
        ("no headache, gait is unsteady, vomiting", ["headache"]),
        ("Denies headache, nausea and vomiting.", ["headache", "nausea", "and", "vomiting"]),
        ("Hematoma without midline shift but with edema", ["midline", "shift"]),
        ("Edema is seen, unsteadiness was not reported.", ["unsteadiness"]),
        ("Midline shift is absent; blood in the ventricles", ["midline", "shift"]),
        ("Not only the thalamus is affected", []),
        ("Normal nodes noted in the notes", []),
        ("no evidence of one two three four five six seven", ["one", "two", "three", "four", "five", "six"]),
        ("未见脑积水、中线移位，左侧基底节出血", ["脑积水", "中线移位"]),
        ("否认高血压、糖尿病。一侧肢体无力", ["高血压", "糖尿病"]),
        ("中线移位不明显，可见血肿", ["中线移位"]),
        ("一侧肢体无力，无头痛", ["头痛"]),
        ("", []),
    ],
)
def test_what_stands_in_the_reach_of_a_negation(text, negated):
    assert marked(text, "negated") == negated


def test_cues_are_words_of_their_own_and_chinese_is_cut_at_them():
    assert marked("无头痛，未见脑积水", "cue") == ["无", "未见"]
    assert marked("He denies pain", "cue") == ["denies"]
    assert [word.form for word in words_of("头痛伴呕吐, GCS 13分")] == ["头痛", "呕吐", "gcs", "分"]
    assert [word.form for word in words_of("突发头痛、视物模糊3小时。丘脑见高密度血肿,未见积血")] == [
        *("突发", "头痛", "视物模糊", "小时", "丘脑", "见", "高密度血肿", "未见", "积血")
    ]
    assert {word.language for word in words_of("头痛 pain")} == {"zh", "other"}


def test_words_stand_where_they_say_and_the_clause_of_each_holds_it():
    text = "No headache; vomiting. 无头痛。出血, left-sided"
    found = words_of(text)
    assert [text[word.start : word.end].lower() for word in found] == [word.form for word in found]
    clauses = negation.clauses(text)
    for word in found:
        start, end = negation.clause_of(clauses, word.start)
        assert start <= word.start and word.end <= end
    assert [text[start:end].strip() for start, end in clauses] == [
        "No headache;",
        "vomiting.",
        "无头痛。",
        "出血, left-sided",
    ]
