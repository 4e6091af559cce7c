import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ichor.evaluation.prior_shift import corrected, uncorrected


def log_odds(share):
    return float(np.log(share / (1 - share)))


def test_bayes_theorem_under_another_base_rate():
    ratio, real, seen = 3.0, 0.2, 0.5  # of the likelihoods of one finding

    def posterior(prior):
        return prior * ratio / (prior * ratio + 1 - prior)

    assert corrected(posterior(seen), log_odds(real), log_odds(seen)) == pytest.approx(posterior(real))
    assert uncorrected(posterior(real), log_odds(real), log_odds(seen)) == pytest.approx(posterior(seen))


def test_a_model_fitted_on_balanced_data_recovers_the_populations_log_odds():
    rng = np.random.default_rng(1)
    x = rng.normal(size=40_000)
    y = rng.random(x.size) < 1 / (1 + np.exp(2.2 - 1.1 * x))
    events, others = np.flatnonzero(y), np.flatnonzero(~y)
    rows = np.concatenate([others, rng.choice(events, others.size)])
    model = LogisticRegression(C=1e6).fit(x[rows, None], y[rows])
    grid = np.linspace(-2, 2, 9)
    balanced = model.predict_proba(grid[:, None])[:, 1]
    found = log_odds(corrected(balanced, log_odds(y.mean()), 0.0)[4])
    assert found == pytest.approx(-2.2, abs=0.08)  # at x = 0
    assert log_odds(balanced[4]) > -1.0  # and is far off without
    truth = 1 / (1 + np.exp(2.2 - 1.1 * grid))
    np.testing.assert_allclose(corrected(balanced, log_odds(y.mean()), 0.0), truth, atol=0.02)
