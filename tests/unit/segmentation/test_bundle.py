import json

import pytest
import torch

from ichor.segmentation.bundle import load_model, save_model
from ichor.segmentation.network import build_network


@pytest.fixture
def bundle(planned, tmp_path):
    _, plan = planned
    network = build_network(plan["architecture"], 1, 3, deep_supervision=True).eval()
    description = {key: plan[key] for key in ("architecture", "labels", "grid", "patch_size")} | {"fold": 1}
    save_model(tmp_path, network, description, [("aurora", "p00"), ("aurora", "p02")])
    return tmp_path, network


def test_a_bundle_is_enough_to_use_the_network(bundle):
    folder, network = bundle
    model = load_model(folder)
    x = torch.randn(2, 1, 8, 32, 32)
    output = network(x)
    assert torch.equal(model.network(x), output[0] if isinstance(output, list) else output)
    assert (model.labels, model.fold, model.grid.keep_slices) == (["iph", "ivh"], 1, True)


def test_a_bundle_knows_whom_it_was_trained_on_without_naming_them(bundle):
    folder, _ = bundle
    model = load_model(folder)
    assert model.has_seen("aurora", "p00") and not model.has_seen("aurora", "p01")
    assert "p00" not in (folder / "model.json").read_text()


def test_foreign_weights_are_refused(bundle):
    folder, _ = bundle
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match="SHA-256 differs"):
        load_model(folder)


def test_an_unknown_format_is_refused(bundle):
    folder, _ = bundle
    content = json.loads((folder / "model.json").read_text()) | {"format": "other/9"}
    (folder / "model.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="expected format"):
        load_model(folder)
