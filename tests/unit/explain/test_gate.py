import numpy as np
import pandas as pd
import pytest
import torch

from ichor.explain import gate, similarity
from ichor.explain.methods import Effort, attribute
from ichor.explain.randomise import all_at_once, cascade, fresh_network, layers


def subjects(heads):
    return [gate.Subject(channels, np.ones(channels.shape[1:], dtype=bool)) for channels in heads]


def judged(attribution, network, heads, **further):
    def fresh(seed):
        return fresh_network(type(network), seed)

    tried = gate.trials(network, fresh, 7, steps=2, draws=2, **further)
    return gate.measure(attribution, network, tried, subjects(heads), "gate")


def edges(_network, subject):
    """What an edge detector shows, whatever the network is."""
    return np.linalg.norm(np.gradient(subject.channels[0]), axis=0)


def by_gradient(inputs):
    return lambda network, subject: attribute("gradient", network, subject.channels, inputs, Effort())[0]


def test_an_edge_detector_that_poses_as_attribution_fails(linear, heads):
    found = judged(edges, linear, heads)
    np.testing.assert_allclose(found["estimate"], 1.0, atol=1e-9)
    assert not gate.passes(found, 0.99)
    assert gate.said(found, 0.5).startswith("withheld")


def test_the_gradient_of_a_linear_model_passes(linear, heads, inputs):
    found = judged(by_gradient(inputs), linear, heads)
    deciding = found[found["test"] == "all_layers"].set_index("measure")
    assert abs(deciding.loc["spearman", "estimate"]) < 0.1 and deciding.loc["ssim", "estimate"] < 0.2
    assert gate.passes(found, 0.5) and gate.said(found, 0.5).startswith("shown")


def test_an_edge_detector_with_a_little_of_the_gradient_fails_too(linear, heads, inputs):
    own = by_gradient(inputs)
    found = judged(lambda network, x: edges(network, x) + 0.01 * own(network, x), linear, heads)
    assert not gate.passes(found, 0.5)


def test_a_network_that_learned_the_labels_whatever_they_were_fails(linear, heads, inputs):
    found = judged(by_gradient(inputs), linear, heads, permuted=linear)
    assert not gate.passes(found, 0.5) and "permuted labels: rank correlation 1.00" in gate.said(found, 0.5)
    other = judged(by_gradient(inputs), linear, heads, other=linear)
    assert gate.passes(other, 0.5), "a network that was trained alike decides nothing"
    assert (other.loc[other["test"] == "other_seed", "estimate"] > 0.99).all()


def test_what_was_not_shown_does_not_pass(linear, heads, inputs):
    one = judged(by_gradient(inputs), linear, heads[:1])
    assert one["high"].isna().all() and not gate.passes(one, 0.5)
    assert not gate.passes(one.head(0), 0.5) and gate.said(one.head(0), 0.5) == "withheld: nothing was compared"


def test_the_upper_end_decides_and_a_late_change_is_told():
    rows = [("cascade", 0.3, "spearman", 0.9, 0.8, 1.0), ("cascade", 1.0, "spearman", 0.1, 0.0, 0.2)]
    rows += [("all_layers", 1.0, "spearman", 0.3, 0.2, 0.45), ("all_layers", 1.0, "ssim", 0.1, 0.0, 0.2)]
    found = pd.DataFrame(rows, columns=["test", "share", "measure", "estimate", "low", "high"]).assign(n=9)
    assert gate.passes(found, 0.5) and not gate.passes(found, 0.45)
    assert "still alike when the last 30% of the layers were random" in gate.said(found, 0.5)


def test_similarity_of_a_map_to_itself_its_negative_and_noise():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 12, 12, 8))
    where = np.ones(first.shape, dtype=bool)
    for measure in (similarity.spearman, similarity.ssim):
        assert measure(first, first, where) == pytest.approx(1)
        assert measure(first, -5 * first, where) == pytest.approx(1), "sign and scale do not count"
        assert abs(measure(first, second, where)) < 0.12
    assert similarity.spearman(first, np.zeros_like(first), where) == 0.0
    assert similarity.spearman(np.ones_like(first), np.zeros_like(first), where) == 1.0


def test_only_the_head_is_compared():
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, 12, 12, 8))
    where = np.zeros(first.shape, dtype=bool)
    where[:6] = True
    second[:6] = first[:6]
    assert similarity.spearman(first, second, where) == pytest.approx(1)
    assert similarity.spearman(first, second, ~where) < 0.3


def test_flat_grids_have_a_structural_similarity():
    values = np.random.default_rng(2).normal(size=(10, 10, 1))
    assert similarity.ssim(values, values, np.ones(values.shape, dtype=bool)) == pytest.approx(1)


def test_the_cascade_starts_at_the_head_and_ends_with_nothing_learned(rectified):
    assert layers(rectified) == ["head", "body.2", "body.0"]
    before = {name: value.clone() for name, value in rectified.state_dict().items()}

    def fresh(seed):
        return fresh_network(type(rectified), seed)

    steps = list(cascade(rectified, fresh, 3, 3))
    new = fresh(3).state_dict()
    changed = [
        [name for name, value in network.state_dict().items() if torch.equal(value, new[name])] for _, network in steps
    ]
    assert changed[0] == ["head.weight", "head.bias"]
    assert changed[1] == ["body.2.weight", "body.2.bias", "head.weight", "head.bias"]
    assert len(changed[2]) == len(new)
    assert [share for share, _ in steps] == pytest.approx([1 / 3, 2 / 3, 1])
    assert all(torch.equal(before[name], value) for name, value in rectified.state_dict().items())


def test_fresh_networks_are_those_of_their_seed_and_leave_the_generator_alone(linear):
    def fresh(seed):
        return fresh_network(type(linear), seed)

    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    first, second = all_at_once(fresh, 1, 2)
    again, _ = all_at_once(fresh, 1, 2)
    torch.testing.assert_close(torch.rand(3), expected)
    assert torch.equal(first.weights, again.weights) and not torch.equal(first.weights, second.weights)


def test_the_cascade_reaches_every_weight_of_a_vit(vit, small_vit):
    form, network = vit

    def fresh(_seed):
        made = small_vit(form)
        for parameter in made.parameters():
            parameter.data += 1
        return made

    *_, (share, changed) = cascade(network, fresh, 0, 3)
    assert share == 1
    assert all(torch.equal(changed.state_dict()[name], value) for name, value in fresh(0).state_dict().items())
