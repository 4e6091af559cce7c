"""Networks of time courses: one for each seed, fitted on train rows, kept as weights and plain values."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ichor.cohort.sequences import SequenceSet
from ichor.models import registry
from ichor.models.sequence_network import SequenceNetwork
from ichor.models.step_tokens import StepInputs
from ichor.progress import track
from ichor.seeds import seed_for
from ichor.training import checkpoint
from ichor.training.device import choose_device, make_deterministic
from ichor.training.loop_settings import LoopSettings
from ichor.training.sequence_inputs import SequencePreparation, readable
from ichor.training.sequence_loop import Courses, train_sequence
from ichor.training.sequence_loss import Answers, Heads

PATIENTS_AT_ONCE = 1024
MOST_BATCHES = 64
"""Batches of an epoch: of many thousand patients they hold more patients than the settings say. Our choice: what a
network of this size learns from them, it has learned after as many steps."""


@dataclass
class FittedSequences:
    """Networks of a model, one per seed.

    Attributes
    ----------
    spec : dict
        Complete settings.
    targets : tuple of str
        What is answered, in this order.
    preparation : SequencePreparation
        From courses to tensors.
    heads : Heads
        From a network's outputs to probabilities.
    networks : list of SequenceNetwork
        Ready to predict, on `device`.
    device : torch.device
        Where they are.
    remarks : list of str
        What the model does without, in words.
    """

    spec: dict
    targets: tuple[str, ...]
    preparation: SequencePreparation
    heads: Heads
    networks: list[SequenceNetwork]
    device: torch.device
    remarks: list[str]

    def predict(self, sequences: SequenceSet) -> np.ndarray:
        """Probability of label 1 at every step, from that step and those before it.

        Returns
        -------
        numpy.ndarray
            float64 ``(seeds, n, T, K)``; NaN in the padding and for targets that could not be learned.
        """
        inputs = self.preparation.inputs(sequences)
        shape = (len(self.networks), *sequences.steps.shape, len(self.targets))
        probability = np.full(shape, np.nan)
        with torch.inference_mode():
            for rows in torch.arange(len(sequences)).split(PATIENTS_AT_ONCE):
                batch = StepInputs(*(part[rows].to(self.device) for part in inputs))
                for number, network in enumerate(self.networks):
                    made = self.heads.probability(network(batch))
                    probability[number, rows.numpy()] = made.double().cpu().numpy()
        probability[:, sequences.steps == ""] = np.nan
        probability[..., ~np.array(self.heads.answered, dtype=bool)] = np.nan
        return probability

    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        """Weights of all networks by name, and plain values."""
        arrays = {
            f"member{number}.{name}": tensor.detach().cpu().numpy()
            for number, network in enumerate(self.networks)
            for name, tensor in network.state_dict().items()
        }
        facts = {"targets": list(self.targets), "preparation": self.preparation.facts(), "heads": self.heads.facts()}
        return arrays, {**facts, "members": len(self.networks), "remarks": self.remarks}

    @classmethod
    def restored(
        cls, spec: dict, arrays: dict[str, np.ndarray], facts: dict, device: str = "auto", threads: int = 1
    ) -> "FittedSequences":
        """Take up what :meth:`state` gave."""
        where = choose_device(device)
        make_deterministic(where, threads)
        preparation, heads = SequencePreparation.restored(facts["preparation"]), Heads(**facts["heads"])
        networks = []
        for number in range(facts["members"]):
            network = build(spec, preparation, len(facts["targets"]))
            start = f"member{number}."
            weights = {
                name[len(start) :]: torch.from_numpy(array) for name, array in arrays.items() if name.startswith(start)
            }
            network.load_state_dict(weights)
            networks.append(network.to(where).eval())
        return cls(spec, tuple(facts["targets"]), preparation, heads, networks, where, facts["remarks"])


def build(spec: dict, preparation: SequencePreparation, targets: int) -> SequenceNetwork:
    """An untrained network of a kind; its first weights come from torch's global seed."""
    return registry.load(spec["kind"]).build(spec, preparation.sizes(targets))


def fit_networks(
    train: SequenceSet,
    tune: SequenceSet,
    spec: dict,
    seed: int,
    device: str = "auto",
    threads: int = 1,
    checkpoint_dir: Path | None = None,
) -> FittedSequences | None:
    """Train the networks of a model; parameters as in :func:`ichor.training.sequence_fit.fit_sequences`.

    Returns
    -------
    FittedSequences or None
        None if no train row has a value of anything that the model could read.
    """
    where = choose_device(device)
    make_deterministic(where, threads)
    variables, record = readable(train, spec["variables"], spec["record"])
    if not variables and not record:
        return None
    preparation = SequencePreparation.fitted(train, variables, record)
    heads = Heads.counted(train.labels, train.nested, spec["rarity"])
    sets = [Courses(preparation.inputs(part), Answers.of(part.labels, part.nested)) for part in (train, tune)]
    settings = LoopSettings(**spec["training"], monitor="loss")
    settings = replace(settings, batch_size=max(settings.batch_size, math.ceil(len(train) / MOST_BATCHES)))
    what = {"spec": spec, "preparation": preparation.facts(), "heads": heads.facts(), "torch": torch.__version__}
    arrays = [part.numpy() for courses in sets for part in (*courses.inputs, courses.answers.of_head)]
    sets = [courses.to(where) for courses in sets]
    networks = []
    for number in track(range(settings.seeds), f"train {spec['kind']}"):
        own = seed_for(seed, "sequence member", number)
        torch.manual_seed(seed_for(own, "initial weights"))
        network = build(spec, preparation, len(train.targets)).to(where)
        path = checkpoint_dir / f"member{number}.safetensors" if checkpoint_dir else None
        fingerprint = checkpoint.fingerprint({**what, "seed": own, "device": where.type}, arrays) if path else ""
        options = {"seed": own, "value_dropout": spec["value_dropout"], "path": path, "fingerprint": fingerprint}
        train_sequence(network, heads, settings, *sets, **options)
        networks.append(network)
    remarks = _remarks(train, spec, heads, variables, record)
    return FittedSequences(spec, train.targets, preparation, heads, networks, where, remarks)


def _remarks(train: SequenceSet, spec: dict, heads: Heads, variables: list[str], record: list[str]) -> list[str]:
    """What the model does without."""
    absent = [name for name in spec["variables"] or [] if name not in variables]
    absent += [name for name in spec["record"] if name not in record]
    said = [f"fitted without {', '.join(absent)}, of which no train row has a value"] if absent else []
    rare = [name for name, answered in zip(train.targets, heads.answered, strict=True) if not answered]
    said += [f"does not answer {', '.join(rare)}: too few train patients of one of both answers"] if rare else []
    for number, name in enumerate(train.targets):
        if heads.answered[number] and not heads.learned[number]:
            said.append(
                f"{name} follows {train.targets[number - 1]} by the train rows' share: too few of those who reach the "
                "latter do not reach the former"
            )
    return said
