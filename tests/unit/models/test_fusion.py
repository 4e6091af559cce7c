"""Image and record joined: the formulas, what is missing, and that nothing is computed to count features."""

import pytest
import torch
from torch import nn

from ichor.errors import StudyError
from ichor.models import densenet, registry
from ichor.models.fusion import JOINS, CrossAttention

SMALL = {"init_features": 4, "growth_rate": 4, "blocks": [1, 1, 1, 1], "record_width": 8}
RECORD = {**SMALL, "kind": "densenet_record", "record": {"features": ["gcs"]}}
SHAPE = (32, 32, 32)
COLUMNS = 4


def made(spec=RECORD, shape=SHAPE, outputs=1, **changes):
    torch.manual_seed(0)
    spec = registry.resolve({**spec, **changes})
    record = {"record": COLUMNS} if registry.reads_record(spec) else {}
    return registry.load(spec["kind"]).build(spec, 1, shape, outputs, **record).eval()


@pytest.fixture
def patients():
    """Both, a record alone, an image alone: images, records, which images are seen."""
    torch.manual_seed(1)
    record = torch.tensor([[1.0, 0.5, -1.0, 0.0], [1.0, -2.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    return torch.rand(3, 1, *SHAPE), record, torch.tensor([[1.0], [0.0], [1.0]])


@pytest.mark.parametrize("fusion", JOINS)
def test_whoever_lacks_one_is_answered_from_the_other(fusion, patients):
    network = made(fusion=fusion)
    image, record, seen = patients
    with torch.inference_mode():
        answers = network(image, record, seen)[:, 0]
        assert answers.isfinite().all() and len(set(answers.tolist())) == 3
        assert (network(image.flip(0) * 3, record, seen)[:, 0] == answers).tolist() == [False, True, False]
        assert torch.equal(network(image, record), network(image, record, torch.ones(3, 1)))
        network.record[-1].weight.mul_(7)
        assert (network(image, record, seen)[:, 0] == answers).tolist() == [False, False, True]


@pytest.mark.parametrize("fusion", JOINS)
def test_every_weight_learns_the_stand_ins_too(fusion, patients):
    network = made(fusion=fusion, dropout=0.0, record_branch="hidden").train()
    network(*patients).square().sum().backward()
    still = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not still


def test_without_left_out_scans_there_is_no_answer_without_scan():
    network = made(record={"features": ["gcs"], "scan_dropout": 0})
    assert not network.answers_without_scan and made().answers_without_scan
    assert set(made().state_dict()) - set(network.state_dict()) == {"absent_image"}


def test_the_gate_is_told_where_there_are_both(patients):
    network = made(outputs=3)
    with torch.inference_mode():
        logits, said = network.answer(*patients)
        features = network.image(patients[0][:1]), network.record(patients[1][:1, 1:])
        gate = torch.sigmoid(network.fusion.gate(torch.cat(features, dim=1)))
        assert torch.equal(logits, network(*patients)) and logits.shape == (3, 3)
    assert list(said) == list(network.quantities) == ["gate_image_mean"]
    torch.testing.assert_close(said["gate_image_mean"][:1], gate.mean(dim=1))
    assert said["gate_image_mean"][1:].isnan().all()  # a stand-in has no weight of its own
    assert made(fusion="concat").quantities == () and made(fusion="concat").answer(*patients)[1] == {}


def test_concatenated_with_a_linear_branch_the_record_is_a_logistic_regression(patients):
    network, record = made(fusion="concat"), torch.randn(4, COLUMNS).index_fill(1, torch.tensor([0]), 1.0)
    with torch.inference_mode():
        answers = network(patients[0][:1].expand(4, -1, -1, -1, -1), record)[:, 0]
        design = torch.cat([record[:, 1:], torch.ones(4, 1)], dim=1)
        weights = torch.linalg.solve(design.double(), answers.double())
        at = torch.tensor([[1.0, 3.0, -2.0, 0.5]])
        told = network(patients[0][:1], at)[0, 0]
    assert float(at[0, 1:].double() @ weights[:3] + weights[3]) == pytest.approx(float(told), abs=1e-4)


def test_cross_attention_is_torchs():
    torch.manual_seed(2)
    ours, theirs = CrossAttention(6, 8, heads=2), nn.MultiheadAttention(8, 2, kdim=6, vdim=6, batch_first=True)
    with torch.no_grad():
        for name, layer in {"q": ours.query, "k": ours.key, "v": ours.value}.items():
            getattr(theirs, f"{name}_proj_weight").copy_(layer.weight)
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, torch.zeros(8), ours.value.bias]))
        theirs.out_proj.weight.copy_(torch.eye(8))
        theirs.out_proj.bias.zero_()
        image, record = torch.randn(3, 5, 6), torch.randn(3, 8)
        places = ours.norm(image)
        expected = theirs(record[:, None], places, places)[0][:, 0]
        torch.testing.assert_close(ours(image, record), torch.cat([expected, record], dim=1))


def test_features_are_what_the_densenet_itself_ends_with():
    spec = registry.resolve({"kind": "densenet", "init_features": 4, "growth_rate": 4, "blocks": [1, 1, 1, 1]})
    torch.manual_seed(0)
    whole = densenet.build(spec, 1, (32, 40, 33), 2).eval()
    torch.manual_seed(0)
    places = densenet.features(spec, 1, (32, 40, 48), tokens=True).eval()
    image = torch.rand(2, 1, 32, 40, 33)
    with torch.inference_mode():
        torch.testing.assert_close(whole.class_layers.out(densenet.Features(whole, tokens=False)(image)), whole(image))
        found = places(torch.rand(2, 1, 32, 40, 48))
    assert found.shape == (2, 2 * 2 * 3, places.num_features) and found[0].std(dim=0).max() > 0


@pytest.mark.parametrize("spec", [RECORD, {**RECORD, "kind": "densenet_multitask"}, {**SMALL, "kind": "densenet"}])
def test_no_image_passes_through_a_network_to_build_it(spec, monkeypatch):
    """Defect of a published network: a dummy volume of full size ran through it to count its features."""

    def forward(self, *_):
        raise AssertionError("an image passed through")

    for layer in (nn.Conv3d, nn.Linear, nn.Sequential):
        monkeypatch.setattr(layer, "forward", forward)
    spec = {name: value for name, value in spec.items() if spec["kind"] != "densenet" or name != "record_width"}
    if spec["kind"] == "densenet_multitask":
        spec = {**spec, "record": {"features": ["sex"]}}
    made(spec, shape=(301, 301, 40))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"record_branch": "deep"}, "record_branch: found 'deep'; write linear or hidden"),
        ({"fusion": "sum"}, "densenet_record: fusion: found 'sum'; write concat or gated or cross_attention"),
        ({"fusion": "cross_attention", "attention_heads": 3}, "attention_heads: found 3; .* divides record_width 8"),
        ({"kind": "vit_record", "fusion": "cross_attention"}, "vit_record: fusion: .* write concat or gated"),
    ],
)
def test_what_cannot_be_joined_is_refused(changes, said):
    spec = {**RECORD, **changes}
    if spec["kind"] == "vit_record":
        spec = {"kind": "vit_record", "fusion": "cross_attention"}
    with pytest.raises(StudyError, match=said):
        made(spec)
