"""Synthetic cases beside their nearest real ones, as slices for people to look at."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ichor.imaging.crops import Grid
from ichor.synthesis.cases import parents_of
from ichor.synthesis.nearest import Nearest
from ichor.training.data import InputSpec, load_views

GRID = Grid((96, 96, 5), (1.0, 1.0, 5.0))
LEVELS = (0, 2, 4)
"""Slices of `GRID` that are shown: 10 mm below the hematoma's center, through it, and 10 mm above it."""
EACH = 4
"""Refused cases at most, and accepted ones at most of each kind: the nearest, those in the middle, the furthest."""
_SPEC = InputSpec("crop", GRID, ((0.0, 80.0),), ("iph",))


@dataclass(frozen=True)
class Pair:
    """A synthetic case and its nearest real one.

    Attributes
    ----------
    case : str
        Name of the synthetic case.
    outcome : str
        accepted or refused.
    distance : float
        Between the two.
    mirrored : bool
        Whether the real one is nearest when mirrored; its slices are mirrored then.
    neighbour : int
        Place of the real one among the split's train rows, from 1: no pseudonym stands on a page.
    parents : tuple of int
        Places of the case's parents; empty where the generator learned from all train rows.
    synthetic_hu, real_hu : numpy.ndarray
        int16 ``(96, 96, 3)``, 1 mm, axes to the right, the front and the top.
    synthetic_mask, real_mask : numpy.ndarray
        bool, the same shape.
    """

    case: str
    outcome: str
    distance: float
    mirrored: bool
    neighbour: int
    parents: tuple[int, ...]
    synthetic_hu: np.ndarray
    synthetic_mask: np.ndarray
    real_hu: np.ndarray
    real_mask: np.ndarray


def choose_pairs(cases: pd.DataFrame, nearest: Nearest, train: pd.DataFrame) -> list[Pair]:
    """Choose cases to show and read their slices.

    Parameters
    ----------
    cases : DataFrame
        Rows of the table ``synthetic`` that could be read, with ``outcome``.
    nearest : Nearest
        Nearest train row of each case.
    train : DataFrame
        Train rows of the cohort that could be read.

    Returns
    -------
    list of Pair
        Refused cases first, then accepted ones by distance.
    """
    own = nearest.distance
    chosen = [place for place in _chosen(cases["outcome"].to_numpy(), own) if np.isfinite(own[place])]
    if not chosen:
        return []
    neighbours = nearest.index[chosen]
    places = {patient: number for number, patient in enumerate(train["patient"], start=1)}
    made, _ = load_views(cases.iloc[chosen], _SPEC, "slices of synthetic cases")
    real, _ = load_views(train.iloc[neighbours], _SPEC, "slices of real cases")
    pairs = []
    for index, (place, neighbour) in enumerate(zip(chosen, neighbours, strict=True)):
        row = cases.iloc[place]
        flip = -1 if nearest.mirrored[place] else 1
        pairs.append(
            Pair(
                case=row["case"],
                outcome=row["outcome"],
                distance=float(own[place]),
                mirrored=flip == -1,
                neighbour=int(neighbour) + 1,
                parents=tuple(places.get(parent, 0) for parent in parents_of(row)),
                synthetic_hu=made.image_hu[index][:, :, LEVELS],
                synthetic_mask=made.masks[index, 0][:, :, LEVELS] >= 128,
                real_hu=real.image_hu[index][::flip][:, :, LEVELS],
                real_mask=real.masks[index, 0][::flip][:, :, LEVELS] >= 128,
            )
        )
    return pairs


def _chosen(outcome: np.ndarray, own: np.ndarray) -> list[int]:
    """Places of the cases that are shown."""
    order = np.argsort(own, kind="stable")
    refused = [int(place) for place in order if outcome[place] == "refused"][:EACH]
    accepted = [int(place) for place in order if outcome[place] == "accepted"]
    middle = max(0, len(accepted) // 2 - EACH // 2)
    shown = accepted[:EACH] + accepted[middle : middle + EACH] + accepted[-EACH:]
    return refused + list(dict.fromkeys(shown))
