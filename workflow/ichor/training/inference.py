"""Networks taken from a bundle, and what they predict."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.special import expit
from torch import nn

from ichor.imaging.augment import AugmentRanges
from ichor.models import registry
from ichor.models.auxiliary_tasks import AuxiliaryTasks
from ichor.training.data import InputSpec, Views, load_views
from ichor.training.device import choose_device, make_deterministic
from ichor.training.loop import LoopSettings, Training, predict_outputs
from ichor.training.record import Record

AT_ONCE = 512
"""Scans that are held at once while predicting: 130 MB of the default DenseNet's views."""
FROM_BOTH, FROM_IMAGE, FROM_RECORD = 0.0, 1.0, 2.0
"""Values of the quantity ``answered_from``: scan and record, the scan alone, the record alone."""


def network_of(spec: dict, inputs: InputSpec, record: int = 0) -> nn.Module:
    """Build the network of a complete spec; `record` is the number of the record's columns, if any.

    It gives one logit for the outcome, and after it those of the spec's further tasks.
    """
    columns = {"record": record} if registry.reads_record(spec) else {}
    outputs = 1 + AuxiliaryTasks.of(spec).outputs
    return registry.load(spec["kind"]).build(spec, inputs.channels, inputs.grid.shape, outputs, **columns)


def start(network: nn.Module, spec: dict) -> dict:
    """Fill a network with the weights that its training starts from, and say what was taken; nothing from scratch."""
    return registry.load(spec["kind"]).start(network, spec) if spec.get("weights") else {}


def _prediction_logit(description: dict) -> float:
    """Log odds that are added to the networks' outputs: of the real train rows, or of what training saw."""
    corrected = description["spec"]["balance"]["correct_prior"]
    return description["prior_logit" if corrected else "prior_logit_seen"]


@dataclass
class NetworkPredictor:
    """Networks of one bundle, whose probabilities are averaged; scans are read through the cache in `volumes`.

    With `record`, the networks read the clinical record too.
    """

    networks: list[nn.Module]
    training: Training
    description: dict
    volumes: Path | None = None
    record: Record | None = None

    @classmethod
    def restored(
        cls, arrays: dict[str, np.ndarray], description: dict, device: str, threads: int, volumes: Path | None = None
    ) -> "NetworkPredictor":
        """Build the networks of a bundle and fill in their weights."""
        spec = description["spec"]
        target = choose_device(device)
        make_deterministic(target, threads)
        inputs = InputSpec.from_settings(spec["input"])
        training = Training(
            inputs=inputs,
            augment=AugmentRanges(**spec["augment"]),
            settings=LoopSettings(**spec["training"]),
            device=target,
            precision=description["precision"],
            seed=description["seed"],
            prior_logit=_prediction_logit(description),
            tasks=AuxiliaryTasks.of(spec),
        )
        record = Record.restored(description["record"]) if description.get("record") else None
        networks = []
        for member in range(description["members"]):
            start = f"{member}."
            state = {
                name[len(start) :]: torch.from_numpy(array) for name, array in arrays.items() if name.startswith(start)
            }
            network = network_of(spec, inputs, record.width if record else 0)
            network.load_state_dict(state)
            networks.append(network.to(target).eval())
        return cls(networks, training, description, volumes, record)

    @property
    def answers_without_scan(self) -> bool:
        """Whether a patient of whom there is a record alone gets an answer, see `ichor.models.fusion`."""
        return all(getattr(network, "answers_without_scan", False) for network in self.networks)

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Predict rows with columns ``image`` and ``mask`` (paths), and those of the record, if it is read.

        Returns
        -------
        pandas.DataFrame
            Same index: ``probability`` (NaN where it cannot be predicted), ``reason`` and ``detail`` (why there is
            none, or why the record alone had to do). Further columns are quantities of the table
            ``prediction_details``: those of `answer_views`, and ``answered_from`` for a network that reads the record.
        """
        parts = [rows.iloc[first : first + AT_ONCE] for first in range(0, len(rows), AT_ONCE)] or [rows]
        return pd.concat([self._predict_part(part) for part in parts])

    def _predict_part(self, rows: pd.DataFrame) -> pd.DataFrame:
        reading = f"read scans for {self.description['model']}"
        views, outcome = load_views(rows, self.training.inputs, reading, self.volumes)
        usable = outcome["usable"].to_numpy()
        records = self.record.matrix(rows) if self.record else None
        if records is not None:
            views = replace(views, record=records[usable])
        found = [self.answer_views(views).set_index(rows.index[usable])]
        if records is not None:
            recorded = records[:, 0] > 0
            found[0]["answered_from"] = np.where(recorded[usable], FROM_BOTH, FROM_IMAGE)
            alone = recorded & ~usable & self.answers_without_scan
            if alone.any():
                of_records = self.answer_views(_without_images(records[alone], self.training.inputs))
                found.append(of_records.set_index(rows.index[alone]).assign(answered_from=FROM_RECORD))
        return outcome[["reason", "detail"]].join(pd.concat(found))

    def answer_views(self, views: Views) -> pd.DataFrame:
        """Mean answers of the networks, a row per view: ``probability`` and what else they say.

        That is, each where there is one, what `ichor.models.auxiliary_tasks.AuxiliaryTasks.answers` names, and
        ``gate_image_mean`` of `ichor.models.fusion`; and of several networks the probability of each,
        ``probability_seed_0``, ``probability_seed_1``, ...
        """
        each = [predict_outputs(network, self.training, views) for network in self.networks]
        single = [expit(logits) for logits, _ in each]
        probability = np.mean(single, axis=0)
        made = {"probability": probability[:, 0]} | self.training.tasks.answers(probability[:, 1:])
        if len(single) > 1:
            made |= {f"probability_seed_{member}": own[:, 0] for member, own in enumerate(single)}
        made |= {name: np.mean([said[name] for _, said in each], axis=0) for name in each[0][1]}
        return pd.DataFrame(made)

    def predict_views(self, views: Views) -> np.ndarray:
        """Mean probability of the networks per view, float64 ``(n,)``."""
        return self.answer_views(views)["probability"].to_numpy()


def _without_images(records: np.ndarray, inputs: InputSpec) -> Views:
    """Views of patients of whom there is a record alone; their images are one voxel that is looked at by none."""
    image_hu, masks = (
        np.broadcast_to(np.zeros(1, kind), shape)
        for kind, shape in zip((np.int16, np.uint8), Views.shapes(len(records), inputs), strict=True)
    )
    return Views(image_hu, masks, records, np.zeros((len(records), 1), np.float32))
