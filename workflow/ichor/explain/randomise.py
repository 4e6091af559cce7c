"""Networks whose weights are replaced by fresh ones, from the head down or all at once."""

import copy
from collections.abc import Callable, Iterator

import torch
from torch import nn

from ichor.seeds import seed_for

Fresh = Callable[[int], nn.Module]
"""``fresh(seed)``: a network of the same architecture with random weights, as a training from scratch starts."""


def fresh_network(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Build a network with weights drawn from a seed, in evaluation mode; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build().eval()


def layers(network: nn.Module) -> list[str]:
    """Names of all modules that own weights or running statistics, the head first.

    In the order in which the network defines them, backwards: the last defined module of the networks here is the
    one that gives the logits.
    """
    owning = [
        name
        for name, layer in network.named_modules()
        if any(True for _ in layer.parameters(recurse=False)) or any(True for _ in layer.buffers(recurse=False))
    ]
    return owning[::-1]


def cascade(network: nn.Module, fresh: Fresh, seed: int, steps: int) -> Iterator[tuple[float, nn.Module]]:
    """Networks with more and more of their layers replaced, from the head to the input (Adebayo et al., section 4.1).

    Parameters
    ----------
    network : torch.nn.Module
        Trained.
    fresh : callable
        See `Fresh`.
    seed : int
        Of the fresh weights.
    steps : int
        How many networks; the first has the head replaced, the last every layer.

    Yields
    ------
    share : float
        Part of the layers that is replaced, over 0 to 1.
    network : torch.nn.Module
        A copy; the trained network is left as it was.
    """
    names = layers(network)
    source = dict(fresh(seed).named_modules())
    counts = sorted({max(1, round(len(names) ** (step / max(1, steps - 1)))) for step in range(steps)} | {len(names)})
    changed, done = copy.deepcopy(network), 0
    targets = dict(changed.named_modules())
    for count in counts:
        for name in names[done:count]:
            _replace(targets[name], source[name])
        done = count
        yield count / len(names), copy.deepcopy(changed)


def all_at_once(fresh: Fresh, seed: int, draws: int) -> Iterator[nn.Module]:
    """Networks with nothing learned at all, each of its own draw."""
    for draw in range(draws):
        yield fresh(seed_for(seed, "all layers", draw))


def _replace(layer: nn.Module, other: nn.Module) -> None:
    with torch.no_grad():
        for (_, own), (_, new) in zip(
            [*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False)],
            [*other.named_parameters(recurse=False), *other.named_buffers(recurse=False)],
            strict=True,
        ):
            own.copy_(new)
