import numpy as np
import pandas as pd
import pytest

from ichor.errors import StudyError
from ichor.models import registry
from ichor.models.multivariate_imputer import MultivariateImputer, estimator
from ichor.models.tabular import Preparation


def made_values(n, seed):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 1))
    values = common * [1.0, -2.0, 0.5, 1.5] + rng.normal(0, 0.3, size=(n, 4)) + [0, 10, -5, 100]
    return np.where(rng.random((n, 4)) < [0.2, 0.1, 0.3, 0.0], np.nan, values)


def test_the_plain_numbers_fill_gaps_as_scikit_learn_does():
    train, fresh = made_values(120, 0), made_values(60, 1)
    fresh[:5, 3] = np.nan  # a column that no train row misses
    fresh[5:8] = np.nan  # nothing known at all
    theirs = estimator(train).fit(train)
    ours = MultivariateImputer.restored(MultivariateImputer.fitted(train).arrays())
    np.testing.assert_allclose(ours.filled(fresh), theirs.transform(fresh), rtol=1e-9)
    known = ~np.isnan(fresh)
    np.testing.assert_array_equal(ours.filled(fresh)[known], fresh[known])


def test_estimates_follow_the_other_predictors_within_what_train_rows_had():
    train = made_values(200, 0)
    ours = MultivariateImputer.fitted(train)
    low, high = ours.filled(np.array([[np.nan, 14.0, -6.0, 97.0], [np.nan, 6.0, -4.0, 103.0]]))[:, 0]
    assert -3 < low < -1 and 1 < high < 3  # the column's median is near 0
    assert ours.filled(np.array([[np.nan, -1e6, 1e6, 1e6]]))[0, 0] == np.nanmax(train[:, 0])


def test_a_preparation_with_it_keeps_its_numbers_in_arrays_and_marks_gaps():
    rng = np.random.default_rng(0)
    gcs = rng.integers(3, 16, 80).astype(float)
    train = pd.DataFrame({"gcs": gcs, "nihss": 42 - 2.6 * gcs, "same": 1.0})
    train["sex"] = np.where(gcs > 9, "male", "female").astype(object)
    train.loc[:9, "nihss"] = np.nan
    train.loc[70:, "sex"] = None
    made = Preparation.fitted(train, "multivariate")
    raw = made.prepared(train) * made.scale + made.mean
    assert made.names() == ["gcs", "nihss", "same", f"sex={made.levels['sex'][1]}", "nihss missing", "sex missing"]
    assert made.sources() == ["gcs", "nihss", "same", "sex", "nihss", "sex"]
    assert np.abs(raw[:10, 1] - (42 - 2.6 * gcs[:10])).max() < 4  # median imputation would miss by up to 17
    np.testing.assert_allclose(raw[:, 4], train["nihss"].isna(), atol=1e-12)
    again = Preparation.restored({name: getattr(made, name) for name in made.__dataclass_fields__}, made.arrays())
    np.testing.assert_array_equal(again.prepared(train[::-1]), made.prepared(train[::-1]))


def test_logistic_regression_takes_either_imputer_and_no_other():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"gcs": rng.normal(size=100)})
    rows["nihss"] = -rows["gcs"] + rng.normal(0, 0.1, 100)
    labels = (rows["gcs"] > 0).to_numpy(dtype=int)
    rows.loc[:30, "gcs"] = np.nan

    def fitted(imputer):
        spec = registry.resolve({"kind": "logistic", "features": ["gcs", "nihss"], "imputer": imputer})
        made = registry.load("logistic").Model(spec)
        made.fit(rows, labels, 1)
        second = registry.load("logistic").Model(spec)
        second.restore(*made.state())
        np.testing.assert_array_equal(second.probability(rows), made.probability(rows))
        return made.probability(rows)

    assert not np.allclose(fitted("median"), fitted("multivariate"))
    with pytest.raises(StudyError, match="imputer: found 'mean'; write median or multivariate"):
        fitted("mean")
