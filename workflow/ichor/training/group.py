"""Processes that train one network together: each takes its share of every batch, and sums are over all of them."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from torch import distributed, nn


@dataclass
class Group:
    """The processes of one training, seen from one of them.

    Attributes
    ----------
    rank, size : int
        Which of how many processes this is; rank 0 writes.
    device : torch.device
        Where this process computes, and what passes between processes lies.
    batch_rows : int
        Rows of the whole batch that is worked on, see `take`.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")
    batch_rows: int = 0

    @property
    def writes(self) -> bool:
        """Whether this process writes what is kept and shown."""
        return self.rank == 0

    def share(self, rows: int) -> slice:
        """Part of some rows that is this process's: near-equal parts, in order, all rows in one of them."""
        return slice(self.rank * rows // self.size, (self.rank + 1) * rows // self.size)

    def take(self, rows: int) -> slice:
        """The share of a batch, remembered for layers that work on whole batches."""
        self.batch_rows = rows
        return self.share(rows)

    def sum(self, values: np.ndarray | float) -> np.ndarray:
        """Sum over the processes, float64 and equal to the last bit in each; every process has to call it."""
        values = np.asarray(values, dtype=np.float64)
        if self.size == 1:
            return values
        tensor = torch.from_numpy(values.copy()).to(self.device)
        distributed.all_reduce(tensor)
        return tensor.cpu().numpy()

    def sum_gradients(self, network: nn.Module) -> None:
        """Put the sum over the processes in place of each gradient.

        Each process's loss must be its share of the loss of the whole batch, so that the sum is the gradient of that.
        """
        if self.size == 1:
            return
        gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(together)
        parts = together.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


@contextmanager
def joined(rank: int, size: int, device: torch.device, meeting_point: Path, timeout_s: float) -> Iterator[Group]:
    """Join the processes of a training while the block runs.

    Parameters
    ----------
    rank, size : int
        Which of how many processes this is.
    device : torch.device
        GPUs talk through NCCL, CPUs through gloo.
    meeting_point : pathlib.Path
        File that no process has used before; it is how they find each other.
    timeout_s : float
        A process that hears nothing from the others for so long gives up, s.
    """
    store = distributed.FileStore(str(meeting_point), size)
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.set_device(device)
    distributed.init_process_group(
        "nccl" if on_gpu else "gloo",
        store=store,
        rank=rank,
        world_size=size,
        timeout=timedelta(seconds=timeout_s),
        device_id=device if on_gpu else None,
    )
    group = Group(rank, size, device)
    yield group  # after an error the process ends, which the others notice; leaving the group could wait for them
    group.sum(0.0)  # nobody leaves before all are done
    distributed.destroy_process_group()


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's generators, for code that draws from these."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
