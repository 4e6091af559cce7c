"""Bundles: a fitted model as ``model.safetensors`` and ``model.json``, which together are enough to use it.

Nothing in a bundle is code or is unpickled; no identifier of a patient is in it.
"""

import hashlib
import json
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file

from ichor import reruns
from ichor.disk_space import whole_file
from ichor.errors import StudyError
from ichor.models import registry
from ichor.models.tabular import TabularModel
from ichor.reasons import Reason

FORMAT = 3  # 3: settings `balance`, and the log odds that training saw
WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
_PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "torch",
    "timm",
    "monai",
    "safetensors",
    "nibabel",
    "xgboost-cpu",
    "tokenizers",
)


def code_digest(kind: str) -> str:
    """Digest of the code that makes a model of this kind and its inputs, found by its imports."""
    modules = {"network": ["ichor.training.networks"], "sequence": ["ichor.training.sequence_networks"]}
    modules |= {"text": ["ichor.training.text_predict"]}
    return reruns.code_digest(registry.module_path(kind), modules.get(registry.family(kind), []))


def versions() -> dict[str, str]:
    """Versions of the packages that a model's numbers depend on."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def save(bundle_dir: Path, arrays: dict[str, np.ndarray], description: dict) -> None:
    """Write a bundle.

    Parameters
    ----------
    bundle_dir : pathlib.Path
        Folder, made if needed.
    arrays : dict
        Weights by name.
    description : dict
        Plain values for ``model.json``; format, versions, code digest and the SHA-256 of the weights are added.
    """
    bundle_dir.mkdir(parents=True, exist_ok=True)
    weights = bundle_dir / WEIGHTS
    with whole_file(weights) as part:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, part)
    content = {"format": FORMAT, "fitted": bool(arrays), **description}
    content |= {"code": code_digest(description["kind"]), "versions": versions()}
    content |= {"sha256": {WEIGHTS: _sha256(weights)}}
    with whole_file(bundle_dir / DESCRIPTION) as part:
        part.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def describe(bundle_dir: str | Path) -> dict:
    """Description of a bundle, also of one that says why no model could be fitted (``fitted`` is then false).

    Raises
    ------
    ichor.errors.StudyError
        If a file is absent, or the description is not readable or of another format.
    """
    for name in (WEIGHTS, DESCRIPTION):
        if not Path(bundle_dir, name).is_file():
            raise StudyError(f"bundle {bundle_dir}: {name} is absent; name a folder with {DESCRIPTION} and {WEIGHTS}")
    path = Path(bundle_dir, DESCRIPTION)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise StudyError(f"{path}: line {error.lineno} is not JSON; take the bundle anew from its source") from error
    if content.get("format") != FORMAT:
        raise StudyError(f"{path}: format {content.get('format')!r}; this version of Ichor reads format {FORMAT}")
    return content


def read(bundle_dir: Path) -> tuple[dict[str, np.ndarray], dict]:
    """Arrays and description of a bundle, checked against each other.

    Raises
    ------
    ichor.errors.StudyError
        As :func:`describe`, or if the weights are not those that the description names, or there is no model.
    """
    content, weights = describe(bundle_dir), Path(bundle_dir, WEIGHTS)
    if content["sha256"][WEIGHTS] != _sha256(weights):
        raise StudyError(f"{weights}: not the weights that {DESCRIPTION} names (SHA-256 differs); take both anew")
    if not content["fitted"]:
        raise StudyError(f"bundle {bundle_dir} holds no model: {content['reason']}")
    return load_file(weights), content


@dataclass
class TabularPredictor:
    """A tabular model taken from a bundle."""

    model: TabularModel
    description: dict

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Predict rows of a cohort table.

        Returns
        -------
        pandas.DataFrame
            Same index: ``probability`` (NaN where it cannot be predicted), ``reason`` and ``detail`` (then given).
        """
        design = self.model.design(rows)
        usable = self.model.usable(design)
        made = pd.DataFrame({"probability": np.nan, "reason": "", "detail": ""}, index=rows.index)
        if usable.any():
            made.loc[usable, "probability"] = self.model.probability(design[usable])
        made.loc[~usable, "reason"] = str(Reason.MISSING_INPUT)
        absent = rows.loc[~usable, self.model.required()].isna()
        made.loc[~usable, "detail"] = [
            "missing: " + ", ".join(absent.columns[line]) if line.any() else "predictors give no value"
            for line in absent.to_numpy()
        ]
        return made


def load(bundle_dir: str | Path, device: str = "auto", threads: int = 1, volumes: Path | None = None):
    """Take a model from its bundle.

    Parameters
    ----------
    bundle_dir : path
        Folder that :func:`save` wrote.
    device : {"auto", "cpu", "cuda"}
        Where a network runs; tabular models need none and import no torch.
    threads : int
        CPU threads of a network.
    volumes : pathlib.Path, optional
        The study's cache of scans, for a network.

    Returns
    -------
    TabularPredictor, ichor.training.inference.NetworkPredictor or ichor.training.text_predict.TextPredictor
        With ``description`` (the content of ``model.json``) and ``predict(rows) -> DataFrame`` with columns
        ``probability reason detail``; a kind that reads texts wants the table ``reports`` too.

    Raises
    ------
    ichor.errors.StudyError
        See :func:`read`.
    """
    arrays, description = read(Path(bundle_dir))
    if description["family"] == "tabular":
        model = registry.load(description["kind"]).Model(description["spec"])
        model.restore(arrays, description["state"])
        return TabularPredictor(model, description)
    if description["family"] == "text":
        from ichor.training.text_predict import TextPredictor

        return TextPredictor.restored(arrays, description, device, threads)
    from ichor.training.inference import NetworkPredictor

    return NetworkPredictor.restored(arrays, description, device, threads, volumes)


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
