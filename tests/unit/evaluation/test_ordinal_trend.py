import itertools

import numpy as np
import pytest
from scipy import stats

from ichor.evaluation.discrimination import area
from ichor.evaluation.ordinal_trend import concordance, trend_z, weighted_concordance


def test_concordance_is_the_share_of_ordered_pairs_counted_one_by_one():
    rng = np.random.default_rng(1)
    classes, risks = rng.integers(0, 4, 60), rng.integers(0, 9, 60) / 10  # ties in both
    wins = pairs = 0
    for i, j in itertools.combinations(range(60), 2):
        if classes[i] != classes[j]:
            pairs += 1
            wins += 0.5 if risks[i] == risks[j] else (risks[i] > risks[j]) == (classes[i] > classes[j])
    assert concordance(classes, risks) == pytest.approx(wins / pairs)
    assert concordance(classes, -risks) == pytest.approx(1 - wins / pairs)
    assert np.isnan(concordance(np.ones(5, int), risks[:5]))


def test_of_two_classes_it_is_the_auc_and_mann_whitney():
    rng = np.random.default_rng(2)
    classes, risks = rng.integers(0, 2, 40), rng.integers(0, 12, 40) / 10
    assert concordance(classes, risks) == pytest.approx(area(classes, risks))
    test = stats.mannwhitneyu(risks[classes == 1], risks[classes == 0], method="asymptotic", use_continuity=False)
    assert 2 * stats.norm.sf(abs(trend_z(classes, risks))) == pytest.approx(test.pvalue)


def test_variance_of_the_trend_against_all_permutations():
    """Ties in classes and in risks: the statistic over every order of the risks has variance 1."""
    classes, risks = np.array([0, 0, 1, 2, 2, 3]), np.array([1, 2, 2, 3, 3, 4])
    found = [trend_z(classes, np.array(order)) for order in itertools.permutations(risks)]
    assert np.mean(found) == pytest.approx(0, abs=1e-9) and np.var(found) == pytest.approx(1)
    assert trend_z(classes, risks) == pytest.approx(max(found)), "rises as far as it can"


def test_no_trend_without_two_classes_or_two_risks():
    assert np.isnan(trend_z(np.ones(6, int), np.arange(6))) and np.isnan(trend_z(np.arange(6), np.ones(6)))


def test_weights_are_repeats_and_each_resample_may_have_its_own_classes():
    classes, risks = np.array([0, 1, 2, 3]), np.array([0.2, 0.1, 0.4, 0.3])
    weights = np.array([[2.0, 1, 0, 3], [0, 0, 4, 0]])
    found = weighted_concordance(classes, risks, weights)
    repeat = np.repeat(np.arange(4), [2, 1, 0, 3])
    assert found[0] == pytest.approx(concordance(classes[repeat], risks[repeat])) and np.isnan(found[1])
    both = weighted_concordance(np.stack([classes, classes[::-1]]), risks, np.ones((2, 4)))
    assert both == pytest.approx([concordance(classes, risks), concordance(classes[::-1], risks)])
