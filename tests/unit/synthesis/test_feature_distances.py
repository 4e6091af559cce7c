"""Frechet distance and MMD against closed forms, and what they say of halves of one group."""

import itertools

import numpy as np
import pytest

from ichor.reasons import Reason
from ichor.synthesis import feature_distances as fd


def with_moments(mean, covariance, n=40, seed=0):
    """Points whose sample mean and covariance are exactly these."""
    points = np.random.default_rng(seed).normal(size=(n, len(mean)))
    points -= points.mean(axis=0)
    root = np.linalg.cholesky(np.atleast_2d(np.cov(points, rowvar=False)))
    return np.linalg.solve(root, points.T).T @ np.linalg.cholesky(covariance).T + mean


def test_frechet_of_normal_distributions_whose_axes_agree():
    """With diagonal covariances it is |m1 - m2|^2 + sum of (s1 - s2)^2."""
    first = with_moments([0.0, 1.0], np.diag([4.0, 9.0]))
    second = with_moments([3.0, 1.0], np.diag([1.0, 16.0]), seed=1)
    assert fd.frechet(first, second) == pytest.approx(9 + (2 - 1) ** 2 + (3 - 4) ** 2)


def test_frechet_of_covariances_that_do_not_commute():
    """With unit covariance on one side it is tr(1 + S - 2 root of S); [[2, 1], [1, 2]] is the root."""
    first = with_moments([0.0, 0.0], np.eye(2))
    second = with_moments([0.0, 0.0], np.array([[5.0, 4.0], [4.0, 5.0]]), seed=1)
    assert fd.frechet(first, second) == pytest.approx(2 + 10 - 2 * 4)
    a, b = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[4.0, -1.0], [-1.0, 1.0]])
    expected = np.trace(a + b) - 2 * np.sqrt(np.linalg.eigvals(a @ b)).sum().real
    found = fd.frechet(with_moments([0.0, 0.0], a), with_moments([0.0, 0.0], b, seed=1))
    assert found == pytest.approx(expected)


def test_frechet_of_fewer_cases_than_features_is_finite_and_zero_for_itself():
    few = np.random.default_rng(0).normal(size=(5, 12))
    assert fd.frechet(few, few) == pytest.approx(0, abs=1e-6)
    assert fd.frechet(few, few + 1) == pytest.approx(12, abs=1e-6)


def test_mmd_is_the_sum_over_pairs_of_different_cases():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(4, 2)), rng.normal(1, 1, size=(3, 2))

    def k(x, y):
        return np.exp(-np.sum((x - y) ** 2) / (2 * 0.7**2))

    both = np.concatenate([first, second])
    within = [np.mean([k(x, y) for x, y in itertools.permutations(group, 2)]) for group in (first, second)]
    between = np.mean([k(x, y) for x, y in itertools.product(first, second)])
    assert fd.mmd2(fd.rbf_kernel(0.7)(both, both), 4) == pytest.approx(sum(within) - 2 * between)


def test_mmd_with_a_linear_kernel_is_the_unbiased_squared_distance_of_the_means():
    rng = np.random.default_rng(1)
    both = np.concatenate([rng.normal(size=(30, 3)), rng.normal(2, 1, size=(20, 3))])
    gap = both[:30].mean(axis=0) - both[30:].mean(axis=0)
    noise = both[:30].var(axis=0, ddof=1).sum() / 30 + both[30:].var(axis=0, ddof=1).sum() / 20
    assert fd.mmd2(both @ both.T, 30) == pytest.approx(gap @ gap - noise)


def test_permutation_p_is_uniform_without_a_difference_and_small_with_one():
    rng = np.random.default_rng(2)
    kernel = fd.rbf_kernel(2.0)
    p = []
    for _ in range(60):
        both = rng.normal(size=(24, 3))
        p.append(fd.permutation_p(kernel(both, both), 12, rng, 39))
    assert 0.35 < np.mean(p) < 0.65
    assert min(p) < 0.25 < 0.75 < max(p)
    both = np.concatenate([rng.normal(size=(12, 3)), rng.normal(2, 1, size=(12, 3))])
    assert fd.permutation_p(kernel(both, both), 12, rng, 39) == 1 / 40


def test_cases_of_one_distribution_are_as_far_apart_as_halves_and_others_are_not():
    rng = np.random.default_rng(3)
    real, alike, other = rng.normal(size=(60, 4)), rng.normal(size=(40, 4)), rng.normal(1, 1.5, size=(40, 4))
    same, different = fd.compare(real, alike, 1, 60), fd.compare(real, other, 1, 60)
    assert same["frechet"].low < same["frechet_halves"].estimate < same["frechet"].high
    assert same["mmd"].low < 0 < same["mmd"].high
    assert different["frechet"].low > different["frechet_halves"].high
    assert different["mmd"].low > different["mmd_halves"].high
    assert same["mmd_p"].estimate > 0.05 > different["mmd_p"].estimate
    assert same["frechet"].n == 30
    assert fd.compare(real, alike, 1, 60) == same


def test_too_few_cases_give_a_reason_and_no_number():
    real, made = np.random.default_rng(0).normal(size=(2, 7, 3))
    found = fd.compare(real, made, 1)
    assert {estimate.reason for estimate in found.values()} == {Reason.TOO_FEW_EVENTS}
    assert all(np.isnan(estimate.estimate) for estimate in found.values())


def test_standard_is_of_the_rows_it_was_made_of_and_leaves_out_what_is_constant_or_unknown():
    train = np.array([[1.0, 5.0, np.nan, 0.0], [3.0, 5.0, np.nan, np.nan], [5.0, 5.0, 1.0, 1.0]])
    standard = fd.Standard.of(train)
    assert standard.kept.tolist() == [True, False, False, True]
    made = standard.apply(np.array([[3.0, 9.0, np.nan, 0.5], [3.0, 9.0, 1.0, np.nan]]))
    assert made.tolist() == [[0.0, 0.0]]
    assert fd.Standard.of(np.full((3, 2), np.nan)).apply(np.ones((2, 2))).shape == (2, 0)
