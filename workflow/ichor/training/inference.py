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
from ichor.training.data import InputSpec, Views, load_views
from ichor.training.device import choose_device, make_deterministic
from ichor.training.loop import LoopSettings, Training, predict_logits
from ichor.training.record import Record

AT_ONCE = 512
"""Scans that are held at once while predicting: 130 MB of the default DenseNet's views."""


def network_of(spec: dict, inputs: InputSpec, record: int = 0) -> nn.Module:
    """Build the network of a complete spec with one logit; `record` is the number of the record's columns, if any."""
    columns = {"record": record} if registry.reads_record(spec) else {}
    return registry.load(spec["kind"]).build(spec, inputs.channels, inputs.grid.shape, 1, **columns)


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

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Predict rows with columns ``image`` and ``mask`` (paths), and those of the record, if it is read.

        Returns
        -------
        pandas.DataFrame
            Same index: ``probability`` (NaN where it cannot be predicted), ``reason`` and ``detail`` (then given).
        """
        parts = [rows.iloc[first : first + AT_ONCE] for first in range(0, len(rows), AT_ONCE)] or [rows]
        return pd.concat([self._predict_part(part) for part in parts])

    def _predict_part(self, rows: pd.DataFrame) -> pd.DataFrame:
        reading = f"read scans for {self.description['model']}"
        views, outcome = load_views(rows, self.training.inputs, reading, self.volumes)
        if self.record:
            views = replace(views, record=self.record.matrix(rows[outcome["usable"]]))
        made = outcome[["reason", "detail"]].copy()
        made.insert(0, "probability", np.nan)
        made.loc[outcome["usable"], "probability"] = self.predict_views(views)
        return made

    def predict_views(self, views: Views) -> np.ndarray:
        """Mean probability of the networks per view, float64 ``(n,)``."""
        each = [expit(predict_logits(network, self.training, views)) for network in self.networks]
        return np.mean(each, axis=0)
