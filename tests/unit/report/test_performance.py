from ichor import tables
from ichor.report import performance


def test_a_task_with_one_model_in_one_center_has_no_comparison_and_the_page_goes_on():
    none = tables.empty("comparisons")
    assert performance.comparisons(none, {}) == {"models": [], "centers": []}


def test_a_comparison_that_only_repeats_its_whole_split_is_not_shown_again():
    row = {"task": "outcome", "target": "poor_outcome", "model_a": "age", "model_b": "gcs", "test": "delong_paired"}
    row |= {"difference": 0.1, "low": 0.0, "high": 0.2, "statistic": 1.0, "p": 0.3, "n": 20, "events": 9}
    rows = [row | {"split": "loco-north", "center": center} for center in ("north", "all")]
    shown = performance.comparisons(tables.validate("comparisons", tables.frame("comparisons", rows), "made"), {})
    assert [len(part["rows"]) for part in shown["models"]] == [1]
    assert not shown["centers"]
