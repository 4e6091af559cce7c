"""Features are what the last linear layer is given, of a network of the same split only."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from ichor.cohort.fences import LeakError
from ichor.errors import StudyError
from ichor.synthesis import network_features


class TwoHeads(nn.Module):
    """A gate beside the path, then the last layer."""

    def __init__(self):
        super().__init__()
        self.gate, self.body, self.head = nn.Linear(5, 1), nn.Linear(5, 3), nn.Linear(3, 1)

    def forward(self, x):
        return self.head(torch.relu(self.body(x)) * torch.sigmoid(self.gate(x)))


def test_features_are_the_inputs_of_the_last_linear_layer_in_order():
    network, cases = TwoHeads().eval(), torch.randn(7, 5)

    def run(network):
        with torch.inference_mode():
            return np.concatenate([network(cases[first : first + 3])[:, 0].numpy() for first in range(0, 7, 3)])

    found = network_features.penultimate(network, run)
    with torch.inference_mode():
        expected = torch.relu(network.body(cases)) * torch.sigmoid(network.gate(cases))
    assert np.allclose(found, expected.numpy())
    assert np.allclose(found @ network.head.weight.detach().numpy().T + network.head.bias.item(), run(network)[:, None])
    assert not network.head._forward_pre_hooks


def test_a_network_without_a_vector_per_case_is_refused():
    with pytest.raises(StudyError, match="no linear layer"):
        network_features.penultimate(nn.Conv1d(1, 1, 1), lambda network: [])
    per_token = nn.Linear(4, 1)
    with pytest.raises(StudyError, match="not one vector"):
        network_features.penultimate(per_token, lambda network: network(torch.ones(2, 3, 4))[:, 0, 0])


def test_a_network_of_another_split_stops_the_check_and_a_table_model_is_refused(tmp_path):
    (tmp_path / "model.safetensors").touch()
    said = {"format": network_features.bundle.FORMAT, "fitted": True, "split": "cv-0", "family": "tabular"}
    (tmp_path / "model.json").write_text(json.dumps(said))
    with pytest.raises(LeakError, match="fitted on split cv-0"):
        network_features.network_features(tmp_path, "external", pd.DataFrame())
    with pytest.raises(StudyError, match="family tabular"):
        network_features.network_features(tmp_path, "cv-0", pd.DataFrame())
    assert network_features.usable_network(tmp_path)
