"""Training of the small dense network, with torch, in double precision and one thread."""

import numpy as np
import torch
from torch import nn


def train(values: np.ndarray, labels: np.ndarray, spec: dict, seed: int) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Train for all epochs.

    Parameters
    ----------
    values : numpy.ndarray
        float64 ``(rows, columns)``, prepared train rows, at least two.
    labels : numpy.ndarray
        0 and 1.
    spec : dict
        Settings of the kind ``dense_net``.
    seed : int
        Of weights, order of the rows and dropout.

    Returns
    -------
    list
        For each epoch the layers at its end, see `ichor.models.dense_net.Layers`.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums of several threads round differently
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _epochs(torch.from_numpy(values), torch.from_numpy(labels.astype(np.float64)), spec)
    finally:
        torch.set_num_threads(threads)


def network(columns: int, units: list[int], dropout: float) -> nn.Sequential:
    """Linear, batch normalisation, rectifier and dropout per hidden layer; one logit."""
    parts: list[nn.Module] = []
    for width in units:
        parts += [nn.Linear(columns, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)]
        columns = width
    return nn.Sequential(*parts, nn.Linear(columns, 1)).double()


def folded(net: nn.Sequential) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and biases of a network as it predicts: the normalisation is a factor and a shift, and joins them."""
    made = []
    for part in net:
        if isinstance(part, nn.Linear):
            made.append((part.weight.detach().numpy().T.copy(), part.bias.detach().numpy().copy()))
        elif isinstance(part, nn.BatchNorm1d):
            weights, biases = made[-1]
            factor = (part.weight / torch.sqrt(part.running_var + part.eps)).detach().numpy()
            shift = part.bias.detach().numpy() - part.running_mean.numpy() * factor
            made[-1] = (weights * factor, biases * factor + shift)
    return made


def _epochs(values: torch.Tensor, labels: torch.Tensor, spec: dict) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    net = network(values.shape[1], spec["units"], spec["dropout"])
    optimizer = torch.optim.Adam(net.parameters(), lr=spec["learning_rate"], weight_decay=spec["weight_decay"])
    loss, made = nn.BCEWithLogitsLoss(), []
    batches = max(1, round(len(values) / spec["batch_size"]))
    for _ in range(spec["epochs"]):
        net.train()
        for rows in torch.tensor_split(torch.randperm(len(values)), batches):
            optimizer.zero_grad()
            loss(net(values[rows])[:, 0], labels[rows]).backward()
            optimizer.step()
        made.append(folded(net.eval()))
    return made
