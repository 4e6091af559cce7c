import math

import numpy as np
import pytest
from sklearn.metrics import f1_score

from ichor.errors import StudyError
from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.classification import balanced_accuracy, choose_threshold, confusion, f1, proportions
from ichor.evaluation.intervals import wilson
from ichor.evaluation.plausibility import dice_and_iou_agree, iou_of_dice, matching_confusions
from ichor.reasons import Reason

COHORTS = {"train": (218, 885), "ext1": (112, 401), "ext2": (81, 323)}
# Yu et al., npj Digit Med 2025, table 3: accuracy, sensitivity, specificity, NPV, PPV
PRINTED = [
    ("train", "1:1", 0.758, 0.656, 0.783, 0.902, 0.427),
    ("train", "1:2", 0.771, 0.679, 0.793, 0.909, 0.447),
    ("train", "1:4", 0.770, 0.633, 0.803, 0.899, 0.442),
    ("ext1", "1:1", 0.715, 0.634, 0.738, 0.878, 0.403),
    ("ext1", "1:2", 0.747, 0.661, 0.771, 0.890, 0.446),
    ("ext1", "1:4", 0.696, 0.625, 0.716, 0.872, 0.380),
    ("ext2", "1:1", 0.691, 0.642, 0.703, 0.887, 0.351),
    ("ext2", "1:2", 0.730, 0.630, 0.755, 0.891, 0.392),
    ("ext2", "1:4", 0.708, 0.617, 0.731, 0.884, 0.365),
]
KNOWN = {("ext1", "1:2"): (74, 92, 38, 309), ("ext2", "1:2"): (51, 79, 30, 244), ("train", "1:2"): (148, 183, 70, 702)}


@pytest.mark.parametrize("row", PRINTED, ids=[f"{row[0]} {row[1]}" for row in PRINTED])
def test_published_table_reproduces_from_whole_numbers(row):
    cohort, model, accuracy, sensitivity, specificity, npv, ppv = row
    printed = {"accuracy": accuracy, "sensitivity": sensitivity, "specificity": specificity, "npv": npv, "ppv": ppv}
    events, others = COHORTS[cohort]
    found = matching_confusions(events, others, printed)
    assert len(found) == 1
    assert found[0] == KNOWN.get((cohort, model), found[0])
    # the same figures again, from patients instead of counts
    tp, fp, fn, tn = found[0]
    labels = np.r_[np.ones(tp), np.zeros(fp), np.ones(fn), np.zeros(tn)]
    values = proportions(confusion(labels, np.r_[np.ones(tp + fp), np.zeros(fn + tn)]))
    for name, value in printed.items():
        assert values[name].estimate == pytest.approx(value, abs=0.000501)


def test_an_impossible_table_has_no_matrix():
    assert matching_confusions(10, 10, {"sensitivity": 0.55}, decimals=2) == []


def test_dice_and_iou_that_cannot_stand_together():
    assert iou_of_dice(0.937) == pytest.approx(0.881, abs=5e-4)
    assert dice_and_iou_agree(0.937, 0.881)
    assert not dice_and_iou_agree(0.9, 0.7)
    assert not dice_and_iou_agree(0.9, 0.95)


def test_wilson_against_published_values():
    """Newcombe, Stat Med 1998;17:857-872, table I: 81/263, 15/148, 0/20, 1/29."""
    table = ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718))
    for successes, total, low, high in table:
        found = wilson(successes, total)
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert wilson(20, 20).high == 1.0
    assert wilson(0, 0).reason == Reason.EMPTY_DENOMINATOR


def test_youden_threshold_by_hand():
    labels, scores = [0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    # at 0.5: 2/3 + 1 - 1; at 0.3: 1 + 2/3 - 1; a tie, so the lower threshold
    found = choose_threshold(labels, scores)
    assert (found.estimate, found.n, found.events) == (0.3, 6, 3)


def test_threshold_for_a_sensitivity_is_the_highest_that_reaches_it():
    labels, scores = [0, 1, 0, 1, 1, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert choose_threshold(labels, scores, "sensitivity", 0.8).estimate == 0.4
    assert choose_threshold(labels, scores, "sensitivity", 1.0).estimate == 0.2


def test_no_threshold_is_made_up():
    assert choose_threshold([], []).reason == Reason.NO_TUNE_ROWS
    assert choose_threshold([1, 1], [0.2, 0.4]).reason == Reason.ONE_CLASS
    assert math.isnan(choose_threshold([1, 1], [0.2, 0.4]).estimate)
    with pytest.raises(StudyError, match="youden or sensitivity"):
        choose_threshold([0, 1], [0.2, 0.4], "best")


def test_proportions_of_nobody_are_missing_with_a_reason():
    values = proportions(confusion([1, 1, 1], [0, 0, 0]))
    assert values["sensitivity"].estimate == 0.0 and values["npv"].estimate == 0.0
    assert values["specificity"].reason == Reason.ONE_CLASS
    assert values["ppv"].reason == Reason.EMPTY_DENOMINATOR and math.isnan(values["ppv"].estimate)


def test_balanced_accuracy_is_the_mean_of_sensitivity_and_specificity():
    labels, called = np.array([1] * 10 + [0] * 30), np.array([1] * 8 + [0] * 2 + [1] * 12 + [0] * 18)
    found = balanced_accuracy(labels, called, Resamples(np.zeros(40), 300, 0))
    assert found.estimate == pytest.approx((0.8 + 0.6) / 2)
    assert 0.5 < found.low < found.estimate < found.high < 0.9
    assert balanced_accuracy(np.ones(3), np.ones(3), Resamples(np.zeros(3), 10, 0)).reason == Reason.ONE_CLASS


def test_f1_is_that_of_scikit_learn_and_is_missing_when_nobody_is_concerned():
    rng = np.random.default_rng(0)
    none = Resamples(np.zeros(30), 0, 0)
    for share in (0.1, 0.5, 0.9):
        labels, called = rng.random(30) < share, rng.random(30) < 0.5
        assert f1(labels, called, none).estimate == pytest.approx(f1_score(labels, called))
    found = f1(labels, called, Resamples(np.zeros(30), 300, 0))
    assert found.low < found.estimate < found.high
    assert f1(np.zeros(4), np.zeros(4), Resamples(np.zeros(4), 10, 0)).reason == Reason.EMPTY_DENOMINATOR
