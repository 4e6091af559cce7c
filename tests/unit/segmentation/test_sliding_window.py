import pytest
import torch
from torch import nn

from ichor.segmentation import sliding_window
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


def test_each_of_several_networks_is_shown_alone_and_a_single_one_is_not():
    networks = [TwoClass(), TwoClass()]
    with torch.no_grad():
        networks[1].scale.fill_(-3.0)
    volume, shown = torch.randn((1, 10, 10, 10)), []
    plain = predict_probabilities(networks, volume, (8, 8, 8))
    result = predict_probabilities(networks, volume, (8, 8, 8), each=lambda part: shown.append(part.clone()))
    assert torch.equal(result, plain)
    assert torch.allclose(shown[0][1], volume[0].sigmoid(), atol=1e-5)
    assert torch.allclose(shown[1][1], (-3 * volume[0]).sigmoid(), atol=1e-5)
    predict_probabilities(networks[:1], volume, (8, 8, 8), each=shown.append)
    assert len(shown) == 2


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


class Counting(TwoClass):
    """Remember how many tiles each pass had."""

    def __init__(self):
        super().__init__()
        self.passes = []

    def forward(self, x):
        self.passes.append(len(x))
        return super().forward(x)


@pytest.mark.parametrize(("width", "passes"), [(16, [2]), (24, [3]), (32, [2, 2]), (40, [2, 3]), (72, [2, 2, 2, 3])])
def test_no_pass_has_a_single_tile_or_more_than_three(width, passes):
    network = Counting()
    predict_probabilities([network], torch.randn(1, 8, 8, width), (8, 8, 8), step_size=1.0)
    assert network.passes == passes


def test_tiles_of_one_value_are_run_once_and_the_result_is_that_of_running_all(planned, monkeypatch):
    torch.manual_seed(2)
    network = build_network(planned[1]["architecture"], 1, 3).eval()
    size = tuple(planned[1]["patch_size"])
    volume = torch.zeros((1, size[0], 3 * size[1], 4 * size[2]))
    volume[:, :, : size[1], : size[2]] = torch.randn((1, *size))
    places = sliding_window.tile_places(tuple(volume.shape[1:]), size, 0.5)
    groups = sliding_window.distinct_tiles(volume, places)
    air = sum(not volume[place].any() for place in places)
    assert air > 20 and len(groups) == len(places) - air + 1
    assert sorted(map(str, (place for same in groups for place in same))) == sorted(map(str, places))
    shared = predict_probabilities([network], volume, size, mirror_axes=(2,))
    monkeypatch.setattr(sliding_window, "distinct_tiles", lambda _, tiles: [[tile] for tile in tiles])
    assert torch.allclose(predict_probabilities([network], volume, size, mirror_axes=(2,)), shared, atol=1e-6)


def test_tiles_of_different_values_are_not_one():
    volume = torch.zeros((1, 4, 4, 12))
    volume[..., 8:] = 3.0
    groups = sliding_window.distinct_tiles(volume, sliding_window.tile_places((4, 4, 12), (4, 4, 4), 1.0))
    assert [len(same) for same in groups] == [2, 1]


def test_bfloat16_is_used_only_where_the_processor_has_it(planned, monkeypatch):
    torch.manual_seed(3)
    network = build_network(planned[1]["architecture"], 1, 3).eval()
    volume, size = torch.randn((1, 12, 40, 40)), tuple(planned[1]["patch_size"])
    plain = predict_probabilities([network], volume, size)
    monkeypatch.setattr(sliding_window, "computes_bfloat16", lambda: False)
    assert torch.equal(predict_probabilities([network], volume, size, precision="bfloat16"), plain)
    monkeypatch.setattr(sliding_window, "computes_bfloat16", lambda: True)
    rounded = predict_probabilities([network], volume, size, precision="bfloat16")
    assert rounded.dtype == torch.float32 and not torch.equal(rounded, plain)
    assert torch.allclose(rounded, plain, atol=0.05)  # 8 significant bits, through a few layers
