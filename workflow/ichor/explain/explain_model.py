"""Explain one model in one split: sanity gate, overlap with anatomy, and maps of some patients."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from ichor import tables
from ichor.cohort.fences import fitting_rows
from ichor.errors import StudyError
from ichor.explain import choose, gate, overlap, rollout, vocabulary
from ichor.explain.methods import METHODS, Effort, attribute, check_names
from ichor.explain.randomise import fresh_network
from ichor.explain.scan_maps import write_map
from ichor.explain.subjects import Seen, see
from ichor.seeds import seed_for
from ichor.training import bundle
from ichor.training.data import InputSpec
from ichor.training.inference import NetworkPredictor, network_of
from ichor.training.rows import model_rows


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

    def __post_init__(self) -> None:
        """Refuse methods that do not exist."""
        check_names(self.methods)


def rows_read(cohort: pd.DataFrame, spec: dict, target: str) -> pd.DataFrame:
    """What `explain_model` reads of a cohort table: the model's rows, and their masks for the regions."""
    rows = model_rows(cohort, spec, target)
    masks = [name for name in ("mask", "mask_sha256") if name not in rows and name in cohort]
    return rows.join(cohort[masks])


@dataclass(frozen=True)
class Explained:
    """What is known of a model's attributions: four tables, named as their schemas."""

    attributions: pd.DataFrame
    attribution_overlap: pd.DataFrame
    attribution_gate: pd.DataFrame
    attribution_maps: pd.DataFrame


def explain_model(
    cohort: pd.DataFrame,
    predictions: pd.DataFrame,
    bundle_dir: Path,
    maps_dir: Path,
    settings: Settings,
    *,
    seed: int,
    permuted_dir: Path | None = None,
    device: str = "auto",
    threads: int = 1,
    volumes_dir: Path | None = None,
) -> Explained:
    """Explain the networks of a bundle.

    Parameters
    ----------
    cohort : pandas.DataFrame
        Table ``cohort`` of the split. The gate looks at tune rows (train rows where these are too few), because it
        decides something; overlap and pictures are of test rows.
    predictions : pandas.DataFrame
        Table ``predictions`` of the model in the split.
    bundle_dir : pathlib.Path
        The model.
    maps_dir : pathlib.Path
        Gets ``<patient>_<method>.nii.gz``.
    settings : Settings
        See there.
    seed : int
        The study's seed.
    permuted_dir : pathlib.Path, optional
        Bundle of the same kind that was fitted on permuted labels.
    device, threads, volumes_dir
        As for `ichor.training.bundle.load`.

    Returns
    -------
    Explained
        Empty tables where there is no model to explain.

    Raises
    ------
    ichor.errors.StudyError
        If the model is no network.
    """
    maps_dir.mkdir(parents=True, exist_ok=True)
    described = bundle.describe(bundle_dir)
    if described["family"] != "network":
        raise StudyError(f"{described['task']}/{described['model']} is no network; there are maps of networks only")
    if not described["fitted"]:
        return _tables(described, [], [], [], [])
    cohort = rows_read(cohort, described["spec"], described["target"])
    model = bundle.load(bundle_dir, device=device, threads=threads, volumes=volumes_dir)
    explainer = _Explainer(model, settings, seed_for(seed, "explain", *_identity(described).values()), volumes_dir)
    usable = [name for name in settings.methods if METHODS[name].applies(model.networks[0])]
    gates = {}
    if usable:
        permuted = _permuted(permuted_dir, device, threads)
        gates = explainer.gate(fitting_rows(cohort, described["split"]), usable, permuted)
    shown = [name for name in usable if gate.passes(gates[name], settings.similarity_limit)]
    verdicts = _gate_rows(settings, gates)
    tested = cohort[(cohort["role"] == "test") & cohort["patient"].isin(predictions["patient"])]
    known = predictions[predictions["role"] == "test"].set_index("patient")
    each = explainer.overlap(tested, known, shown)
    groups = choose.pictured(known.reset_index(), _base_rate(described), settings.pictures_per_group)
    made = explainer.maps(tested, known, groups, shown, maps_dir)
    return _tables(described, each, overlap.summarise(pd.DataFrame(each)) if each else [], verdicts, made)


