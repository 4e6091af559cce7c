"""Check the synthetic cases of one generator and split: refuse copies of patients, and say what the others are worth.

Only train and tune rows are touched. The refusal limit depends on train rows alone; tune rows are compared with, for
the membership inference, and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from ichor import tables
from ichor.cohort.fences import FITTING_ROLES, fitting_rows
from ichor.evaluation.intervals import Estimate, undefined, wilson
from ichor.reasons import Reason
from ichor.seeds import seed_for
from ichor.synthesis import nearest
from ichor.synthesis.cases import parents_of
from ichor.synthesis.feature_distances import Standard, compare
from ichor.synthesis.fences import fence
from ichor.synthesis.membership import membership_auc
from ichor.synthesis.pairs import Pair, choose_pairs
from ichor.synthesis.radiomic_features import FEATURES, radiomic_features
from ichor.training.data import InputSpec, Views, load_views

SPEC = InputSpec("crop", nearest.GRID, ((0.0, 80.0),), ("iph",))
"""How real and synthetic cases are read, both alike."""


@dataclass(frozen=True)
class Checked:
    """What `check_synthetic` returns.

    Attributes
    ----------
    cases : DataFrame
        Table ``synthetic`` with outcome, reason and nearest distance.
    worth : DataFrame
        Table ``worth``.
    distances : DataFrame
        Columns ``group`` (accepted, refused, real) and ``distance`` to the nearest real case (of a real case: to the
        nearest other one).
    pairs : list of Pair
        Synthetic cases beside their nearest real ones, for the page.
    facts : dict
        For the page: ``region``, ``refusal_distance``, ``quantile``.
    """

    cases: pd.DataFrame
    worth: pd.DataFrame
    distances: pd.DataFrame
    pairs: list[Pair]
    facts: dict


@dataclass(frozen=True)
class Group:
    """Rows that could be read, with their views."""

    rows: pd.DataFrame
    views: Views

    @classmethod
    def read(cls, rows: pd.DataFrame, what: str, volumes: Path | None = None) -> tuple["Group", pd.DataFrame]:
        """Read rows with columns ``image`` and ``mask``; the second is the outcome of `load_views`."""
        views, outcome = load_views(rows, SPEC, what, volumes)
        return cls(rows[outcome["usable"]], views), outcome

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, which: np.ndarray) -> "Group":
        """Some of the cases."""
        return Group(self.rows[which], Views(self.views.image_hu[which], self.views.masks[which]))

    @property
    def mask(self) -> np.ndarray:
        """Share of each voxel that is hematoma, 0 to 1, float32 ``(n, x, y, z)``."""
        return self.views.masks[:, 0].astype(np.float32) / 255

    def compared(self, region: str) -> nearest.Compared:
        """Ready for `ichor.synthesis.nearest.distances`."""
        return nearest.prepare(self.views.image_hu, self.mask, region)

    def features(self) -> np.ndarray:
        """Radiomic features."""
        return radiomic_features(self.views.image_hu, self.mask, nearest.GRID)

    def volumes_ml(self) -> np.ndarray:
        """Volume of parenchymal hematoma inside the crop."""
        return self.mask.sum(axis=(1, 2, 3), dtype=float) * float(np.prod(nearest.GRID.spacing_mm)) / 1000.0


def columns_read(cohort: pd.DataFrame, target: str = "expansion") -> pd.DataFrame:
    """What `check_synthetic` reads of a cohort: who is where, and scans and labels of train and tune rows only."""
    label = f"label_{target}"
    rows = cohort[["split", "patient", "center", "role", "image", "image_sha256", "mask", "mask_sha256", label]].copy()
    rows.loc[~rows["role"].isin(FITTING_ROLES), ["mask", "mask_sha256", label]] = None
    return rows


def check_synthetic(
    candidates: pd.DataFrame,
    cohort: pd.DataFrame,
    *,
    split: str,
    generator: str,
    region: str,
    quantile: float,
    seed: int,
    target: str = "expansion",
    facts: Mapping | None = None,
    bundle_dir: Path | None = None,
    volumes: Path | None = None,
) -> Checked:
    """Compare synthetic cases with the real ones of their split.

    Parameters
    ----------
    candidates : DataFrame
        Table ``synthetic``.
    cohort : DataFrame
        Table ``cohort`` of the split; of its test rows only names and roles are looked at, by the fences.
    split, generator : str
        What is checked.
    region : {"lesion", "crop"}
        What a copy is a copy of, see `ichor.synthesis.nearest.prepare`.
    quantile : float
        See `ichor.synthesis.nearest.refusal_distance`.
    seed : int
        The study's.
    target : str
        Synthetic cases are compared with real ones of the same ``label_<target>``.
    facts : mapping, optional
        What a generator that learned says of itself (``generator.json``).
    bundle_dir : Path, optional
        Bundle of a network of this split, for distances in its space.
    volumes : Path, optional
        The study's cache of scans.

    Returns
    -------
    Checked
        Tables and pictures.

    Raises
    ------
    ichor.cohort.fences.LeakError
        If a case is not made of this split's train rows, or the network is of another split.
    """
    fence(candidates, split, cohort, facts)
    fitting = fitting_rows(cohort, split)
    whole = fitting[fitting["image"].notna() & fitting["mask"].notna()]
    train, _ = Group.read(whole[whole["role"] == "train"], "read train scans", volumes)
    tune, _ = Group.read(whole[whole["role"] == "tune"], "read tune scans", volumes)
    made, outcome = Group.read(candidates, "read synthetic cases")

    compared = {name: group.compared(region) for name, group in (("train", train), ("made", made), ("tune", tune))}
    to_train = nearest.Pairs(compared["made"], compared["train"], "compare with train scans")
    to_tune = nearest.Pairs(compared["made"], compared["tune"], "compare with tune scans")
    within = nearest.Pairs(compared["train"], compared["train"], "compare train scans", itself=True)
    real, own = within.nearest().distance, to_train.nearest()
    limit = nearest.refusal_distance(real, quantile)
    cases = _judged(candidates, outcome, own.distance, limit)
    kept = (cases.loc[outcome["usable"].to_numpy(), "outcome"] == "accepted").to_numpy()

    found = {"n_train": _count(len(train)), "n_candidates": _count(len(cases))}
    found |= {"n_accepted": _count(int(kept.sum())), "n_refused": _count(len(cases) - int(kept.sum()))}
    found |= {"refusal_distance": Estimate(limit, n=len(train))}
    found |= {"nearest_synthetic": _median(own.distance[kept]), "nearest_real": _median(real)}
    found |= _parents(made.part(kept).rows, train.rows["patient"].to_numpy()[own.index[kept]])
    for name, among in (("membership_auc", kept), ("membership_auc_candidates", None)):
        train_distance, tune_distance = (pairs.nearest_of_second(among).distance for pairs in (to_train, to_tune))
        found[name] = membership_auc(train_distance, tune_distance)
    alike = train.rows[f"label_{target}"].isin(set(candidates["label"])).to_numpy(bool)
    space = seed_for(seed, "worth", generator, split)
    found |= _against(train, alike, made.part(kept), space, split, bundle_dir, volumes)
    return Checked(
        cases,
        _table(found, split, generator),
        _long(own.distance, kept, real),
        choose_pairs(made.rows.assign(outcome=np.where(kept, "accepted", "refused")), own, train.rows),
        {"region": region, "refusal_distance": limit, "quantile": quantile},
    )


def _parents(cases: pd.DataFrame, nearest_patients: np.ndarray) -> dict[str, Estimate]:
    """Share of the cases whose nearest patient is one of their parents; nothing where cases have none."""
    parents = [parents_of(case) for case in cases.to_dict("records")]
    if not any(parents):
        return {}
    own = sum(patient in of_case for patient, of_case in zip(nearest_patients, parents, strict=True))
    return {"nearest_is_parent": wilson(own, len(parents))._replace(n=len(parents))}


def _judged(candidates: pd.DataFrame, outcome: pd.DataFrame, own: np.ndarray, limit: float) -> pd.DataFrame:
    """Outcome, reason and distance of each candidate; one that cannot be read is refused as well."""
    usable = outcome["usable"].to_numpy(bool)
    distance = np.full(len(candidates), np.nan)
    distance[usable] = np.where(np.isfinite(own), own, np.nan)
    close = usable & (distance < limit)
    reasons = np.where(usable, np.where(close, str(Reason.TOO_CLOSE_TO_REAL), None), outcome["reason"])
    judged = candidates.assign(
        outcome=np.where(usable & ~close, "accepted", "refused"), reason=reasons, nearest_distance=distance
    )
    return tables.validate("synthetic", judged, "checked synthetic cases")


def _against(
    train: Group, alike: np.ndarray, made: Group, seed: int, split: str, bundle_dir: Path | None, volumes: Path | None
) -> dict[str, Estimate]:
    """Distances between accepted synthetic cases and the train cases with their label."""
    of_train, of_made = train.features(), made.features()
    found = _spaces("radiomic", of_train, of_train[alike], of_made, seed)
    column = FEATURES.index("hu_mean")
    found |= _kolmogorov_smirnov("volume_ml", train.volumes_ml()[alike], made.volumes_ml())
    found |= _kolmogorov_smirnov("hu_mean", of_train[alike, column], of_made[:, column])
    if bundle_dir is not None:
        from ichor.synthesis.network_features import network_features, usable_network

        if usable_network(bundle_dir):
            of_train = network_features(bundle_dir, split, train.rows, volumes)
            of_made = network_features(bundle_dir, split, made.rows) if len(made) else of_train[:0]
            found |= _spaces("classifier", of_train, of_train[alike], of_made, seed)
    return found


def _spaces(space: str, train: np.ndarray, real: np.ndarray, made: np.ndarray, seed: int) -> dict[str, Estimate]:
    standard = Standard.of(train)
    found = compare(standard.apply(real), standard.apply(made), seed)
    return {f"{space}_{name}": estimate for name, estimate in found.items()}


def _kolmogorov_smirnov(name: str, real: np.ndarray, made: np.ndarray) -> dict[str, Estimate]:
    """Medians of both groups and the largest distance of their distribution functions, with its p value."""
    real, made = real[np.isfinite(real)], made[np.isfinite(made)]
    found = {f"{name}_real": _median(real), f"{name}_synthetic": _median(made)}
    if not real.size or not made.size:
        return found | {f"{name}_{key}": undefined(Reason.TOO_FEW_EVENTS) for key in ("ks", "ks_p")}
    test = stats.ks_2samp(real, made)
    n = real.size + made.size
    return found | {
        f"{name}_ks": Estimate(float(test.statistic), n=n),
        f"{name}_ks_p": Estimate(float(test.pvalue), n=n),
    }


def _median(values: np.ndarray) -> Estimate:
    """Median with the distribution-free interval of order statistics (David & Nagaraja, Order Statistics, 7.1)."""
    values = np.sort(values[np.isfinite(values)])
    n = values.size
    if not n:
        return undefined(Reason.TOO_FEW_EVENTS)._replace(n=0)
    lower = int(stats.binom.ppf(0.025, n, 0.5))
    if lower < 1:  # the interval would be wider than the sample
        return Estimate(float(np.median(values)), n=n)
    return Estimate(float(np.median(values)), float(values[lower - 1]), float(values[n - lower]), n=n)


def _count(number: int) -> Estimate:
    return Estimate(float(number))


def _long(own: np.ndarray, kept: np.ndarray, real: np.ndarray) -> pd.DataFrame:
    groups = np.r_[np.where(kept, "accepted", "refused"), np.full(len(real), "real")]
    long = pd.DataFrame({"group": groups, "distance": np.r_[own, real].astype(float)})
    return long[np.isfinite(long["distance"])].reset_index(drop=True)


def _table(found: dict[str, Estimate], split: str, generator: str) -> pd.DataFrame:
    rows = [
        {"split": split, "generator": generator, "quantity": name, "n": value.n}
        | {"estimate": value.estimate, "low": value.low, "high": value.high, "reason": value.reason}
        for name, value in found.items()
    ]
    return tables.frame("worth", rows)
