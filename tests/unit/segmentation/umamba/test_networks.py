import copy
import json

import pytest
import torch
from torch.nn import functional

from ichor.segmentation.network import architecture_of_plan, build_network
from ichor.segmentation.umamba.networks import MambaLayer, umamba_of_plan

PLANNED = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    "arch_kwargs": {
        "n_stages": 4,
        "features_per_stage": [4, 8, 16, 32],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]],
        "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2]],
        "n_conv_per_stage": [2, 2, 2, 2],
        "n_conv_per_stage_decoder": [2, 2, 2],
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    },
    "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
}
PATCH = [8, 16, 16]


def planned(dimensions):
    """nnU-Net's plan of a plain network with four stages."""
    plan = copy.deepcopy(PLANNED)
    if dimensions == 2:
        arguments = plan["arch_kwargs"]
        arguments |= {"conv_op": "torch.nn.modules.conv.Conv2d"}
        arguments |= {"norm_op": "torch.nn.modules.instancenorm.InstanceNorm2d"}
        arguments |= {key: [sizes[1:] for sizes in arguments[key]] for key in ("kernel_sizes", "strides")}
    return plan


def build(network, dimensions=3, seed=0, **options):
    torch.manual_seed(seed)
    plan = umamba_of_plan(planned(dimensions), network, PATCH[-dimensions:], keep_blocks=True)
    architecture = json.loads(json.dumps(architecture_of_plan(plan)))  # a bundle holds it as JSON
    return build_network(architecture, 1, 3, **options)


def layers(network):
    return {name: module for name, module in network.named_modules() if isinstance(module, MambaLayer)}


@pytest.mark.parametrize("network", ["umamba_bot", "umamba_enc"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_outputs_are_those_that_nnunet_wants(network, dimensions):
    net = build(network, dimensions, deep_supervision=True)
    outputs = net(torch.randn(2, 1, *PATCH[-dimensions:]))
    steps = [(1, 1, 1), (1, 2, 2), (2, 4, 4)]
    expected = [tuple(n // s for n, s in zip(PATCH, step, strict=True))[-dimensions:] for step in steps]
    assert [tuple(output.shape) for output in outputs] == [(2, 3, *shape) for shape in expected]
    net.decoder.deep_supervision = False
    assert tuple(net(torch.randn(2, 1, *PATCH[-dimensions:])).shape) == (2, 3, *PATCH[-dimensions:])


@pytest.mark.parametrize("network", ["umamba_bot", "umamba_enc"])
def test_every_weight_learns(network):
    net = build(network, deep_supervision=True)
    with torch.no_grad():  # nnU-Net's residual blocks begin as nothing but their shortcut
        for name, weight in net.named_parameters():
            if name.endswith("norm.weight"):
                weight.fill_(1.0)
    sum(output.square().sum() for output in net(torch.randn(2, 1, *PATCH))).backward()
    idle = [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert all(name.endswith("bias") for name in idle)  # biases before an instance norm cancel, or nearly


def test_bot_has_one_layer_at_the_bottleneck_and_enc_one_per_stage():
    assert [layer.norm.normalized_shape for layer in layers(build("umamba_bot")).values()] == [(32,)]
    stages = layers(build("umamba_enc")).values()
    # maps of 8x16x16, 8x8x8, 4x4x4 and 2x2x2 voxels: the last has fewer voxels (8) than channels (32)
    assert [layer.norm.normalized_shape for layer in stages] == [(4,), (8,), (16,), (8,)]
    assert [layer.channels_are_tokens for layer in stages] == [False, False, False, True]


def test_tokens_are_voxels_in_memory_order():
    torch.manual_seed(0)
    layer = MambaLayer(6)
    image = torch.randn(2, 6, 3, 4, 5)
    tokens = torch.stack([image[:, :, z, y, x] for z in range(3) for y in range(4) for x in range(5)], dim=1)
    mixed = layer.mamba(functional.layer_norm(tokens, (6,), layer.norm.weight, layer.norm.bias))
    assert torch.allclose(layer(image)[:, :, 2, 1, 3], mixed[:, 2 * 20 + 1 * 5 + 3], atol=1e-6)


def test_the_layer_is_computed_in_float32_under_autocast():
    torch.manual_seed(0)
    layer, image = MambaLayer(8), torch.randn(1, 8, 4, 4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = layer(image)
        of_bfloat16 = layer(image.bfloat16())
    assert mixed.dtype == of_bfloat16.dtype == torch.float32
    assert torch.equal(mixed, layer(image)) and torch.equal(of_bfloat16, layer(image.bfloat16().float()))


def test_another_patch_size_is_refused_where_weights_depend_on_it():
    assert build("umamba_bot")(torch.randn(1, 1, 16, 32, 32)).shape[2:] == (16, 32, 32)
    with pytest.raises(ValueError, match="fit one patch size: expected 8 voxels at a coarse stage, found 64"):
        build("umamba_enc")(torch.randn(1, 1, 16, 32, 32))


def test_blocks_of_a_default_plan_are_those_of_the_papers_code():
    arguments = umamba_of_plan(planned(3), "umamba_enc", PATCH, keep_blocks=False)["arch_kwargs"]
    assert arguments["n_blocks_per_stage"] == [2, 2, 1, 1]
    assert arguments["n_conv_per_stage_decoder"] == [2, 2, 1]
    assert "n_conv_per_stage" not in arguments and arguments["patch_size"] == PATCH


def test_blocks_of_a_residual_plan_stay():
    plan = planned(3)
    del plan["arch_kwargs"]["n_conv_per_stage"]
    plan["arch_kwargs"] |= {"n_blocks_per_stage": [1, 3, 4, 6], "n_conv_per_stage_decoder": [1, 1, 1]}
    arguments = umamba_of_plan(plan, "umamba_bot", PATCH, keep_blocks=False)["arch_kwargs"]
    assert arguments["n_blocks_per_stage"] == [1, 3, 4, 6] and "patch_size" not in arguments
