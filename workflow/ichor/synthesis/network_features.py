"""What a fitted network of the same split makes of a case: the input of its last linear layer."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from ichor.cohort.fences import LeakError
from ichor.errors import StudyError
from ichor.models import registry
from ichor.training import bundle
from ichor.training.data import load_views
from ichor.training.loop import predict_logits


def usable_network(bundle_dir: Path) -> bool:
    """Whether the bundle holds a fitted model; with too few events there is none."""
    return bool(bundle.describe(bundle_dir)["fitted"])


def network_features(bundle_dir: Path, split: str, rows: pd.DataFrame, volumes: Path | None = None) -> np.ndarray:
    """Features of rows in the space of a network.

    Parameters
    ----------
    bundle_dir : Path
        Bundle of a network that was fitted on this split.
    split : str
        The split.
    rows : DataFrame
        With columns ``image`` and ``mask``: rows of a cohort, or of the table ``synthetic``.
    volumes : Path, optional
        The study's cache of scans.

    Returns
    -------
    numpy.ndarray
        float64 ``(n, features)``, NaN for rows that the network cannot read. With several networks in the bundle,
        of the first one: their spaces are not comparable.

    Raises
    ------
    LeakError
        If the network belongs to another split: its features may rest on patients who are tested on here.
    StudyError
        If the bundle holds no network, or one that reads more than the scan.
    """
    said = bundle.describe(bundle_dir)
    if said.get("split") != split:
        raise LeakError(f"split {split}: the network of {bundle_dir} was fitted on split {said.get('split')}")
    if said.get("family") != "network":
        raise StudyError(f"{bundle_dir}: found a model of family {said.get('family')}; name one of an image network")
    if registry.reads_record(said["spec"]):
        raise StudyError(
            f"{bundle_dir}: the network reads the record too, which a synthetic case has not; name another"
        )
    predictor = bundle.load(bundle_dir, device="cpu", volumes=volumes)
    views, outcome = load_views(rows, predictor.training.inputs, "read cases for the network", volumes)
    found = penultimate(predictor.networks[0], lambda network: predict_logits(network, predictor.training, views))
    made = np.full((len(rows), found.shape[1]), np.nan)
    made[outcome["usable"].to_numpy()] = found
    return made


def penultimate(network: nn.Module, run) -> np.ndarray:
    """Inputs of a network's last linear layer while it is run.

    Parameters
    ----------
    network : torch.nn.Module
        Any network that ends in a linear layer.
    run : callable
        Is given the network and runs it on all cases, in order.

    Returns
    -------
    numpy.ndarray
        float64 ``(n, features)``.

    Raises
    ------
    StudyError
        If it has no linear layer, or more vectors went through it than one per case can be.
    """
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise StudyError("the network has no linear layer whose input could be taken as features")
    seen: list[torch.Tensor] = []
    handle = linear[-1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().cpu()))
    try:
        n = len(run(network))
    finally:
        handle.remove()
    features = torch.cat(seen).double().numpy() if seen else np.empty((0, linear[-1].in_features))
    if features.shape != (n, linear[-1].in_features):
        raise StudyError(f"the last linear layer saw {features.shape}, not one vector for each of {n} cases")
    return features
