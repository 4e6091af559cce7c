"""Networks with several answers, and what the record brings to those that read it beside the image."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from ichor.errors import StudyError
from ichor.explain import similarity
from ichor.explain.methods import Effort, attribute
from ichor.explain.networks import OneLogit, head_of
from ichor.explain.permuted import permute_labels
from ichor.explain.record import by_feature, record_attribution
from ichor.models import registry
from ichor.training.record import Record

MULTITASK = {"kind": "densenet_multitask"}


class Joined(nn.Module):
    """Image and record, each a weighted sum, and a second answer that is twice the first."""

    def __init__(self, columns, channels=2, shape=(16, 16, 8)):
        super().__init__()
        self.image = nn.Parameter(torch.randn(channels, *shape))
        self.record = nn.Parameter(torch.randn(columns))

    def forward(self, image, record):
        logit = (image * self.image).flatten(1).sum(dim=1) + torch.tanh(record @ self.record)
        return torch.stack([logit, 2 * logit], dim=1)


@pytest.fixture
def record():
    rows = pd.DataFrame(
        {
            "age_years": [50.0, 60.0, 70.0, np.nan, 90.0],
            "location": ["deep", "deep", "lobar", "infratentorial", "lobar"],
        }
    )
    return Record.fitted(["age_years", "location"], rows), rows


def test_columns_of_a_feature_are_added_up_and_all_give_the_difference_of_two_logits(record, channels):
    fitted, rows = record
    torch.manual_seed(0)
    network = Joined(fitted.width)
    mean = torch.zeros(1, fitted.width)
    mean[:, 0] = 1
    for own in fitted.matrix(rows):
        columns = record_attribution(network, channels.numpy(), own, 32)
        with torch.no_grad():
            both = [network(channels[None], torch.as_tensor(given))[0, 0] for given in (own[None], mean)]
        found = by_feature(fitted, columns)
        assert list(found) == ["age_years", "location"] and columns[0] == 0
        assert sum(found.values()) == pytest.approx(float(both[0] - both[1]), abs=1e-4)
        second = record_attribution(network, channels.numpy(), own, 32, place=1)
        np.testing.assert_allclose(second, 2 * columns, rtol=1e-4, atol=1e-6)
    assert all(parameter.requires_grad for parameter in network.parameters()), "as it was"
    assert not record_attribution(network, channels.numpy(), np.zeros(fitted.width, np.float32), 8).any()


def test_a_missing_value_counts_for_its_feature(record, channels):
    fitted, rows = record
    network = Joined(fitted.width)
    place = 1 + fitted.preparation.names().index("age_years missing")
    with torch.no_grad():
        network.record[:] = 0
        network.record[place] = 1.0
    found = by_feature(fitted, record_attribution(network, channels.numpy(), fitted.matrix(rows)[3], 32))
    assert found["age_years"] > 0.1 and found["location"] == pytest.approx(0, abs=1e-7)


def test_the_head_that_is_explained_is_the_outcome_unless_another_is_asked_for():
    spec = registry.resolve(MULTITASK)
    assert head_of(spec, "outcome") == ("outcome", 0)
    assert head_of(spec, "gcs") == ("gcs", 2), "of the two cuts of the ordinal GCS the lower one"
    assert head_of(spec, "age") == ("age", 3)
    binary = registry.resolve({**MULTITASK, "tasks": {"gcs": "binary"}})
    assert head_of(binary, "gcs") == ("gcs", 1) and head_of(binary, "age") == ("age", 2)
    assert head_of(registry.resolve({"kind": "densenet"}), "gcs") == ("outcome", 0), "it does not learn the GCS"
    with pytest.raises(StudyError, match="explanations.head"):
        head_of(spec, "nihss")


def test_maps_explain_the_head_that_is_asked_for(inputs, channels):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = nn.Parameter(torch.randn(2, *channels.shape))

        def forward(self, images):
            return torch.einsum("bcxyz,ocxyz->bo", images, self.weights)

    network = Two()
    for place in (0, 1):
        found, _ = attribute("gradient", OneLogit(network, place), channels, inputs, Effort())
        np.testing.assert_allclose(found, network.weights[place, 0].detach(), rtol=1e-6)


def test_records_are_alike_when_their_signed_ranks_are():
    own = np.array([0.3, -0.1, 0.2])
    assert similarity.of_records(own, 5 * own, None) == {"spearman": pytest.approx(1.0)}
    assert similarity.of_records(own, -own, None)["spearman"] == pytest.approx(-1.0)
    assert similarity.of_records(own, np.zeros(3), None)["spearman"] == 0.0


def test_what_is_learned_beside_the_label_is_exchanged_together_with_it():
    rows = pd.DataFrame({"role": ["train"] * 8 + ["tune"] * 4 + ["test"] * 2})
    rows["label_death"] = np.arange(14) % 2
    rows["gcs"] = 3 + np.arange(14) % 2 * 10
    made = permute_labels(rows, "death", 5, also=["gcs"])
    assert (made["gcs"] != rows["gcs"]).any()
    np.testing.assert_array_equal(made["gcs"], 3 + made["label_death"] * 10)
    pd.testing.assert_frame_equal(made[12:], rows[12:])
    np.testing.assert_array_equal(permute_labels(rows, "death", 5)["label_death"], made["label_death"])
