"""Weights from a local file: what fits is timm's own, what is adapted is adapted by timm, what is not is told."""

import hashlib

import pytest
import torch
from safetensors.torch import save_file

from ichor.errors import StudyError
from ichor.models import registry
from ichor.models.torchvision_on_cpu import import_torchvision

import_torchvision()

from timm.layers import resample_abs_pos_embed, resample_patch_embed  # noqa: E402
from timm.models import adapt_input_conv  # noqa: E402
from timm.models.vision_transformer import VisionTransformer  # noqa: E402

SPEC = {"kind": "vit", "form": "tokens", "stem": "linear", "patch": [8, 8, 4], "dim": 32, "depth": 2, "heads": 2}


def theirs(**changes):
    torch.manual_seed(3)
    settings = dict(img_size=32, patch_size=8, in_chans=3, embed_dim=32, depth=2, num_heads=2, mlp_ratio=2.0)
    settings |= dict(num_classes=5, class_token=False, global_pool="avg")
    network = VisionTransformer(**settings | changes).eval()
    for weight in network.parameters():  # some start at 0, where a weight that is not taken would not be seen
        torch.nn.init.normal_(weight, std=0.05)
    return network


def ours(path, channels=3, shape=(32, 32, 2), **changes):
    spec = registry.resolve({**SPEC, "weights": str(path), **changes})
    torch.manual_seed(4)
    module = registry.load(spec["kind"])
    network = module.build(spec, channels, shape, 0).eval()
    return network, module.start(network, spec)


@pytest.fixture
def saved(tmp_path):
    """Save a network's weights and return where."""

    def save(network, name="weights.safetensors"):
        path = tmp_path / name
        save_file(network.state_dict(), path) if name.endswith("safetensors") else torch.save(network, path)
        return path

    return save


def test_slices_have_timms_features(saved):
    network = theirs()
    path = saved(network)
    made, facts = ours(path)
    image = torch.rand(2, 3, 32, 32, 2)
    with torch.inference_mode():
        expected = network.forward_head(network.forward_features(image[..., 1]), pre_logits=True)
        torch.testing.assert_close(made.transformer(image[..., 1]), expected)
        alone = made(image[..., 1:].expand(-1, -1, -1, -1, 2))  # two equal slices are worth one
        torch.testing.assert_close(alone, expected)
    assert facts["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest() and facts["file"] == path.name
    assert (facts["from_scratch"], facts["adapted"]) == ([], [])
    assert facts["not_fitting"] == ["head.bias [5]", "head.weight [5, 32]"]  # classes of another task
    assert facts["taken"] == len(network.state_dict()) - 2


def test_grid_patches_channels_and_class_token_are_adapted_as_timm_does(saved):
    network = theirs(class_token=True, global_pool="token")
    made, facts = ours(saved(network), channels=2, shape=(48, 24, 2), patch=[12, 12, 4])
    transformer = made.transformer
    given = network.state_dict()
    positions = resample_abs_pos_embed(given["pos_embed"], [4, 2], num_prefix_tokens=1)[:, 1:]
    torch.testing.assert_close(transformer.pos_embed.detach(), positions)
    patches = adapt_input_conv(2, resample_patch_embed(given["patch_embed.proj.weight"], [12, 12]))
    torch.testing.assert_close(transformer.patch_embed.project[0].weight.detach(), patches)
    assert torch.equal(transformer.fc_norm.weight, given["norm.weight"])  # the mean is normalised, not the class token
    assert sorted(line.split()[0] for line in facts["adapted"]) == ["patch_embed.project.0.weight", "pos_embed"]
    assert facts["not_fitting"][0] == "cls_token [1, 1, 32]"


@pytest.mark.parametrize(
    ("changes", "from_scratch"),
    [
        ({"form": "volume"}, ["patch_embed.project.0.weight", "pos_embed"]),
        ({"depth": 3}, ["blocks.2.", "blocks.2."]),
        ({"stem": "conv"}, ["patch_embed.project.0.", "patch_embed.project.0."]),
        ({"channels": 2}, []),
    ],
)
def test_what_does_not_fit_starts_from_scratch_and_is_told(saved, changes, from_scratch):
    shape = (32, 32, 8)
    _, facts = ours(saved(theirs()), shape=shape, **changes)
    assert len(facts["from_scratch"]) >= len(from_scratch)
    for found, start in zip(facts["from_scratch"], from_scratch, strict=False):
        assert found.startswith(start)
    assert facts["taken"] + len(facts["from_scratch"]) == len(
        ours(saved(theirs()), shape=shape, **changes)[0].state_dict()
    ) - _of_slices(changes)


def _of_slices(changes):
    return 0 if changes.get("form") == "volume" else 4  # the attention over slices is ours


def test_weights_of_a_bundle_of_ours_fit_name_by_name(tmp_path):
    spec = registry.resolve({**SPEC, "stem": "conv"})
    vit = registry.load("vit")
    torch.manual_seed(8)
    first = vit.build(spec, 2, (32, 32, 2), 1)
    save_file({f"0.{name}": tensor for name, tensor in first.state_dict().items()}, tmp_path / "model.safetensors")
    made, facts = ours(tmp_path / "model.safetensors", channels=2, stem="conv")
    assert (facts["from_scratch"], facts["adapted"]) == ([], [])
    image = torch.rand(1, 2, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(made.transformer(image), first.eval().transformer(image))


def test_a_pth_of_tensors_is_read_and_one_that_would_run_code_is_not(saved, tmp_path):
    network = theirs()
    torch.save({"state_dict": network.state_dict(), "epoch": 3}, tmp_path / "checkpoint.pth")
    assert ours(tmp_path / "checkpoint.pth")[1]["from_scratch"] == []
    with pytest.raises(StudyError, match="cannot be read as tensors alone"):
        ours(saved(network, "whole.pth"))  # a pickled module


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.safetensors", None, "there is no file"),
        ("broken.safetensors", b"no tensors", "cannot be read as tensors alone"),
        ("broken.pth", b"no tensors", "cannot be read as tensors alone"),
        ("weights.onnx", b"", "ends in .safetensors"),
    ],
)
def test_files_that_are_no_weights_are_refused(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(StudyError, match=said):
        ours(tmp_path / name)


@pytest.mark.parametrize("content", [torch.zeros(3), {"epoch": 3}, {}])
def test_files_without_named_tensors_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(StudyError, match="holds no tensor"):
        ours(tmp_path / "weights.pth")


def test_another_width_is_refused_with_both_sizes(saved):
    with pytest.raises(StudyError, match=r"2 blocks of width 48; the file: 2 blocks of width 32.*set architecture"):
        ours(saved(theirs()), dim=48)


def test_the_image_branch_of_a_fusion_starts_from_them(saved):
    spec = registry.resolve({**SPEC, "kind": "vit_record", "weights": str(saved(network := theirs()))})
    module = registry.load("vit_record")
    made = module.build(spec, 3, (32, 32, 2), 1, 4)
    module.start(made, spec)
    assert torch.equal(made.image.transformer.blocks[0].attn.qkv.weight, network.blocks[0].attn.qkv.weight)
