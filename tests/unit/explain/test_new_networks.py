"""Every method on the networks that join image and record, or learn several tasks."""

import numpy as np
import pandas as pd
import pytest
import torch

from ichor.explain.methods import METHODS, Effort, attribute
from ichor.explain.networks import OneLogit, WithRecord, image_branch
from ichor.explain.record import record_attribution
from ichor.models import registry
from ichor.synthesis.network_features import penultimate
from ichor.training.data import InputSpec
from ichor.training.inference import network_of
from ichor.training.record import Record

SMALL = {"init_features": 4, "growth_rate": 4, "blocks": [1, 1, 1, 1], "bottleneck": 1}
SMALL |= {"input": {"view": "head", "size_mm": [128, 128, 128], "spacing_mm": [4, 4, 4], "mask_labels": ["iph"]}}
RECORDED = {"record": {"features": ["age_years", "gcs"]}, "record_width": 8}
KINDS = {
    "gated": {"kind": "densenet_record", "fusion": "gated", **RECORDED},
    "cross_attention": {"kind": "densenet_record", "fusion": "cross_attention", **RECORDED},
    "multitask": {"kind": "densenet_multitask"},
}
CONVOLUTIONAL = {"gradient", "integrated_gradients", "occlusion", "guided_backprop", "grad_cam_pp", "guided_grad_cam"}


@pytest.fixture
def record():
    return Record.fitted(["age_years", "gcs"], pd.DataFrame({"age_years": [50, 60, 70.0], "gcs": [3, 9, 15]}))


@pytest.mark.parametrize("name", KINDS)
def test_all_methods_for_convolutions_explain_the_network(name, record):
    spec = registry.resolve({**SMALL, **KINDS[name]})
    inputs = InputSpec.from_settings(spec["input"])
    torch.manual_seed(1)
    network = network_of(spec, inputs, record.width if registry.reads_record(spec) else 0).eval()
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    assert {key for key, method in METHODS.items() if method.applies(network)} == CONVOLUTIONAL
    rng = np.random.default_rng(2)
    channels = rng.uniform(size=(inputs.channels, *inputs.grid.shape)).astype(np.float32)
    own = torch.tensor([1.0, 0.5, -1.0])
    place = 3 if name == "multitask" else 0
    held = OneLogit(network, place) if name == "multitask" else WithRecord(network, own)
    for method in sorted(CONVOLUTIONAL):
        values, _ = attribute(method, held, channels, inputs, Effort(steps=2, box=(32, 32, 16)))
        assert values.shape == inputs.grid.shape and np.isfinite(values).all(), method
        if method in ("gradient", "integrated_gradients", "occlusion"):
            assert np.ptp(values) > 0, method
    given = [torch.from_numpy(channels)[None], *([own[None]] if name != "multitask" else [])]
    features = penultimate(network, lambda net: net(*given))
    assert features.shape[0] == 1 and features.shape[1] > 1
    if name != "multitask":
        assert image_branch(held) is network.image
        parts = record_attribution(network, channels, own.numpy(), 2)
        assert parts[0] == 0 and np.isfinite(parts).all() and (parts[1:] != 0).all()
    assert not network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items()), "as it was"
