import pytest
import torch

from ichor.errors import StudyError
from ichor.models import registry

VIT = {"kind": "vit", "dim": 32, "depth": 2, "heads": 2}
DENSENET = {"kind": "densenet"}
TABLE = [
    ({**VIT, "form": "volume", "patch": [8, 8, 4]}, 2, (32, 32, 8)),
    ({**VIT, "form": "volume", "patch": [8, 8, 4], "stem": "linear"}, 1, (24, 32, 12)),
    ({**VIT, "form": "volume", "patch": [12, 6, 2]}, 3, (24, 24, 8)),
    ({**VIT, "form": "slices", "patch": [8, 8, 4]}, 2, (32, 24, 7)),
    ({**VIT, "form": "slices", "patch": [8, 8, 4], "stem": "linear"}, 1, (32, 24, 7)),
    ({**VIT, "form": "tokens", "patch": [8, 8, 4]}, 2, (32, 24, 5)),
    ({"kind": "vit", "architecture": "vit_tiny_patch16_224", "patch": [16, 16, 4]}, 1, (32, 32, 8)),
    (DENSENET, 1, (32, 32, 32)),
    ({**DENSENET, "norm": "layer", "growth_rate": 6}, 2, (40, 48, 32)),
    ({**DENSENET, "blocks": [2, 3, 2, 1]}, 1, (33, 35, 34)),
]


def network(spec, channels, shape, outputs=1):
    torch.manual_seed(0)
    return registry.load(spec["kind"]).build(registry.resolve(spec), channels, shape, outputs)


@pytest.mark.parametrize(("spec", "channels", "shape"), TABLE)
@pytest.mark.parametrize("outputs", [1, 3])
def test_shapes(spec, channels, shape, outputs):
    made = network(spec, channels, shape, outputs).eval()
    with torch.inference_mode():
        assert made(torch.rand(2, channels, *shape)).shape == (2, outputs)


@pytest.mark.parametrize("spec", [{**VIT, "form": form} for form in ("volume", "slices", "tokens")] + [DENSENET])
def test_logits_are_unbounded_and_one_step_changes_every_weight(spec):
    shape = (32, 32, 32)
    made = network({**spec, "dropout": 0.0}, 1, shape)
    images, labels = torch.rand(4, 1, *shape), torch.tensor([0.0, 1.0, 1.0, 0.0])
    before = {name: weight.detach().clone() for name, weight in made.named_parameters()}
    optimizer = torch.optim.AdamW(made.parameters(), lr=0.05)
    torch.nn.functional.binary_cross_entropy_with_logits(made(images)[:, 0], labels).backward()
    optimizer.step()
    unchanged = [name for name, weight in made.named_parameters() if torch.equal(weight, before[name])]
    assert not unchanged
    last = [module for module in made.modules() if isinstance(module, torch.nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(1e4)
        assert made.eval()(images).abs().max() > 10  # a tanh or sigmoid at the end could not


@pytest.mark.parametrize(
    ("spec", "shape", "said"),
    [
        ({**VIT, "patch": [7, 8, 4]}, (32, 32, 8), "do not tile"),
        ({**VIT, "form": "planes"}, (32, 32, 8), "planes"),
        (DENSENET, (64, 64, 16), "too small"),
        ({**DENSENET, "norm": "none"}, (32, 32, 32), "norm"),
    ],
)
def test_networks_that_cannot_be_are_refused(spec, shape, said):
    with pytest.raises(StudyError, match=said):
        network(spec, 1, shape)


RECORD = {**VIT, "kind": "vit_record", "record": {"features": ["gcs", "age_years"]}}


def with_record(spec, columns=4):
    torch.manual_seed(0)
    return registry.load("vit_record").build(registry.resolve(spec), 2, (32, 24, 8), 1, columns).eval()


@pytest.mark.parametrize("form", ["volume", "slices", "tokens"])
@pytest.mark.parametrize("fusion", ["concat", "gated"])
def test_a_record_changes_the_answer_and_without_one_there_is_one(form, fusion):
    made = with_record({**RECORD, "form": form, "fusion": fusion})
    images = torch.rand(3, 2, 32, 24, 8)
    record = torch.tensor([[1.0, 0.5, -1.0, 0.0], [1.0, 2.0, -1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    same = images[:1].expand(3, -1, -1, -1, -1)
    with torch.inference_mode():
        answers = made(same, record)
        assert answers.shape == (3, 1) and answers.isfinite().all()
        assert len(set(answers[:, 0].tolist())) == 3
        made.record[0].weight.mul_(7)  # what a record says does not reach the answer of a patient without one
        changed = made(same, record)
        assert (changed[:2] != answers[:2]).all() and changed[2] == answers[2]
        assert (made(images, record)[1:] != changed[1:]).all()  # the image does in either case


@pytest.mark.parametrize("fusion", ["concat", "gated"])
def test_every_weight_of_image_record_and_fusion_learns(fusion):
    made = with_record({**RECORD, "fusion": fusion, "dropout": 0.0}).train()
    record = torch.tensor([[1.0, 0.5, -1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    made(torch.rand(2, 2, 32, 24, 8), record).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in made.parameters())


def test_the_gated_unit_is_its_formula():
    from ichor.models.fusion import GatedUnit

    torch.manual_seed(1)
    unit, image, record = GatedUnit(5, 3), torch.randn(2, 5), torch.randn(2, 3)
    both = torch.cat([image, record], 1)
    z = 1 / (1 + torch.exp(-(both @ unit.gate.weight.T + unit.gate.bias)))
    from_image = torch.tanh(image @ unit.from_image.weight.T + unit.from_image.bias)
    from_record = torch.tanh(record @ unit.from_record.weight.T + unit.from_record.bias)
    torch.testing.assert_close(unit(image, record), z * from_image + (1 - z) * from_record)


def test_densenet_of_the_papers_has_its_size():
    spec = {"kind": "densenet", "init_features": 64, "growth_rate": 32, "blocks": [6, 12, 24, 16], "bottleneck": 4}
    weights = sum(weight.numel() for weight in network(spec, 1, (32, 32, 32)).parameters())
    assert weights == 11_243_649  # MONAI DenseNet121, 3D, one channel, one output


def test_timm_blocks_are_timms():
    made = network({**VIT, "form": "volume", "patch": [8, 8, 4]}, 1, (32, 32, 8))
    from timm.models.vision_transformer import Block, VisionTransformer  # timm needs torchvision as ours imports it

    assert isinstance(made, VisionTransformer) and all(isinstance(block, Block) for block in made.blocks)
