"""Networks of time courses: what a step's answer may depend on, and what it may not."""

import numpy as np
import pytest
import torch

from ichor.models import registry
from ichor.models.step_tokens import StepInputs, StepSizes, carried_forward

KINDS = [kind for kind, family in registry.kinds().items() if family == "sequence"]
SIZES = StepSizes(variables=4, record=2, kinds=3, targets=3)


def network_of(kind):
    torch.manual_seed(1)
    network = registry.load(kind).build(registry.resolve({"kind": kind}), SIZES).eval()
    for parameter in network.parameters():  # heads and queries start at zero, where nothing depends on anything
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def inputs_of(n=5, steps=6, lengths=None, seed=0):
    rng = np.random.default_rng(seed)
    present = np.arange(steps) < np.array(lengths or [steps] * n)[:, None]
    measured = (rng.random((n, steps, SIZES.variables)) < 0.6) & present[..., None]
    days = np.cumsum(rng.uniform(0.5, 5, (n, steps)), axis=1) * present
    return StepInputs(
        values=torch.tensor(rng.normal(size=measured.shape) * measured, dtype=torch.float32),
        measured=torch.tensor(measured, dtype=torch.float32),
        days=torch.tensor(days, dtype=torch.float32),
        clock=torch.tensor(rng.normal(size=(n, steps, 2)) * present[..., None], dtype=torch.float32),
        kind=torch.tensor(rng.integers(0, SIZES.kinds + 1, (n, steps)) * present),
        record=torch.tensor(rng.normal(size=(n, SIZES.record)), dtype=torch.float32),
        present=torch.tensor(present),
    )


def test_there_are_the_four_networks():
    assert KINDS == ["gru", "lstm", "multistep_transformer", "plain_transformer"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("last", [0, 2, 4])
def test_the_future_moves_no_answer_and_the_present_does(kind, last):
    network, now, other = network_of(kind), inputs_of(), inputs_of(seed=9)
    changed = {}
    for name, part in now._asdict().items():
        future = getattr(other, name)
        changed[name] = part if name == "record" else torch.cat([part[:, : last + 1], future[:, last + 1 :]], dim=1)
    shorter = now.present.clone()
    shorter[:, last + 1 :] = False  # nor does it matter whether there is a later step at all
    with torch.no_grad():
        before, after = network(now), network(StepInputs(**changed))
        alone = network(now._replace(present=shorter))
        moved = network(now._replace(values=now.values + 1.0, measured=torch.ones_like(now.measured)))
    assert torch.equal(before[:, : last + 1], after[:, : last + 1])
    assert torch.equal(before[:, : last + 1], alone[:, : last + 1])
    assert not torch.allclose(before[:, last + 1 :], after[:, last + 1 :])
    assert (before[:, : last + 1] != moved[:, : last + 1]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_padding_and_the_other_patients_of_a_batch_do_not_matter(kind):
    network, inputs = network_of(kind), inputs_of(lengths=[6, 3, 1, 4, 2])
    with torch.no_grad():
        together = network(inputs)
        for number, length in enumerate([6, 3, 1, 4, 2]):
            own = StepInputs(*(part[number : number + 1] for part in inputs))
            cut = {name: part if name == "record" else part[:, :length] for name, part in own._asdict().items()}
            torch.testing.assert_close(network(StepInputs(**cut))[0], together[number, :length], rtol=1e-5, atol=1e-5)
    assert torch.isfinite(together).all()


def test_earlier_steps_are_remembered():
    for kind in KINDS:
        network, inputs = network_of(kind), inputs_of()
        first = inputs.values.clone()
        first[:, 0] += inputs.measured[:, 0]
        last = torch.ones_like(inputs.measured)
        with torch.no_grad():  # everything is measured again later, so that nothing is only carried forward
            answers = [
                network(inputs._replace(values=values, measured=last))[:, -1] for values in (inputs.values, first)
            ]
        assert not torch.allclose(*answers), kind


def test_values_are_carried_forward_with_their_age_and_never_back():
    values = torch.tensor([[[0.0], [2.0], [0.0], [0.0], [5.0]]])
    measured = torch.tensor([[[0.0], [1.0], [0.0], [0.0], [1.0]]])
    value, carried, age = carried_forward(values, measured, torch.tensor([[1.0, 3.0, 4.5, 10.0, 12.0]]))
    assert value.flatten().tolist() == [0, 2, 2, 2, 5]
    assert carried.flatten().tolist() == [0, 0, 1, 1, 0]
    assert age.flatten().tolist() == [0, 0, 1.5, 7, 0]


def test_a_fresh_network_gives_everybody_the_base_rate_and_looks_at_all_steps_alike():
    inputs = inputs_of()
    network = registry.load("multistep_transformer").build(registry.resolve({"kind": "multistep_transformer"}), SIZES)
    assert (network.eval()(inputs) == 0).all()
    block = network.encoder.layers[0]
    assert block.query.weight.abs().sum() == 0 and block.key_value.weight.abs().sum() > 0
