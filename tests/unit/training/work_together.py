"""What the processes of `test_launch.py` and `test_whole_batches.py` do; started by `ichor.training.launch`."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ichor.errors import StudyError
from ichor.models.torchvision_on_cpu import import_torchvision
from ichor.training.group import Group
from ichor.training.whole_batches import see_whole_batches

ROWS = 7


class Mixed(nn.Module):
    """Every layer that depends on the batch: as torch has it, on turned axes, and for several rows per image."""

    def __init__(self):
        import_torchvision()  # timm needs it
        from timm.layers import DropPath  # here, because it takes seconds

        super().__init__()
        self.first = nn.Sequential(nn.Conv3d(1, 6, 3, padding=1), nn.BatchNorm3d(6), nn.Dropout3d(0.4))
        self.tokens = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.3), DropPath(0.5))
        self.last = nn.Sequential(nn.BatchNorm1d(6), nn.Dropout(0.2), nn.Linear(6, 1))

    def forward(self, image):
        found = self.first(image)
        tokens = self.tokens(found.flatten(2).transpose(1, 2))  # (rows, voxels, channels)
        folded = self.last[1](tokens.flatten(0, 1)).view(tokens.shape)  # many rows per image
        return self.last[2](self.last[0](folded.mean(1)))


def figures(group):
    """Logits, gradients and weights of some steps and of an evaluation, in double precision."""
    from ichor.models import densenet  # here, because it takes seconds

    small = densenet.build(densenet.SPEC | {"blocks": [2, 1, 1, 1], "dropout": 0.2}, 1, (32, 32, 32))
    found = {}
    for name, network, shape in (("mixed", Mixed(), (3, 4, 5)), ("densenet", small, (32, 32, 32))):
        for figure, array in figures_of(network.double(), shape, group).items():
            found[f"{name} {figure}"] = array
    return found


def figures_of(network, shape, group):
    """Figures of one network."""
    images = torch.from_numpy(np.random.default_rng(1).normal(3, 2, (ROWS, 1, *shape)))
    see_whole_batches(network, group)
    optimizer = torch.optim.AdamW(network.parameters())
    for step in range(3):
        torch.manual_seed(step)
        mine = group.take(ROWS)
        network.zero_grad()
        logits = network(images[mine])
        (logits.square().sum() / ROWS).backward()
        group.sum_gradients(network)
        optimizer.step()
    found = {f"gradient {name}": weight.grad.numpy() for name, weight in network.named_parameters()}
    found |= {f"state {name}": tensor.numpy() for name, tensor in network.state_dict().items()}
    network.eval()
    all_logits = np.zeros((2, ROWS, 1))
    all_logits[0, mine] = logits.detach()
    all_logits[1, mine] = network(images[mine]).detach()
    return found | {"logits": group.sum(all_logits)}


def work(request: dict, group: Group) -> None:
    """Do what the request says."""
    match request["do"]:
        case "figures":
            torch.manual_seed(5)
            np.savez(Path(request["folder"], f"{group.rank}.npz"), **figures(group))
        case "describe":
            facts = {name: os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")}
            Path(request["folder"], f"{group.rank}.txt").write_text(f"{group.size} {facts}")
            print(f"said by {group.rank}")
        case "study error" if group.rank == 1:
            raise StudyError("the sheet has no such column")
        case "fault" if group.rank == 1:
            raise ZeroDivisionError("a fault of ours")
        case "killed" if group.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        case "hangs" if group.rank == 1:
            time.sleep(600)
        case "orphan":
            Path(request["folder"], f"{group.rank}.pid").write_text(str(os.getpid()))
            time.sleep(600)
    group.sum(0.0)
