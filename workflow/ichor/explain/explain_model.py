"""Explain one model in one split: sanity gate, overlap with anatomy, and maps of some patients."""

from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd
from torch import nn

from ichor import tables
from ichor.cohort.fences import fitting_rows
from ichor.errors import StudyError
from ichor.explain import choose, gate, overlap, vocabulary
from ichor.explain.explainer import Explainer, Settings
from ichor.explain.methods import METHODS
from ichor.explain.neighbours import neighbours
from ichor.seeds import seed_for
from ichor.training import bundle
from ichor.training.rows import model_rows


def rows_read(cohort: pd.DataFrame, spec: dict, target: str) -> pd.DataFrame:
    """What `explain_model` reads of a cohort table: the model's rows, and their masks for the regions."""
    rows = model_rows(cohort, spec, target)
    masks = [name for name in ("mask", "mask_sha256") if name not in rows and name in cohort]
    return rows.join(cohort[masks])


@dataclass(frozen=True)
class Explained:
    """What is known of a model's attributions: tables, named as their schemas."""

    attributions: pd.DataFrame
    attribution_overlap: pd.DataFrame
    attribution_gate: pd.DataFrame
    attribution_maps: pd.DataFrame
    record_attributions: pd.DataFrame
    neighbours: pd.DataFrame
    explained_patients: pd.DataFrame


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
        return _tables(described)
    cohort = rows_read(cohort, described["spec"], described["target"])
    model = bundle.load(bundle_dir, device=device, threads=threads, volumes=volumes_dir)
    explainer = Explainer(model, settings, seed_for(seed, "explain", *_identity(described).values()), volumes_dir)
    usable = [name for name in settings.methods if METHODS[name].applies(model.networks[0])]
    gates = {}
    if usable or model.record:
        permuted = _permuted(permuted_dir, device, threads)
        gates = explainer.gate(fitting_rows(cohort, described["split"]), usable, permuted)
    passed = [name for name in gates if gate.passes(gates[name], settings.similarity_limit)]
    shown = [name for name in usable if name in passed]
    tested = cohort[(cohort["role"] == "test") & cohort["patient"].isin(predictions["patient"])]
    known = predictions[predictions["role"] == "test"].set_index("patient")
    each = explainer.overlap(tested, known, shown)
    groups = choose.pictured(known.reset_index(), _base_rate(described), settings.pictures_per_group)
    pictured = list(groups["patient"])
    asked = {*pictured, *explainer.overlap_patients(tested)} if vocabulary.RECORD in passed else set()
    probabilities = predictions.set_index("patient")["probability"]
    return _tables(
        described,
        attributions=each,
        attribution_overlap=overlap.summarise(pd.DataFrame(each)) if each else [],
        attribution_gate=_gate_rows(settings, gates),
        attribution_maps=explainer.maps(tested, known, groups, shown, maps_dir),
        record_attributions=explainer.records(tested, known, asked),
        neighbours=neighbours(model, cohort, pictured, probabilities, settings.neighbours, volumes_dir),
        explained_patients=explainer.patients(tested, known, groups),
    )


def _permuted(folder: Path | None, device: str, threads: int) -> nn.Module | None:
    if folder is None or not bundle.describe(folder)["fitted"]:
        return None
    return bundle.load(folder, device=device, threads=threads).networks[0]


def _base_rate(described: dict) -> float:
    fitted = [part["train"] for part in described["fitted_on"].values() if "train" in part]
    return sum(part["events"] for part in fitted) / max(1, sum(part["n"] for part in fitted))


def _gate_rows(settings: Settings, gates: dict[str, pd.DataFrame]) -> list[dict]:
    rows, limit = [], settings.similarity_limit
    for name in [*settings.methods, *(name for name in gates if name not in settings.methods)]:
        if name not in gates:
            detail = f"{vocabulary.METHODS[name].title} does not suit this network"
            rows.append({"method": name, "outcome": "not_applicable", "n": 0, "limit": limit, "detail": detail})
            continue
        found = gates[name]
        verdict = {"outcome": "shown" if gate.passes(found, limit) else "withheld"}
        verdict |= {"limit": limit, "detail": gate.said(found, limit)}
        rows += [{"method": name} | row | verdict for row in found.to_dict("records")]
    return rows


def _identity(described: dict) -> dict:
    return {name: described[name] for name in ("task", "target", "model", "split")}


def _tables(described: dict, **made: list | pd.DataFrame) -> Explained:
    def table(name: str) -> pd.DataFrame:
        rows = made.get(name, [])
        if not len(rows):
            return tables.empty(name)
        frame = pd.DataFrame(rows).assign(**_identity(described)).reindex(columns=tables.columns(name))
        return tables.validate(name, frame, f"{name} of {described['model']}")

    return Explained(**{own.name: table(own.name) for own in fields(Explained)})
