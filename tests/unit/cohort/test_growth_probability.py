import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from ichor.cohort.expansion import DEFINITIONS, Definition, definition, expanded
from ichor.cohort.growth_probability import _bivariate, expansion_probability, growth_error_ml

PHI = stats.norm.cdf


def probability(name, iph, iph_error, ivh=(0.0, 0.0), ivh_error=(0.0, 0.0), **more):
    rule = name if isinstance(name, Definition) else definition(name)
    pairs = [np.array(pair, dtype=float)[:, None] for pair in (iph, iph_error, ivh, ivh_error)]
    return float(expansion_probability(rule, *pairs, **more)[0])


@pytest.mark.parametrize("rho", [-0.95, -0.3, 0.0, 0.5, 0.9, 0.999])
@pytest.mark.parametrize(("h", "k"), [(0.0, 0.0), (0.0, 1.2), (0.0, -1.2), (1.0, 0.0), (-1.0, 2.0), (1.0, -2.0)])
def test_bivariate_normal_against_scipy(h, k, rho):
    found = _bivariate(np.array([h]), np.array([k]), np.array([rho]))[0]
    oracle = stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]], abseps=1e-10, releps=1e-10).cdf([h, k])
    assert found == pytest.approx(oracle, abs=1e-7)


@pytest.mark.parametrize(("h", "k"), [(-0.3, 1.0), (0.5, 0.2)])
def test_bivariate_normal_at_its_ends(h, k):
    one = np.array([k])
    assert _bivariate(h, one, np.array([1.0]))[0] == pytest.approx(PHI(min(h, k)))
    assert _bivariate(h, one, np.array([-1.0]))[0] == pytest.approx(max(0.0, PHI(h) + PHI(k) - 1))
    assert _bivariate(math.inf, one, np.array([0.4]))[0] == pytest.approx(PHI(k))
    assert _bivariate(-math.inf, one, np.array([0.4]))[0] == 0.0


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_without_error_it_is_the_label(name):
    for before, after, ivh in [
        (20.0, 27.0, (0.0, 0.0)),
        (20.0, 26.0, (0.0, 0.0)),
        (10.0, 13.3, (0.0, 0.0)),
        (50.0, 62.5, (4.0, 5.0)),
        (20.0, 21.0, (0.0, 0.2)),
        (20.0, 12.0, (0.0, 0.0)),
    ]:
        label = expanded(
            definition(name),
            baseline_iph_ml=before,
            followup_iph_ml=after,
            baseline_ivh_ml=ivh[0],
            followup_ivh_ml=ivh[1],
        )
        assert probability(name, (before, after), (0.0, 0.0), ivh) == float(label)


@pytest.mark.parametrize(("name", "limit"), [("brain", 6.0), ("over_3_ml", 3.0), ("absolute_12.5", 12.5)])
def test_on_the_edge_of_a_rule_in_ml_it_is_one_half(name, limit):
    assert probability(name, (60.0, 60.0 + limit), (2.0, 3.0)) == pytest.approx(0.5, abs=1e-9)
    assert probability(name, (60.0, 60.0 + limit), (2.0, 3.0), iph_correlation=0.8) == pytest.approx(0.5, abs=1e-9)


def test_on_the_edge_of_a_rule_in_percent_it_is_one_half():
    assert probability("over_33_percent", (60.0, 79.8), (2.0, 3.0)) == pytest.approx(0.5, abs=1e-9)


def test_closed_forms_far_from_zero():
    """One rule alone, errors that do not reach 0 mL: the formulas of docs/reference/measures.md."""
    ml = PHI((48.0 - 40.0 - 6.0) / math.hypot(2.0, 3.0))
    assert probability("brain", (40.0, 48.0), (2.0, 3.0)) == pytest.approx(ml, abs=1e-9)
    percent = PHI((48.0 - 1.26 * 40.0) / math.hypot(1.26 * 2.0, 3.0))
    assert probability("over_26_percent", (40.0, 48.0), (2.0, 3.0)) == pytest.approx(percent, abs=1e-9)
    cancelled = PHI((48.0 - 40.0 - 6.0) / math.sqrt(4 + 9 - 2 * 0.7 * 2 * 3))
    assert probability("brain", (40.0, 48.0), (2.0, 3.0), iph_correlation=0.7) == pytest.approx(cancelled, abs=1e-9)


def test_one_exact_volume():
    assert probability("standard", (40.0, 45.0), (0.0, 2.0)) == pytest.approx(PHI(-0.5), abs=1e-9)
    # the baseline alone errs: standard is met below min(45 - 6, ...) = max(39, 45 / 1.33)
    assert probability("standard", (40.0, 45.0), (2.0, 0.0)) == pytest.approx(PHI(-0.5), abs=1e-9)


