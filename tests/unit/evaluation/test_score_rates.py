import math

import numpy as np
import pytest

from ichor.evaluation.intervals import wilson
from ichor.evaluation.printed_outcome import RATES
from ichor.evaluation.score_rates import rates_by_score
from ichor.scores.ich import MORTALITY_30D


def test_published_grouped_counts_come_back():
    """Chen et al., Eur J Radiol 2023: 1990 patients, 1278 with a poor outcome, by points of two scores."""
    for printed in RATES.values():
        points = np.concatenate([np.full(n, score, dtype=float) for score, (_, n) in printed.items()])
        labels = np.concatenate([np.r_[np.ones(events), np.zeros(n - events)] for events, n in printed.values()])
        found = rates_by_score(points, labels)
        assert [tuple(row) for row in found[["events", "n"]].to_numpy()] == list(printed.values())
        assert found[["n", "events"]].sum().tolist() == [1990, 1278]
        assert (found["rate"].diff().dropna() > 0).all()


def test_rates_stand_beside_the_published_ones_and_gaps_are_counted():
    found = rates_by_score([0, 1, 1, math.nan, 3, 3], [0, 1, 0, 1, 1, math.nan], MORTALITY_30D)
    assert found["points"].tolist() == list(range(7)) and found["n"].tolist() == [1, 2, 0, 1, 0, 0, 0]
    row = found.loc[1]
    expected = wilson(1, 2)
    assert (row["rate"], row["low"], row["high"], row["published"]) == (0.5, expected.low, expected.high, 0.13)
    assert math.isnan(found.loc[2, "rate"]) and found.attrs["left_out"] == 2
    assert rates_by_score([], []).empty
    with pytest.raises(ValueError, match="whole numbers"):
        rates_by_score([0.5], [1])