class _Explainer:
    """One model with what all its methods share."""

    def __init__(self, model: NetworkPredictor, settings: Settings, seed: int, volumes: Path | None) -> None:
        self.model, self.settings, self.seed, self.volumes = model, settings, seed, volumes
        self.inputs: InputSpec = model.training.inputs
        self.effort = Effort.from_settings(settings.steps, settings.occlusion_mm, self.inputs)

    def gate(self, fitting: pd.DataFrame, names: list[str], permuted: nn.Module | None) -> dict[str, pd.DataFrame]:
        """Similarities of each method, on the first network of the model."""
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
        return {
            name: gate.measure(self._only_map(name), network, tried, subjects, f"sanity gate of {name}")
            for name in names
        }

    def _gate_rows(self, fitting: pd.DataFrame) -> pd.DataFrame:
        chosen = []
        for role in ("tune", "train"):
            own = fitting.loc[fitting["role"] == role, "patient"]
            chosen += choose.drawn(own, self.settings.gate_patients - len(chosen), self.seed, "gate")
        return fitting.set_index("patient", drop=False).loc[chosen]

    def _see(self, rows: pd.DataFrame, description: str) -> Iterator[Seen]:
        return see(rows, self.inputs, description, self.volumes, self.model.record)

    def _one(self, name: str, network: nn.Module, seen: Seen) -> tuple[np.ndarray, float]:
        return attribute(name, seen.reading(network), seen.channels, self.inputs, self.effort)

    def _only_map(self, name: str) -> Callable[[nn.Module, Seen], np.ndarray]:
        return lambda network, seen: self._one(name, network, seen)[0]

    def mean_attribution(self, name: str, seen: Seen) -> tuple[np.ndarray, float]:
        """Mean of the networks' maps and of their evidence from masks."""
        made = [self._one(name, network, seen) for network in self.model.networks]
        return np.mean([values for values, _ in made], axis=0), float(np.mean([masks for _, masks in made]))

    def overlap(self, tested: pd.DataFrame, known: pd.DataFrame, names: list[str]) -> list[dict]:
        """Rows of the table ``attributions``."""
        chosen = choose.drawn(tested["patient"], self.settings.overlap_patients, self.seed, "overlap")
        rows = tested.set_index("patient", drop=False).loc[chosen] if names else tested.head(0)
        found = []
        for seen in self._see(rows, "overlap of attributions"):
            regions = seen.regions(self.inputs, self.settings.rim_mm)
            if regions is None:
                continue
            who = _who(seen, known)
            for name in names:
                values, masks = self.mean_attribution(name, seen)
                evidence = {"mask_evidence": masks, "image_evidence": float(values.sum(dtype=float))}
                found += [{**who, "method": name, **row, **evidence} for row in overlap.overlap(values, regions)]
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
                row = _who(seen, known) | {"group": group_of[seen.row.patient], "method": name}
                found.append(row | {"flat": flat, "map": path.name} | files)
        order = list(vocabulary.GROUPS)
        return sorted(found, key=lambda row: (order.index(row["group"]), row["patient"]))


def _permuted(folder: Path | None, device: str, threads: int) -> nn.Module | None:
    if folder is None or not bundle.describe(folder)["fitted"]:
        return None
    return bundle.load(folder, device=device, threads=threads).networks[0]


def _base_rate(described: dict) -> float:
    fitted = [part["train"] for part in described["fitted_on"].values() if "train" in part]
    return sum(part["events"] for part in fitted) / max(1, sum(part["n"] for part in fitted))


def _who(seen: Seen, known: pd.DataFrame) -> dict:
    own = known.loc[seen.row.patient]
    label, probability = int(own["label"]), float(own["probability"])
    return {"patient": seen.row.patient, "center": seen.row.center, "label": label, "probability": probability}


def _gate_rows(settings: Settings, gates: dict[str, pd.DataFrame]) -> list[dict]:
    rows = []
    for name in settings.methods:
        if name not in gates:
            detail = f"{vocabulary.METHODS[name].title} does not suit this network"
            row = {"method": name, "outcome": "not_applicable", "n": 0, "limit": settings.similarity_limit}
            rows.append(row | {"detail": detail})
            continue
        found, limit = gates[name], settings.similarity_limit
        verdict = {"outcome": "shown" if gate.passes(found, limit) else "withheld"}
        verdict |= {"limit": limit, "detail": gate.said(found, limit)}
        rows += [{"method": name} | row | verdict for row in found.to_dict("records")]
    return rows


def _identity(described: dict) -> dict:
    return {name: described[name] for name in ("task", "target", "model", "split")}


def _tables(described: dict, each: list, summary: pd.DataFrame | list, verdicts: list, made: list) -> Explained:
    def table(name: str, rows: list | pd.DataFrame) -> pd.DataFrame:
        if not len(rows):
            return tables.empty(name)
        frame = pd.DataFrame(rows).assign(**_identity(described)).reindex(columns=tables.columns(name))
        return tables.validate(name, frame, f"{name} of {described['model']}")

    return Explained(
        table("attributions", each),
        table("attribution_overlap", summary),
        table("attribution_gate", verdicts),
        table("attribution_maps", made),
    )
