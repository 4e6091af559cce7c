import json

import pytest
import torch

from ichor.errors import StudyError
from ichor.segmentation.bundle import load_model, own_tensors, save_model, write_bundle
from ichor.segmentation.description import fingerprint, read_description, scan_fingerprint
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
    with pytest.raises(StudyError, match="SHA-256 differs"):
        load_model(folder)


def test_an_unknown_format_is_refused(bundle):
    folder, _ = bundle
    content = json.loads((folder / "model.json").read_text()) | {"format": "other/9"}
    (folder / "model.json").write_text(json.dumps(content))
    with pytest.raises(StudyError, match="expected format"):
        load_model(folder)


def test_half_precision_is_stored_and_single_precision_computed_with(bundle, tmp_path):
    folder, network = bundle
    content = read_description(folder)
    write_bundle(tmp_path / "half", [own_tensors(network.state_dict())], content, half=True)
    half, whole = load_model(tmp_path / "half"), load_model(folder)
    sizes = [(place / "model.safetensors").stat().st_size for place in (tmp_path / "half", folder)]
    assert sizes[0] < 0.6 * sizes[1]
    for ours, theirs in zip(half.network.parameters(), whole.network.parameters(), strict=True):
        assert ours.dtype == torch.float32 and torch.equal(ours, theirs.half().float())


def test_a_weight_beyond_half_precision_is_refused_and_nothing_written(bundle, tmp_path):
    folder, network = bundle
    state = {name: tensor.clone() for name, tensor in own_tensors(network.state_dict()).items()}
    next(iter(state.values())).fill_(1e6)
    with pytest.raises(StudyError, match="not a finite number in half precision"):
        write_bundle(tmp_path / "half", [state], read_description(folder), half=True)
    assert not (tmp_path / "half").exists()


def test_a_scan_is_recognised_by_its_voxels_under_another_name(planned, tmp_path):
    _, plan = planned
    network = build_network(plan["architecture"], 1, 3)
    description = {key: plan[key] for key in ("architecture", "labels", "grid", "patch_size")} | {"fold": None}
    save_model(tmp_path, network, description, [("a", "p")], ["0" * 64])
    model = load_model(tmp_path)
    assert model.has_seen("b", "q", "0" * 64) and not model.has_seen("b", "q", "1" * 64)
    assert model.trained_on == {fingerprint("a", "p")} and model.trained_on_scans == {scan_fingerprint("0" * 64)}
    assert "0" * 64 not in (tmp_path / "model.json").read_text()


def test_a_bundle_of_the_first_format_is_still_read(bundle):
    folder, network = bundle
    content = json.loads((folder / "model.json").read_text()) | {"format": "ichor-segmentation-model/1"}
    for later in ("networks", "stored_as", "trained_on_scans"):
        content.pop(later)
    (folder / "model.json").write_text(json.dumps(content))
    assert load_model(folder).labels == ["iph", "ivh"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["iph", "bleed"]}, "write some of iph, ivh, edema"),
        ({"labels": ["iph", "iph"]}, "each once"),
        ({"labels": None}, "labels: found NoneType, expected list"),
        ({"patch_size": [32, 32]}, "patch_size"),
        ({"grid": {"spacing_mm": [1.0, 1.0, 1.0]}}, "grid.keep_slices is missing"),
        ({"fold": True}, "fold: found bool"),
        ({"networks": 0}, "networks 0"),
        ({"stored_as": "int8"}, "float32 or float16"),
        ({"outputs": ["background", "iph"]}, "outputs"),
        (
            {"architecture": {"class": "system", "arguments": {}}},
            "do not fit the network of model.json: unknown network",
        ),
        ({"networks": 2}, "do not fit the network"),
        ({"weights_sha256": "0"}, "SHA-256 differs"),
    ],
)
def test_a_wrong_description_says_what_is_wrong(bundle, change, message):
    folder, _ = bundle
    (folder / "model.json").write_text(json.dumps(json.loads((folder / "model.json").read_text()) | change))
    with pytest.raises(StudyError, match=message):
        load_model(folder)


def test_what_is_no_bundle_says_so(bundle, tmp_path):
    folder, _ = bundle
    with pytest.raises(StudyError, match=r"model.json and model.safetensors is missing"):
        load_model(tmp_path / "nothing")
    (folder / "model.json").write_text("[1")
    with pytest.raises(StudyError, match="no JSON text"):
        load_model(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(StudyError, match=r"model.safetensors is missing"):
        load_model(folder)
