"""One network model with its attributions: gate, overlap with anatomy, maps and record."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from ichor.explain import choose, gate, overlap, rollout, similarity, vocabulary
from ichor.explain.methods import Effort, attribute, check_names
from ichor.explain.networks import head_of
from ichor.explain.randomise import fresh_network
from ichor.explain.record import by_feature, record_attribution
from ichor.explain.scan_maps import write_map
from ichor.explain.subjects import Seen, see
from ichor.training.data import InputSpec
from ichor.training.inference import NetworkPredictor, network_of

FILES = ("image", "mask")


@dataclass(frozen=True)
class Settings:
    """Part ``explanations`` of the config.

    Attributes
    ----------
    methods : list of str
        Keys of `ichor.explain.methods.METHODS`; those that do not suit a network are named in the gate table.
    similarity_limit : float
        Of the gate, see `ichor.explain.gate.passes`.
    gate_patients, overlap_patients, pictures_per_group : int
        How many patients each part looks at.
    cascade_steps, draws : int
        Networks of the cascade, and of the test with fresh weights in all layers.
    steps : int
        Of integrated gradients.
    occlusion_mm, rim_mm : float
        Side of the hidden box; width of the perihematomal rim.
    head : {"outcome", "gcs", "age"}
        Which answer of a network of several tasks is explained, see `ichor.explain.networks.head_of`.
    neighbours : int
        Train patients that are named as alike for each pictured patient.
    segmented : tuple of str
        Labels that the study's masks can hold.
    """

    methods: list[str]
    similarity_limit: float
    gate_patients: int
    overlap_patients: int
    pictures_per_group: int
    cascade_steps: int
    draws: int
    steps: int
    occlusion_mm: float
    rim_mm: float
    head: str = "outcome"
    neighbours: int = 0
    segmented: tuple[str, ...] = ("iph", "ivh")

    def __post_init__(self) -> None:
        """Refuse methods that do not exist."""
        check_names(self.methods)


class Explainer:
    """One model with what all its methods share.

    Parameters
    ----------
    model : NetworkPredictor
        Of a bundle.
    settings : Settings
        See there.
    seed : int
        Of the lots and of the random weights.
    volumes : pathlib.Path, optional
        The study's cache of scans.
    """

    def __init__(self, model: NetworkPredictor, settings: Settings, seed: int, volumes: Path | None) -> None:
        self.model, self.settings, self.seed, self.volumes = model, settings, seed, volumes
        self.inputs: InputSpec = model.training.inputs
        self.effort = Effort.from_settings(settings.steps, settings.occlusion_mm, self.inputs)
        self.head, self.place = head_of(model.description["spec"], settings.head)

    def gate(self, fitting: pd.DataFrame, names: list[str], permuted: nn.Module | None) -> dict[str, pd.DataFrame]:
        """Similarities of each method, on the first network of the model; of the record's too, where one is read."""
        subjects = list(self._see(self._gate_rows(fitting), "read scans of the gate"))
        network, others = self.model.networks[0], self.model.networks[1:]
        width = self.model.record.width if self.model.record else 0
        build = partial(network_of, self.model.description["spec"], self.inputs, width)
        at = self.model.training.device

        def fresh(seed: int) -> nn.Module:
            return fresh_network(build, seed).to(at)

        tried = gate.trials(
            network,
            fresh,
            self.seed,
            steps=self.settings.cascade_steps,
            draws=self.settings.draws,
            permuted=permuted,
            other=others[0] if others else None,
        )
        found = {
            name: gate.measure(self._only_map(name), network, tried, subjects, f"sanity gate of {name}")
            for name in names
        }
        if self.model.record:
            known = [seen for seen in subjects if seen.record[0]]
            what, compare = "sanity gate of the record", similarity.of_records
            found[vocabulary.RECORD] = gate.measure(self._record_values, network, tried, known, what, compare)
        return found

    def _gate_rows(self, fitting: pd.DataFrame) -> pd.DataFrame:
        chosen = []
        for role in ("tune", "train"):
            own = fitting.loc[fitting["role"] == role, "patient"]
            chosen += choose.drawn(own, self.settings.gate_patients - len(chosen), self.seed, "gate")
        return fitting.set_index("patient", drop=False).loc[chosen]

    def _see(self, rows: pd.DataFrame, description: str) -> Iterator[Seen]:
        return see(rows, self.inputs, description, self.volumes, self.model.record)

    def _one(self, name: str, network: nn.Module, seen: Seen) -> tuple[np.ndarray, float]:
        return attribute(name, seen.reading(network, self.place), seen.channels, self.inputs, self.effort)

    def _only_map(self, name: str) -> Callable[[nn.Module, Seen], np.ndarray]:
        return lambda network, seen: self._one(name, network, seen)[0]

    def _record_features(self, network: nn.Module, seen: Seen) -> dict[str, float]:
        columns = record_attribution(network, seen.channels, seen.record, self.settings.steps, self.place)
        return by_feature(self.model.record, columns)

    def _record_values(self, network: nn.Module, seen: Seen) -> np.ndarray:
        return np.array(list(self._record_features(network, seen).values()))

    def records(self, tested: pd.DataFrame, known: pd.DataFrame, patients: Collection[str]) -> list[dict]:
        """Rows of the table ``record_attributions``: mean of the networks; patients without record have none."""
        rows = tested[tested["patient"].isin(list(patients))]
        found = []
        for seen in self._see(rows, "attributions to the record"):
            if not seen.record[0]:
                continue
            each = pd.DataFrame([self._record_features(network, seen) for network in self.model.networks]).mean()
            who = who_is(seen, known)
            for feature, value in each.items():
                given = getattr(seen.row, feature)
                said = None if pd.isna(given) else f"{given:g}" if isinstance(given, float) else str(given)
                found.append(who | {"feature": feature, "value": said, "attribution": float(value)})
        return found

    def overlap_patients(self, tested: pd.DataFrame) -> list[str]:
        """Test patients by lot, for the overlap with anatomy."""
        return choose.drawn(tested["patient"], self.settings.overlap_patients, self.seed, "overlap")

    def mean_attribution(self, name: str, seen: Seen) -> tuple[np.ndarray, float]:
        """Mean of the networks' maps and of their evidence from masks."""
        made = [self._one(name, network, seen) for network in self.model.networks]
        return np.mean([values for values, _ in made], axis=0), float(np.mean([masks for _, masks in made]))

    def overlap(self, tested: pd.DataFrame, known: pd.DataFrame, names: list[str]) -> list[dict]:
        """Rows of the table ``attributions``."""
        rows = tested.set_index("patient", drop=False).loc[self.overlap_patients(tested)]
        rows = rows if names else rows.head(0)
        found = []
        for seen in self._see(rows, "overlap of attributions"):
            regions = seen.regions(self.inputs, self.settings.rim_mm, self.settings.segmented)
            if regions is None:
                continue
            who = who_is(seen, known)
            for name in names:
                values, masks = self.mean_attribution(name, seen)
                evidence = {"mask_evidence": masks, "image_evidence": float(values.sum(dtype=float))}
                found += [{**who, "method": name, **row, **evidence} for row in overlap.overlap(values, regions)]
        return found

    def patients(self, tested: pd.DataFrame, known: pd.DataFrame, groups: pd.DataFrame) -> list[dict]:
        """Rows of the table ``explained_patients``: those that were chosen for pictures, whatever passed the gate."""
        rows = tested.set_index("patient", drop=False)
        found = []
        for patient, group in zip(groups["patient"], groups["group"], strict=True):
            own, said = rows.loc[patient], known.loc[patient]
            files = {name: own[name] if isinstance(own.get(name), str) and own[name] else None for name in FILES}
            found.append({"patient": patient, "center": own["center"], "group": group} | files)
            found[-1] |= {"label": int(said["label"]), "probability": float(said["probability"]), "head": self.head}
        return found

    def maps(
        self, tested: pd.DataFrame, known: pd.DataFrame, groups: pd.DataFrame, names: list[str], folder: Path
    ) -> list[dict]:
        """Write the maps of the pictured patients; rows of the table ``attribution_maps``."""
        group_of = dict(zip(groups["patient"], groups["group"], strict=True))
        rows = tested[tested["patient"].isin(list(group_of))] if names else tested.head(0)
        found = []
        for seen in self._see(rows, "maps"):
            mask = getattr(seen.row, "mask", None)
            files = {"image": seen.row.image, "mask": mask if isinstance(mask, str) and mask else None}
            for name in names:
                values, _ = self.mean_attribution(name, seen)
                path = folder / f"{seen.row.patient}_{name}.nii.gz"
                write_map(path, values, self.inputs.grid, seen.center, seen.row.image)
                flat = name == "attention_rollout" and rollout.is_flat(self.model.networks[0])
                row = who_is(seen, known) | {"group": group_of[seen.row.patient], "method": name}
                found.append(row | {"flat": flat, "map": path.name} | files)
        order = list(vocabulary.GROUPS)
        return sorted(found, key=lambda row: (order.index(row["group"]), row["patient"]))


def who_is(seen: Seen, known: pd.DataFrame) -> dict:
    """Patient, center, label and probability of who was seen."""
    own = known.loc[seen.row.patient]
    label, probability = int(own["label"]), float(own["probability"])
    return {"patient": seen.row.patient, "center": seen.row.center, "label": label, "probability": probability}
