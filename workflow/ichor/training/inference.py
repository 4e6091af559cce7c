"""Networks taken from a bundle, and what they predict."""

from dataclasses import dataclass
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

AT_ONCE = 512
"""Scans that are held at once while predicting: 130 MB of the default DenseNet's views."""


def network_of(spec: dict, inputs: InputSpec) -> nn.Module:
    """Build the network of a complete spec with one logit."""
    return registry.load(spec["kind"]).build(spec, inputs.channels, inputs.grid.shape, 1)


@dataclass
class NetworkPredictor:
    """Networks of one bundle, whose probabilities are averaged; scans are read through the cache in `volumes`."""

    networks: list[nn.Module]
    training: Training
    description: dict
    volumes: Path | None = None

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
            prior_logit=description["prior_logit"],
        )
        networks = []
        for member in range(description["members"]):
            start = f"{member}."
            state = {
                name[len(start) :]: torch.from_numpy(array) for name, array in arrays.items() if name.startswith(start)
            }
            network = network_of(spec, inputs)
            network.load_state_dict(state)
            networks.append(network.to(target).eval())
        return cls(networks, training, description, volumes)

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Predict rows with columns ``image`` and ``mask`` (paths).

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
        made = outcome[["reason", "detail"]].copy()
        made.insert(0, "probability", np.nan)
        made.loc[outcome["usable"], "probability"] = self.predict_views(views)
        return made

    def predict_views(self, views: Views) -> np.ndarray:
        """Mean probability of the networks per view, float64 ``(n,)``."""
        each = [expit(predict_logits(network, self.training, views)) for network in self.networks]
        return np.mean(each, axis=0)
