import pandas as pd

from ichor import tables
from ichor.report import palette, performance


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


def test_networks_beside_the_others_come_first_and_the_rest_is_told_after():
    row = {"task": "outcome", "target": "poor_outcome", "split": "external", "test": "delong_paired"}
    row |= {"difference": 0.1, "low": 0.0, "high": 0.2, "statistic": 1.0, "p": 0.3, "n": 20, "events": 9}
    pairs = [("age", "densenet"), ("age", "gcs"), ("densenet", "gcs")]
    rows = [row | {"model_a": a, "model_b": b, "center": c} for a, b in pairs for c in ("all", "north")]
    table = tables.validate("comparisons", tables.frame("comparisons", rows), "made")
    models = {"age": {"kind": "logistic"}, "densenet": {"kind": "densenet"}, "gcs": {"kind": "logistic"}}
    looks = palette.looks(pd.DataFrame({"task": "outcome", "model": list(models)}), {"outcome": models})
    (shown,) = performance.comparisons(table, looks)["models"]
    network = looks["outcome", "densenet"].label
    assert [entry["a"] for entry in shown["rows"]] == [network, network]
    assert len(shown["further"]["rows"]) == 4
    floors = {key: look for key, look in looks.items() if not look.network}
    (shown,) = performance.comparisons(table[table["model_a"] + table["model_b"] == "agegcs"], floors)["models"]
    assert len(shown["rows"]) == len(shown["further"]["rows"]) == 1
