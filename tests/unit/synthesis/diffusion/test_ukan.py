import pytest
import torch

from ichor.errors import StudyError
from ichor.synthesis import registry
from ichor.synthesis.diffusion.networks import CLASSES, Predictor, build
from ichor.synthesis.diffusion.ukan import sinusoid, strides_of

SMALL = {
    "ukan": {"channels": [8, 16, 16], "groups": 4, "patch": 1},
    "monai_unet": {"channels": [8, 16, 16], "groups": 4, "head_channels": 8, "attention_levels": [2]},
}


def spec(**changes):
    return registry.resolve({"kind": "diffusion", **SMALL, **changes})


def inputs(n, *shape):
    torch.manual_seed(0)
    return torch.randn(n, *shape), torch.tensor([3, 900])[:n], torch.tensor([0, 1])[:n]


@pytest.mark.parametrize("network", ["ukan", "monai_unet"])
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("shape", [(8, 12, 4), (16, 8, 8)])
def test_a_prediction_has_the_shape_of_the_image_and_starts_at_zero(network, dimensions, shape):
    built = build(spec(network=network, dimensions=dimensions), 3, shape)
    noisy, t, classes = inputs(2, 3, *shape)
    made = built(noisy, t, classes)
    assert made.shape == noisy.shape and not made.any()


@pytest.mark.parametrize("network", ["ukan", "monai_unet"])
def test_time_and_class_matter_and_every_weight_is_learned(network):
    torch.manual_seed(1)
    built = build(spec(network=network), 2, (8, 8, 3))
    for weight in built.parameters():  # the last layer starts at zero, which would hide everything
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.1)
    noisy, t, classes = inputs(2, 2, 8, 8, 3)
    made = built(noisy, t, classes)
    assert not torch.allclose(made, built(noisy, t + 50, classes))
    for other in range(1, CLASSES):
        assert not torch.allclose(made[0], built(noisy, t, torch.full((2,), other))[0])
    made.pow(2).sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in built.parameters())


def test_kan_layers_are_where_they_are_asked_for():
    for levels in (0, 1, 2, 3):
        built = build(spec(ukan={**SMALL["ukan"], "kan_levels": levels}), 1, (8, 8, 2))
        encode = built.network.encode
        found = [any("kans" in name for name, _ in stage.named_parameters()) for stage in encode]
        assert found == [level >= 3 - levels for level in range(3)]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_first_level_of_patches_gives_back_full_resolution(dimensions):
    built = build(spec(dimensions=dimensions, ukan={**SMALL["ukan"], "patch": 2}), 2, (16, 16, 4))
    seen = []
    built.network.encode[0][0].register_forward_hook(lambda module, given, made: seen.append(made.shape[2:4]))
    torch.nn.init.normal_(built.network.out[-1].weight)
    made = built(*inputs(1, 2, 16, 16, 4))
    assert seen == [(8, 8)] and made.shape == (1, 2, 16, 16, 4)
    assert made.std(dim=(2, 3)).all()


def test_slices_become_channels_and_come_back_in_their_places():
    seen = []

    def network(flat, t, classes):
        seen.append(flat)
        return flat

    noisy = torch.arange(2 * 3 * 4 * 5 * 6.0).reshape(2, 3, 4, 5, 6)
    predictor = Predictor(torch.nn.Identity(), 2)
    predictor.network = network_of(network)
    assert torch.equal(predictor(noisy, None, None), noisy)
    assert torch.equal(seen[0][1, 2 * 6 + 4], noisy[1, 2, :, :, 4])


def network_of(function):
    class Module(torch.nn.Module):
        def forward(self, *arguments):
            return function(*arguments)

    return Module()


def test_short_axes_are_halved_later():
    assert strides_of((40, 40, 16), 4) == [(2, 2, 1), (2, 2, 2), (2, 2, 2)]
    assert strides_of((40, 40), 4) == [(2, 2)] * 3
    assert strides_of((32, 32, 32), 2) == [(2, 2, 2)]
    with pytest.raises(StudyError, match="cannot be halved; write fewer channels"):
        strides_of((20, 20, 8), 4)


def test_shapes_and_settings_that_do_not_fit_are_refused():
    for changes, shape, words in (
        ({"network": "unet"}, (8, 8, 4), "ukan or monai_unet"),
        ({"dimensions": 4}, (8, 8, 4), "slices as channels"),
        ({"network": "monai_unet"}, (6, 8, 4), "monai_unet halves"),
        ({}, (6, 8, 4), "cannot be halved"),
        ({"ukan": {"channels": [8, 10], "groups": 4}}, (8, 8, 4), "multiples of 4"),
        ({"ukan": {**SMALL["ukan"], "patch": 3}}, (8, 8, 4), r"ukan\.patch: found 3 for 8 x 8 voxels"),
        ({"ukan": {**SMALL["ukan"], "kan_levels": 4}}, (8, 8, 4), "kan_levels from 0 to 3"),
    ):
        with pytest.raises(StudyError, match=words):
            build(spec(**changes), 1, shape)


def test_times_have_different_embeddings_of_length_one():
    embedded = sinusoid(torch.arange(1000), 32)
    torch.testing.assert_close(embedded.pow(2).sum(1), torch.full((1000,), 16.0))
    assert torch.cdist(embedded, embedded).fill_diagonal_(1).min() > 0.01
