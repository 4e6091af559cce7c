import copy

import numpy as np
import pytest
import torch

from ichor.errors import StudyError
from ichor.explain import occlusion, vocabulary
from ichor.explain.convolution import camera_layer
from ichor.explain.methods import METHODS, MOST_BOXES, Effort, attribute, check_names
from ichor.imaging.crops import Grid
from ichor.models import registry
from ichor.training.data import InputSpec

EFFORT = Effort(steps=64, box=(4, 4, 4))


def logit(network, channels):
    with torch.no_grad():
        return float(network(channels[None])[0, 0])


def test_every_method_has_words_and_an_unknown_one_is_refused():
    assert list(METHODS) == list(vocabulary.METHODS)
    with pytest.raises(StudyError, match="unknown attention"):
        check_names(["gradient", "attention"])


def test_the_gradient_of_a_linear_model_is_its_weights(linear, channels, inputs):
    image, masks = attribute("gradient", linear, channels, inputs, EFFORT)
    np.testing.assert_allclose(image, linear.weights[0].detach(), rtol=1e-6)
    assert masks == pytest.approx(float(linear.weights[1].detach().sum()), rel=1e-4)


@pytest.mark.parametrize("name", ["linear", "rectified"])
def test_integrated_gradients_add_up_to_the_difference_of_the_logits(name, channels, inputs, request):
    network = request.getfixturevalue(name)
    image, masks = attribute("integrated_gradients", network, channels, inputs, EFFORT)
    difference = logit(network, channels) - logit(network, torch.zeros_like(channels))
    assert abs(difference) > 1e-3
    assert image.sum() + masks == pytest.approx(difference, rel=2e-3, abs=2e-5)


def test_integrated_gradients_of_a_vit_are_complete(vit, channels, inputs):
    _, network = vit
    image, masks = attribute("integrated_gradients", network, channels, inputs, EFFORT)
    difference = logit(network, channels) - logit(network, torch.zeros_like(channels))
    assert abs(difference) > 1e-2
    assert image.sum() + masks == pytest.approx(difference, rel=0.02)


def test_channels_inside_the_mask_belong_to_the_image(linear, channels, inputs):
    both = InputSpec(inputs.view, inputs.grid, inputs.windows_hu, inputs.mask_labels, inside=True)
    torch.manual_seed(0)
    network = type(linear)(channels=3)
    image, masks = attribute("gradient", network, torch.rand(3, *inputs.grid.shape), both, EFFORT)
    np.testing.assert_allclose(image, (network.weights[0] + network.weights[2]).detach(), rtol=1e-5, atol=1e-6)
    assert masks == pytest.approx(float(network.weights[1].detach().sum()), rel=1e-3, abs=1e-3)


