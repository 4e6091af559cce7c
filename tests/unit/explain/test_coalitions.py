"""Shapley values against their definition: the mean, over all orders, of what joining changes."""

from itertools import permutations

import numpy as np
import pytest

from ichor.explain.coalitions import EXACT_FEATURES, PERMUTATIONS, shapley_values


def answers_of(function, row, background):
    """The answers that `shapley_values` asks for, of a function of whole rows."""
    pool = np.vstack([background, row])
    return lambda places: function(pool[places, np.arange(pool.shape[1])[None, :]])


def by_definition(function, row, background):
    features, values = len(row), np.zeros(len(row))
    orders = list(permutations(range(features)))
    for order in orders:
        mixed = background.copy()
        before = function(mixed).mean()
        for feature in order:
            mixed[:, feature] = row[feature]
            after = function(mixed).mean()
            values[feature] += (after - before) / len(orders)
            before = after
    return values


def with_interactions(rows):
    return rows[:, 0] * rows[:, 1] + np.maximum(rows[:, 2], rows[:, 0]) - 2 * rows[:, 3]


def test_few_features_are_exact():
    rng = np.random.default_rng(0)
    row, background = rng.normal(size=4), rng.normal(size=(7, 4))
    values, expected = shapley_values(answers_of(with_interactions, row, background), 4, 7, seed=1)
    np.testing.assert_allclose(values, by_definition(with_interactions, row, background), atol=1e-12)
    assert expected == pytest.approx(with_interactions(background).mean())


def test_many_features_add_up_exactly_and_each_is_a_mean_over_orders():
    rng = np.random.default_rng(1)
    features = EXACT_FEATURES + 4
    row, background = rng.normal(size=features), rng.normal(size=(5, features))
    answers = answers_of(with_interactions, row, background)
    values, expected = shapley_values(answers, features, 5, seed=3)
    assert expected + values.sum() == pytest.approx(with_interactions(row[None])[0], abs=1e-12)
    assert values[3] == pytest.approx(-2 * (row[3] - background[:, 3].mean()), abs=1e-12)
    np.testing.assert_allclose(values[4:], 0, atol=1e-12)
    mixed = row[0] * row[1] - np.mean(background[:, 0] * background[:, 1])  # pairs share their gain in halves
    pair = answers_of(lambda rows: rows[:, 0] * rows[:, 1], row, background)
    halves, _ = shapley_values(pair, features, 5, seed=3)
    assert halves[:2].sum() == pytest.approx(mixed, abs=1e-12)
    exact = by_definition(lambda rows: rows[:, 0] * rows[:, 1], row[:2], background[:, :2])
    np.testing.assert_allclose(halves[:2], exact, atol=1e-12)  # an order and its reverse are all orders of a pair
    again, _ = shapley_values(answers, features, 5, seed=3)
    other, _ = shapley_values(answers, features, 5, seed=4)
    np.testing.assert_array_equal(again, values)
    assert not np.array_equal(other, values) and PERMUTATIONS > 1
