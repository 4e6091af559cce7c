import copy

import pytest
import torch
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

from ichor.segmentation.network import architecture_of_plan, build_network


@pytest.fixture
def architecture(planned):
    return planned[1]["plans"]["configurations"]["3d_fullres"]["architecture"]


def test_network_is_the_one_nnunet_builds(architecture):
    torch.manual_seed(0)
    theirs = get_network_from_plans(
        architecture["network_class_name"], architecture["arch_kwargs"], architecture["_kw_requires_import"], 1, 3
    )
    torch.manual_seed(0)
    ours = build_network(architecture_of_plan(architecture), 1, 3)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}
    assert all(torch.equal(v, theirs.state_dict()[k]) for k, v in ours.state_dict().items())


def test_coarser_outputs_come_only_with_deep_supervision():
    arguments = {"n_stages": 3, "features_per_stage": [4, 4, 4], "conv_op": "Conv3d", "kernel_sizes": [[3] * 3] * 3}
    arguments |= {"strides": [[1] * 3, [2] * 3, [2] * 3], "n_conv_per_stage": 1, "n_conv_per_stage_decoder": 1}
    net = build_network({"class": "PlainConvUNet", "arguments": arguments}, 1, 3, deep_supervision=True)
    assert [tuple(o.shape) for o in net(torch.zeros(1, 1, 8, 8, 8))] == [(1, 3, 8, 8, 8), (1, 3, 4, 4, 4)]


@pytest.mark.parametrize(("key", "value"), [("class", "os.system"), ("conv_op", "builtins.exec"), ("nonlin", "Tanh")])
def test_a_description_cannot_name_other_code(architecture, key, value):
    wrong = copy.deepcopy(architecture_of_plan(architecture))
    (wrong if key == "class" else wrong["arguments"])[key] = value
    with pytest.raises(ValueError, match="unknown"):
        build_network(wrong, 1, 3)
