import pytest

from ichor.segmentation.trainers.ichor_trainer import MAX_REPEATS, repeat_rare


def test_cases_with_a_rare_label_are_drawn_more_often():
    labels = {f"c{i}": ["iph", "ivh"] if i < 3 else ["iph"] for i in range(9)}
    drawn = repeat_rare(sorted(labels), labels)
    assert drawn.count("c0") == 3 and drawn.count("c5") == 1
    assert sum("ivh" in labels[case] for case in drawn) / len(drawn) == pytest.approx(0.6)


def test_one_odd_case_does_not_take_over():
    labels = {f"c{i}": ["ivh"] if i == 0 else ["iph"] for i in range(50)}
    assert repeat_rare(list(labels), labels).count("c0") == MAX_REPEATS


def test_a_case_without_any_label_stays():
    assert repeat_rare(["a", "b"], {"a": ["iph"]}) == ["a", "a", "b"]