def test_occlusion_of_a_linear_model_is_the_mean_of_what_its_boxes_hold(linear, channels, inputs):
    effort = Effort(box=(5, 4, 3))
    image, masks = attribute("occlusion", linear, channels, inputs, effort)
    product = (linear.weights.detach() * channels).sum(dim=0).numpy()
    total, count = np.zeros(product.shape), np.zeros(product.shape)
    starts = [
        [min(step * ((size + 1) // 2), n) for step in range(-(-(n - size) // ((size + 1) // 2)) + 1)]
        for size, n in zip(effort.box, product.shape, strict=True)
    ]
    for x in starts[0]:
        for y in starts[1]:
            for z in starts[2]:
                box = tuple(slice(at, at + size) for at, size in zip((x, y, z), effort.box, strict=True))
                total[box] += product[box].sum()
                count[box] += 1
    assert count.min() >= 1 and masks == 0.0
    np.testing.assert_allclose(image, total / count, atol=1e-4)


def test_occlusion_is_that_of_captum_and_boxes_that_hold_nothing_are_not_tried(rectified, channels):
    from captum.attr import Occlusion

    empty = channels.clone()
    empty[:, :6] = 0
    asked = []
    rectified.register_forward_pre_hook(lambda _, images: asked.append(len(images[0])))
    found = occlusion.occlusion(rectified, empty, (4, 3, 3))
    tried = sum(asked)
    expected = Occlusion(lambda images: rectified(images)[:, 0]).attribute(
        empty[None], sliding_window_shapes=(2, 4, 3, 3), strides=(2, 2, 2, 2), baselines=0.0
    )
    torch.testing.assert_close(found, expected[0, :1], atol=1e-6, rtol=1e-4)
    assert found.abs().max() > 1e-4 and tried < sum(asked) - tried, "captum tries them all"


def test_boxes_get_larger_where_a_grid_would_need_too_many():
    crop = InputSpec("crop", Grid((32, 32, 12), (2.0, 2.0, 5.0)), ((0.0, 100.0),), ())
    head = InputSpec("head", Grid((40, 48, 32), (4.0, 4.0, 5.0)), ((0.0, 100.0),), ())
    assert Effort.from_settings(32, 20.0, crop).box == (10, 10, 4)
    box = Effort.from_settings(32, 20.0, head).box
    places = [-(-(n - size) // ((size + 1) // 2)) + 1 for n, size in zip(head.grid.shape, box, strict=True)]
    assert box[0] > 5 and np.prod(places) <= MOST_BOXES
    assert Effort.from_settings(32, 500.0, crop).box == crop.grid.shape


def test_guided_backprop_lets_only_positive_gradients_through(rectified, channels, inputs):
    image, masks = attribute("guided_backprop", rectified, channels, inputs, EFFORT)
    first, second = rectified.body[0], rectified.body[2]
    with torch.no_grad():
        inner = first(channels[None])
        outer = second(inner.relu())
        size = outer[0, 0].numel()
        back = rectified.head.weight.view(1, -1, 1, 1, 1).expand_as(outer) / size
        back = torch.nn.functional.conv_transpose3d(back.relu() * (outer > 0), second.weight, padding=1)
        back = torch.nn.functional.conv_transpose3d(back.relu() * (inner > 0), first.weight, padding=1)
    np.testing.assert_allclose(image, back[0, 0], atol=1e-8)
    assert masks == pytest.approx(float(back[0, 1].sum()), abs=1e-6)
    plain, _ = attribute("gradient", rectified, channels, inputs, EFFORT)
    assert not np.allclose(plain, image, atol=1e-6)


def test_grad_cam_pp_is_that_of_its_definition(rectified, channels, inputs):
    image, masks = attribute("grad_cam_pp", rectified, channels, inputs, EFFORT)
    own = copy.deepcopy(rectified)
    maps = own.body(channels[None]).detach()
    weights = own.head.weight.detach().view(-1)
    gradient = (weights / maps[0, 0].numel()).view(1, -1, 1, 1, 1).expand_as(maps)
    score = float((maps.mean(dim=(2, 3, 4)) @ weights) + own.head.bias.detach())
    sums = (maps * gradient**3).sum(dim=(2, 3, 4), keepdim=True)
    alpha = gradient**2 / (2 * gradient**2 + sums + 1e-7)
    per_map = (alpha * (np.exp(score) * gradient).relu()).sum(dim=(2, 3, 4), keepdim=True)
    np.testing.assert_allclose(image, (per_map * maps).sum(dim=1).relu()[0], rtol=1e-3, atol=1e-9)
    assert masks == 0.0 and image.max() > 0 and image.min() >= 0


def test_guided_grad_cam_is_nothing_where_grad_cam_is_nothing(rectified, channels, inputs):
    image, _ = attribute("guided_grad_cam", rectified, channels, inputs, EFFORT)
    guided, _ = attribute("guided_backprop", rectified, channels, inputs, EFFORT)
    with torch.no_grad():
        maps = rectified.body(channels[None])
        cam = (rectified.head.weight.view(1, -1, 1, 1, 1) / maps[0, 0].numel() * maps).sum(dim=1).relu()[0].numpy()
    np.testing.assert_allclose(image, guided * cam, rtol=1e-4, atol=1e-12)


def test_the_camera_looks_at_the_last_layer_that_tells_places_apart(inputs):
    spec = registry.resolve({"kind": "densenet", "init_features": 4, "growth_rate": 4, "blocks": [1, 1, 1, 1]})
    network = registry.load("densenet").build(spec, 2, (40, 48, 32)).eval()
    assert camera_layer(network, torch.rand(2, 40, 48, 32)) == "features.transition2.conv"


def test_all_methods_for_convolutions_run_on_the_densenet_and_leave_it_as_it_was(inputs):
    spec = registry.resolve({"kind": "densenet", "init_features": 4, "growth_rate": 4, "blocks": [1, 1, 1, 1]})
    network = registry.load("densenet").build(spec, 2, (32, 32, 32)).eval()
    before = copy.deepcopy(network.state_dict())
    grid = InputSpec("head", Grid((32, 32, 32), (4.0, 4.0, 5.0)), ((0.0, 100.0),), ("iph",))
    channels = torch.rand(2, 32, 32, 32)
    with torch.no_grad():
        answer = network(channels[None])
    for name in ("guided_backprop", "grad_cam_pp", "guided_grad_cam", "gradient"):
        assert METHODS[name].applies(network)
        image, _ = attribute(name, network, channels, grid, EFFORT)
        assert image.shape == (32, 32, 32) and image.dtype == np.float32 and np.ptp(image) > 0
    with torch.no_grad():
        torch.testing.assert_close(network(channels[None]), answer)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(layer._forward_hooks or layer._backward_hooks for layer in network.modules())
    assert not METHODS["attention_rollout"].applies(network)


def test_methods_for_convolutions_do_not_apply_to_a_vit(vit):
    assert not any(METHODS[name].applies(vit[1]) for name in ("guided_backprop", "grad_cam_pp", "guided_grad_cam"))
    assert METHODS["attention_rollout"].applies(vit[1])
