"""Train one network of a model: in this process, or in several that this one starts.

Several processes read the views from files, mapped into memory, so that the computer holds them once; the result is the
last checkpoint, which the first of them writes.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ichor.imaging.augment import AugmentRanges
from ichor.models.auxiliary_tasks import AuxiliaryTasks
from ichor.seeds import seed_for
from ichor.training import checkpoint
from ichor.training.balance import Balance, plan
from ichor.training.data import InputSpec
from ichor.training.device import make_deterministic
from ichor.training.example_files import read_examples
from ichor.training.examples import Examples
from ichor.training.group import Group
from ichor.training.inference import network_of, start
from ichor.training.launch import launch
from ichor.training.loop import LoopSettings, Training, train


@dataclass(frozen=True)
class Member:
    """One network to be trained, in plain values.

    Attributes
    ----------
    spec : dict
        Complete settings of the model's kind.
    seed : int
        Seed of this network.
    precision : str
        ``"32"`` or ``"bf16"``.
    threads : int
        CPU threads of each process.
    n_real : int
        Train examples that are real; synthetic ones follow.
    ratio : str
        Of events to others, see `ichor.training.balance.plan`.
    path, fingerprint : str
        Checkpoint file, and what it must be of.
    """

    spec: dict
    seed: int
    precision: str
    threads: int
    n_real: int
    ratio: str
    path: str
    fingerprint: str


def train_member(
    member: Member, device: torch.device, train_set: Examples, tune_set: Examples, group: Group | None = None
) -> checkpoint.Tensors:
    """Train the network in this process, one of `group`, and return its weights, on the CPU."""
    make_deterministic(device, member.threads)
    spec, inputs = member.spec, InputSpec.from_settings(member.spec["input"])
    balanced = plan(train_set.labels, member.n_real, Balance.of(spec), member.ratio, member.seed)
    training = Training(
        inputs=inputs,
        augment=AugmentRanges(**spec["augment"]),
        settings=LoopSettings(**spec["training"]),
        device=device,
        precision=member.precision,
        seed=member.seed,
        prior_logit=balanced.prediction_logit,
        record_dropout=spec["record"]["dropout"],
        scan_dropout=spec["record"]["scan_dropout"],
        tasks=AuxiliaryTasks.of(spec),
        plan=balanced,
        group=group or Group(),
    )
    torch.manual_seed(seed_for(member.seed, "initial weights"))
    network = network_of(spec, inputs, 0 if train_set.views.record is None else train_set.views.record.shape[1])
    start(network, spec)
    return train(network, training, train_set, tune_set, Path(member.path), member.fingerprint)


def train_member_together(member: Member, device: torch.device, folder: Path, processes: int) -> checkpoint.Tensors:
    """Train the network in several processes on the examples in `folder`, see `ichor.training.example_files`."""
    request = {"member": asdict(member), "examples": str(folder.resolve())}
    launch(__name__, request, processes=processes, device=device.type, threads=member.threads)
    tensors, _ = checkpoint.load(Path(member.path), member.fingerprint)
    return checkpoint.unpack("best", tensors)


def work(request: dict, group: Group) -> None:
    """What each of the processes does that `train_member_together` starts."""
    sets = [read_examples(Path(request["examples"]), name) for name in ("train", "tune")]
    train_member(Member(**request["member"]), group.device, *sets, group)
