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

from ichor.errors import StudyError
from ichor.models import registry
from ichor.models.tabular import TabularModel
from ichor.reasons import Reason

FORMAT = 1
WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
_PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "torch", "timm", "monai", "safetensors", "nibabel")
_LIBRARY = Path(__file__).resolve().parent.parent


def code_digest(kind: str) -> str:
    """First 16 hex digits of the SHA-256 of the files that make a model of this kind and its inputs."""
    files = [registry.module_path(kind), *sorted((_LIBRARY / "training").glob("*.py"))]
    files += [_LIBRARY / "imaging" / name for name in ("augment.py", "crops.py", "intensity.py")]
    files += [_LIBRARY / "models" / "registry.py", _LIBRARY / "models" / "tabular.py"]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


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
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, weights)
    content = {"format": FORMAT, "fitted": bool(arrays), **description}
    content |= {"code": code_digest(description["kind"]), "versions": versions()}
    content |= {"sha256": {WEIGHTS: _sha256(weights)}}
    (bundle_dir / DESCRIPTION).write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read(bundle_dir: Path) -> tuple[dict[str, np.ndarray], dict]:
    """Arrays and description of a bundle, checked against each other.

    Raises
    ------
    ichor.errors.StudyError
        If a file is absent, of another format, or the weights are not those that the description names.
    """
    weights, description = bundle_dir / WEIGHTS, bundle_dir / DESCRIPTION
    for file in (weights, description):
        if not file.is_file():
            raise StudyError(
                f"bundle {bundle_dir}: {file.name} is absent; name a folder with {DESCRIPTION} and {WEIGHTS}"
            )
    try:
        content = json.loads(description.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise StudyError(
            f"{description}: line {error.lineno} is not JSON; take the bundle anew from its source"
        ) from error
    if content.get("format") != FORMAT:
        raise StudyError(
            f"{description}: format {content.get('format')!r}; this version of Ichor reads format {FORMAT}"
        )
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
        absent = rows.loc[~usable, self.model.columns()].isna()
        made.loc[~usable, "detail"] = [
            "missing: " + ", ".join(absent.columns[line]) if line.any() else "predictors give no value"
            for line in absent.to_numpy()
        ]
        return made


def load(bundle_dir: str | Path, device: str = "auto", threads: int = 1):
    """Take a model from its bundle.

    Parameters
    ----------
    bundle_dir : path
        Folder that :func:`save` wrote.
    device : {"auto", "cpu", "cuda"}
        Where a network runs; tabular models need none and import no torch.
    threads : int
        CPU threads of a network.

    Returns
    -------
    TabularPredictor or ichor.training.inference.NetworkPredictor
        With ``description`` (the content of ``model.json``) and ``predict(rows) -> DataFrame`` with columns
        ``probability reason detail``.

    Raises
    ------
    ichor.errors.StudyError
        See :func:`read`.
    """
    arrays, description = read(Path(bundle_dir))
    if description["family"] == "tabular":
        model = registry.load(description["kind"]).Model(description["spec"])
        model.restore(arrays, description["model"])
        return TabularPredictor(model, description)
    from ichor.training.inference import NetworkPredictor

    return NetworkPredictor.restored(arrays, description, device, threads)


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