@pytest.mark.parametrize(
    ("iph", "error"),
    [((18.0, 23.5), (4.0, 5.0)), ((2.0, 3.0), (1.5, 2.0)), ((0.6, 0.9), (2.0, 2.0)), ((90, 93), (9, 9))],
)
def test_the_union_of_both_rules_against_quadrature(iph, error):
    """Integral of the joint density over the plane above the lower one of both lines, truncated at 0 mL."""
    (before, after), (s1, s2) = iph, error

    def above(x):
        limit = min(x + 6.0, 1.33 * x)
        return stats.norm.pdf(x, before, s1) * stats.norm.sf(limit, after, s2)

    value = integrate.quad(above, 0.0, before + 12 * s1, points=[6.0 / 0.33], limit=400)[0]
    value /= stats.norm.sf(0, before, s1) * stats.norm.sf(0, after, s2)
    assert probability("standard", iph, error) == pytest.approx(value, abs=1e-7)


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_every_definition_against_drawn_volumes(name, rho):
    """200,000 true volumes drawn about the measured ones, each pair judged by the rule itself."""
    iph, error, ivh, ivh_error = (15.0, 19.5), (3.0, 4.0), (0.4, 1.5), (0.8, 0.9)
    rng, rule, n = np.random.default_rng(7), definition(name), 200_000

    def draw(means, deviations):
        first, other = rng.standard_normal((2, n))
        second = rho * first + math.sqrt(1 - rho**2) * other
        return means[0] + deviations[0] * first, means[1] + deviations[1] * second

    (before, after), (u, v) = draw(iph, error), draw(ivh, ivh_error)
    there = (before >= 0) & (after >= 0)
    growth, in_ventricles = after - before, np.maximum(v, 0) - np.maximum(u, 0)
    met = np.zeros(n, dtype=bool)
    if rule.absolute_ml is not None:
        met |= growth >= rule.absolute_ml
    if rule.relative is not None:
        met |= growth >= rule.relative * before
    if rule.ivh_ml is not None:
        met |= in_ventricles > rule.ivh_ml
    share = met[there].mean()
    found = probability(name, iph, error, ivh, ivh_error, iph_correlation=rho, ivh_correlation=rho)
    assert found == pytest.approx(share, abs=5 * math.sqrt(0.25 / n))


def test_any_new_blood_in_the_ventricles():
    clear = dict(iph=(20.0, 20.0), iph_error=(0.1, 0.1))
    none = probability("revised_1", **clear, ivh=(0.0, 0.0), ivh_error=(0.9, 0.9))
    assert none == pytest.approx(0.0, abs=1e-9)  # nothing found on both scans is none, not a coin
    new = probability("revised_1", **clear, ivh=(0.0, 0.9), ivh_error=(0.9, 0.9))
    assert new == pytest.approx(PHI(1.0), abs=1e-9)
    assert probability("revised_1", **clear, ivh=(9.0, 9.0), ivh_error=(0.9, 0.9)) == pytest.approx(0.5, abs=1e-3)


def test_what_is_not_known_has_no_probability():
    assert math.isnan(probability("standard", (20.0, 27.0), (math.nan, 1.0)))
    assert math.isnan(probability("standard", (math.nan, 27.0), (1.0, 1.0)))
    assert math.isnan(probability("revised_2", (20.0, 27.0), (1.0, 1.0), (0.0, 0.0), (math.nan, 1.0)))
    assert probability("standard", (20.0, 27.0), (1.0, 1.0), (0.0, math.nan), (math.nan, math.nan)) > 0.5
    with pytest.raises(ValueError, match="looks at the ventricles"):
        expansion_probability(definition("revised_2"), np.ones((2, 1)), np.ones((2, 1)))


def test_without_the_rule_in_percent():
    small = dict(iph=(0.4, 1.0), iph_error=(0.1, 0.1))
    assert probability("standard", **small) > 0.99
    assert probability("standard", **small, use_relative=[False]) < 1e-6
    assert probability("standard", **small, use_relative=[False]) == probability("brain", **small)


@given(
    st.floats(0.6, 120), st.floats(0.0, 160), st.floats(0.0, 15), st.floats(0.0, 15), st.sampled_from([0.0, 0.5, 0.95])
)
@settings(max_examples=60, deadline=None)
def test_probabilities_are_ordered_like_the_definitions(before, after, s1, s2, rho):
    found = {
        name: probability(name, (before, after), (s1, s2), (1.0, 2.0), (0.3, 0.4), iph_correlation=rho)
        for name in DEFINITIONS
    }
    assert all(0.0 <= value <= 1.0 for value in found.values())
    slack = 1e-9
    assert found["brain"] <= found["standard"] + slack
    assert found["over_33_percent"] <= found["standard"] + slack
    assert found["absolute_12.5"] <= found["brain"] + slack <= found["over_3_ml"] + 2 * slack
    assert found["standard"] <= found["revised_2"] + slack <= found["revised_1"] + 2 * slack


@pytest.mark.filterwarnings("error")
def test_tiny_errors_are_none():
    assert probability("standard", (20.0, 27.0), (1e-300, 1e-9)) == 1.0
    assert probability("revised_1", (20.0, 21.0), (1e-300, 0.0), (0.0, 1e-3), (1e-200, 5e-8)) == 1.0


def test_error_of_a_growth():
    assert growth_error_ml(3.0, 4.0) == 5.0
    assert growth_error_ml(3.0, 3.0, 1.0) == 0.0
    assert growth_error_ml(3.0, 4.0, 0.5) == pytest.approx(math.sqrt(13.0))
