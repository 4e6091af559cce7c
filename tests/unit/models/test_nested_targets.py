"""Chances of nested targets cannot contradict each other, and labels say what they say and no more."""

import numpy as np
import pytest
import torch

from ichor.models.nested_targets import chances, head_labels

GAP = np.nan


def test_chances_are_products_and_never_rise():
    logits = torch.tensor([[0.0, 0.0, 0.0], [-4.0, 9.0, 9.0], [2.0, -1.0, 30.0]], dtype=torch.float64)
    made = chances(logits, nested=True)
    assert made[0].tolist() == [0.5, 0.25, 0.125]
    assert (made[:, 1:] <= made[:, :-1]).all()
    own = 1 / (1 + np.exp([-2.0, 1.0]))
    assert made[2, 1].item() == pytest.approx(own[0] * own[1], abs=1e-15)
    assert chances(logits, nested=False)[1, 1] > chances(logits, nested=False)[1, 0]  # side by side they may


@pytest.mark.parametrize(
    ("labels", "of_head", "in_gap"),
    [
        ([1, 1, 1], [1, 1, 1], [0, 0, 0]),
        ([1, 1, 0], [1, 1, 0], [0, 0, 0]),
        ([0, 0, 0], [0, GAP, GAP], [0, 0, 0]),  # the dead are not asked for their outcome
        ([0, GAP, GAP], [0, GAP, GAP], [0, 0, 0]),
        ([GAP, 1, GAP], [1, 1, GAP], [0, 0, 0]),  # alive at 180 days, so at 30
        ([1, GAP, GAP], [1, GAP, GAP], [0, 0, 0]),  # lost after 30 days
        ([1, GAP, 0], [1, GAP, GAP], [0, 1, 1]),  # dead or not well at 180 days: only the product is known
        ([GAP, GAP, GAP], [GAP, GAP, GAP], [0, 0, 0]),
    ],
)
def test_what_labels_say_of_each_head(labels, of_head, in_gap):
    found, gap = head_labels(np.array([[labels]], dtype=float), nested=True)
    np.testing.assert_array_equal(found[0, 0], of_head)
    np.testing.assert_array_equal(gap[0, 0], np.array(in_gap, dtype=bool))


def test_labels_that_contradict_each_other_are_refused_and_side_by_side_they_are_not():
    with pytest.raises(ValueError, match="contradict"):
        head_labels(np.array([[0.0, 1.0, GAP]]), nested=True)
    found, gap = head_labels(np.array([[0.0, 1.0, GAP]]), nested=False)
    np.testing.assert_array_equal(found, [[0, 1, GAP]])
    assert not gap.any()
