import numpy as np
import pandas as pd
import torch
from scipy.special import expit

from ichor.models import registry
from ichor.models.dense_net import forward
from ichor.models.dense_training import folded, network, train


def model(**settings):
    spec = registry.resolve({"kind": "dense_net", "features": ["age_years", "gcs"], **settings})
    return registry.load("dense_net").Model(spec)


def made_rows(n=120):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"age_years": rng.normal(65, 12, n), "gcs": rng.integers(3, 16, n).astype(float)})
    labels = (rng.random(n) < expit(0.08 * (rows["age_years"] - 65) - 0.6 * (rows["gcs"] - 9))).astype(int)
    return rows, labels.to_numpy()


def test_the_default_network_is_the_papers():
    spec = registry.resolve({"kind": "dense_net", "features": ["gcs"]})
    net = network(42, spec["units"], spec["dropout"])
    assert [(part.in_features, part.out_features) for part in net if isinstance(part, torch.nn.Linear)] == [
        (42, 64),
        (64, 32),
        (32, 16),
        (16, 1),
    ]
    assert sum(isinstance(part, torch.nn.BatchNorm1d) for part in net) == 3
    assert {part.p for part in net if isinstance(part, torch.nn.Dropout)} == {0.3}
    assert (spec["learning_rate"], spec["weight_decay"], spec["batch_size"]) == (0.001, 0.001, 128)


def test_the_plain_matrices_say_what_the_network_says():
    torch.manual_seed(1)
    net = network(5, [8, 4], 0.3)
    values = torch.randn(64, 5, dtype=torch.float64) * 3 + 1
    for _ in range(3):
        net(values)  # moves the normalisation's mean and variance
    for part in net:
        if isinstance(part, torch.nn.BatchNorm1d):
            part.weight.data.uniform_(0.5, 2)
            part.bias.data.normal_()
    expected = net.eval()(values)[:, 0].detach().numpy()
    np.testing.assert_allclose(forward(folded(net), values.numpy()), expected, rtol=1e-12, atol=1e-12)


def test_it_learns_keeps_the_best_epoch_of_the_tune_rows_and_is_restored():
    rows, labels = made_rows()
    fitted = model(epochs=60)
    fitted.fit(rows[:90], labels[:90], 3)
    values, tune = fitted.preparation.prepared(rows[90:]), labels[90:]
    losses = [np.mean(np.logaddexp(0, forward(at, values)) - tune * forward(at, values)) for at in fitted.trained]
    fitted.choose(rows[90:], tune)
    arrays, facts = fitted.state()
    assert facts["epoch"] == int(np.argmin(losses)) + 1
    probability = fitted.probability(rows)
    assert probability[labels == 1].mean() - probability[labels == 0].mean() > 0.2
    second = model(epochs=60)
    second.restore(arrays, facts)
    np.testing.assert_array_equal(second.probability(rows), probability)


def test_the_seed_decides_and_nothing_outside_is_touched():
    values, labels = np.random.default_rng(0).normal(size=(9, 3)), np.array([0, 1] * 4 + [0])
    spec = registry.resolve({"kind": "dense_net", "features": ["gcs"], "epochs": 3, "batch_size": 4})
    torch.manual_seed(0)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    first, again, other = (forward(train(values, labels, spec, seed)[-1], values) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads
