import pytest
import torch
from torch import nn

from ichor.segmentation.network import build_network
from ichor.segmentation.sliding_window import predict_probabilities


class TwoClass(nn.Module):
    """Logits (0, intensity): the probability of class 1 is the sigmoid of the voxel."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return torch.cat([torch.zeros_like(x), x * self.scale], dim=1)


@pytest.mark.parametrize("shape", [(1, 20, 30, 40), (1, 3, 30, 5), (1, 8, 8, 8)])
@pytest.mark.parametrize("mirror_axes", [(), (2,), (0, 1, 2)])
def test_a_voxelwise_network_gives_the_same_in_tiles(shape, mirror_axes):
    volume = torch.randn(shape)
    result = predict_probabilities([TwoClass()], volume, (8, 8, 8), mirror_axes=mirror_axes)
    assert torch.allclose(result[1], volume[0].sigmoid(), atol=1e-5)
    assert torch.allclose(result.sum(0), torch.ones(shape[1:]), atol=1e-5)


def test_folds_are_averaged_as_probabilities():
    networks = [TwoClass(), TwoClass()]
    with torch.no_grad():
        networks[1].scale.fill_(-3.0)
    volume = torch.randn((1, 10, 10, 10))
    result = predict_probabilities(networks, volume, (8, 8, 8))
    assert torch.allclose(result[1], (volume[0].sigmoid() + (-3 * volume[0]).sigmoid()) / 2, atol=1e-5)


def test_tiles_and_weights_are_those_of_nnunet(planned):
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    _, plan = planned
    torch.manual_seed(1)
    network = build_network(plan["architecture"], 1, 3).eval()
    plans = PlansManager(plan["plans"])
    theirs = nnUNetPredictor(
        use_mirroring=False, perform_everything_on_device=False, device=torch.device("cpu"), allow_tqdm=False
    )
    theirs.manual_initialization(
        network, plans, plans.get_configuration("3d_fullres"), [network.state_dict()], plan["dataset"], "ours", None
    )
    volume = torch.randn((1, 13, 45, 51))
    logits = theirs.predict_logits_from_preprocessed_data(volume).float()
    ours = predict_probabilities([network], volume, tuple(plan["patch_size"]))
    # Theirs adds up in half precision, in which the Gaussian's ends at the volume's rim are a few steps from zero.
    inside = (slice(None), slice(2, -2), slice(8, -8), slice(8, -8))
    assert torch.allclose(ours[inside], logits.softmax(0)[inside], atol=5e-3)
