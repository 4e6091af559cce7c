"""Ordinal answers against closed forms, scikit-learn and a second way to the UOC index."""

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, mean_absolute_error, root_mean_squared_error

from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.ordinal import class_table, mae, ordinal_measures, rmse, uoc_index, weighted_kappa
from ichor.reasons import Reason


def drawn(classes: int, n: int = 60, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    return labels, np.clip(labels + rng.integers(-2, 3, n), 0, classes - 1)


def paths(classes: int) -> list[list[tuple[int, int]]]:
    """All ways from the first to the last cell by steps down, right or both."""
    found = [[(0, 0)]]
    for _ in range(2 * classes):
        longer = []
        for path in found:
            row, column = path[-1]
            if (row, column) == (classes - 1, classes - 1):
                longer.append(path)
                continue
            steps = [(row + 1, column), (row, column + 1), (row + 1, column + 1)]
            longer += [[*path, step] for step in steps if max(step) < classes]
        found = longer
    return found


def index_by_paths(table: np.ndarray) -> float:
    """UOC index by listing all paths; each costs a straight line in beta, whose lower envelope has an exact area."""
    present = int((table.sum(axis=1) > 0).sum())
    shares = np.array([row / row.sum() if row.sum() else row for row in table])
    distance = np.abs(np.subtract.outer(np.arange(len(table)), np.arange(len(table))))
    spread = (shares * distance).sum()
    lines = []
    for path in paths(len(table)):
        rows, columns = np.array(path).T
        lines.append(
            (1 - shares[rows, columns].sum() / (spread + present), (shares * distance)[rows, columns].sum() / present)
        )
    start, slope = np.array(lines).T
    with np.errstate(divide="ignore", invalid="ignore"):
        crossings = np.subtract.outer(start, start) / np.subtract.outer(slope, slope).T
    knots = crossings[np.isfinite(crossings) & (crossings > 0) & (crossings < 1)]
    knots = np.unique(np.r_[0.0, knots, 1.0])
    return float(np.trapezoid((start[:, None] + slope[:, None] * knots).min(axis=0), knots))


@pytest.mark.parametrize(("classes", "seed"), [(2, 1), (3, 2), (3, 3), (4, 4), (5, 5)])
def test_uoc_index_is_the_area_under_the_cheapest_path(classes, seed):
    labels, predicted = drawn(classes, seed=seed)
    expected = index_by_paths(class_table(labels, predicted, classes))
    assert uoc_index(labels, predicted, classes) == pytest.approx(expected, abs=1e-6)


def test_uoc_index_in_closed_form():
    assert uoc_index([0, 1, 2, 2], [0, 1, 2, 2], 3) == pytest.approx(0, abs=1e-12)
    # two classes, all wrong: D = K = 2, paths cost 0 or -1/4 + beta/2, so 1 minus a triangle of 1/2 by 1/4
    assert uoc_index([0, 1], [1, 0], 2) == pytest.approx(1 - 1 / 16, abs=1e-6)
    # each class counts the same, however many patients it has
    assert uoc_index([0] * 90 + [1] * 2, [0] * 90 + [0, 1], 2) == pytest.approx(
        uoc_index([0] * 4 + [1] * 4, [0] * 4 + [0, 0, 1, 1], 2), abs=1e-12
    )


def test_a_class_that_nobody_has_is_left_out_or_filled_as_told():
    labels, predicted = [0, 0, 2, 2], [0, 2, 2, 2]
    assert uoc_index(labels, predicted, 3) == pytest.approx(
        index_by_paths(class_table(np.array(labels), np.array(predicted), 3)), abs=1e-6
    )
    # as if one patient of the class had been answered right, or three alike by each class
    assert uoc_index(labels, predicted, 3, "diagonal") == pytest.approx(
        uoc_index([*labels, 1], [*predicted, 1], 3), abs=1e-12
    )
    assert uoc_index(labels, predicted, 3, "uniform") == pytest.approx(
        uoc_index([*labels, 1, 1, 1], [*predicted, 0, 1, 2], 3), abs=1e-12
    )
    assert uoc_index([0, 2], [0, 2], 3) == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="none of leave_out"):
        uoc_index(labels, predicted, 3, "zeros")


def test_mae_rmse_and_kappa_are_scikit_learns():
    labels, predicted = drawn(4)
    assert mae(labels, predicted) == pytest.approx(mean_absolute_error(labels, predicted))
    assert rmse(labels, predicted) == pytest.approx(root_mean_squared_error(labels, predicted))
    for weights in ("linear", "quadratic"):
        expected = cohen_kappa_score(labels, predicted, weights=weights, labels=range(4))
        assert weighted_kappa(labels, predicted, 4, weights) == pytest.approx(expected)


def test_rmse_has_one_root():
    """Printed .98 for three classes was a root of a root; that of these answers is 2."""
    assert rmse(np.zeros(5, dtype=int), np.full(5, 2)) == 2.0
    assert rmse([0, 0, 0, 0], [1, 0, 0, 0]) == 0.5


def test_measures_have_the_bootstrap_of_their_own_statistic():
    labels, predicted = drawn(3, 40, 7)
    draws = Resamples(np.zeros(40), 30, 2)
    found = ordinal_measures(labels, predicted, 3, draws)
    weights = np.concatenate(list(draws.chunks())).astype(int)
    for name, statistic in {
        "mae": mae,
        "rmse": rmse,
        "uoc_index": lambda y, p: uoc_index(y, p, 3),
        "weighted_kappa": lambda y, p: weighted_kappa(y, p, 3),
    }.items():
        values = [statistic(np.repeat(labels, row), np.repeat(predicted, row)) for row in weights]
        assert found[name].estimate == pytest.approx(statistic(labels, predicted))
        assert (found[name].low, found[name].high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))
    assert found["accuracy"].estimate == pytest.approx((labels == predicted).mean())


def test_what_is_undefined_says_why():
    none = ordinal_measures(np.array([], dtype=int), np.array([], dtype=int), 3, Resamples(np.array([]), 10, 0))
    assert all(value.reason == Reason.EMPTY_DENOMINATOR for value in none.values())
    same = ordinal_measures(np.ones(5, dtype=int), np.ones(5, dtype=int), 3, Resamples(np.zeros(5), 10, 0))
    assert same["weighted_kappa"].reason == Reason.ONE_CLASS and same["mae"].estimate == 0
    assert math.isnan(mae([], [])) and math.isnan(weighted_kappa([2, 2], [2, 2], 3))
    for labels, predicted in ([0, 1], [0, 3]), ([0, 1.5], [0, 1]), ([0, 1], [0]), ([0, -1], [0, 0]):
        with pytest.raises(ValueError):
            weighted_kappa(labels, predicted, 3)
