"""Splits: which patient is trained on, tuned on and tested on, in every validation scheme. Always whole patients.

A patient's place follows from a hash of the seed, the center and the pseudonym, ordered inside the center. So a new
patient moves nobody in another center, and in its own center at most the patients at the edges between two blocks.
Patients who are kept together (`ichor.cohort.together`) have one place, that of the first of them.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from itertools import chain

import pandas as pd

from ichor import tables
from ichor.cohort.together import followed, leaders, without_partners
from ichor.errors import StudyError
from ichor.seeds import seed_for

SCHEMES = ("external", "loco", "cv")
CENTERS_SHEET = "the centers sheet (config key centers)"


def split_names(centers: pd.DataFrame, schemes: Sequence[str], folds: int) -> list[str]:
    """Names of all splits, known before any data is: from the centers sheet and the config.

    Parameters
    ----------
    centers : DataFrame
        Columns ``center`` and ``role`` (development or external).
    schemes : sequence of {"external", "loco", "cv"}
        Config key ``validation.schemes``.
    folds : int
        Number of folds of ``cv``; its splits are ``cv-0`` to ``cv-<folds - 1>``.

    Raises
    ------
    StudyError
        If a scheme cannot be carried out with these centers; says what to write instead.
    """
    roles = dict(zip(map(str, centers["center"]), centers["role"], strict=True))
    development = _with_role(roles, "development")
    _check_schemes(roles, schemes)
    names: list[str] = []
    for scheme in schemes:
        if scheme == "external":
            names.append("external")
        elif scheme == "loco":
            names += [f"loco-{center}" for center in development]
        else:
            names += [f"cv-{fold}" for fold in range(folds)]
    return names


def make_splits(
    patients: pd.DataFrame,
    scans: pd.DataFrame,
    *,
    schemes: Sequence[str],
    folds: int,
    tune_fraction: float,
    segmentation_folds: int,
    seed: int,
    roles: Mapping[str, str] | None = None,
    together: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Give every patient with an accepted baseline scan a role in every split.

    Parameters
    ----------
    patients : DataFrame
        Table ``patients``; a patient without clinical record stands in it with empty variables.
    scans : DataFrame
        Table ``scans``.
    schemes : sequence of {"external", "loco", "cv"}
        ``external``: test = all external centers. ``loco``: one split per development center, which is its test set.
        ``cv``: test = one of `folds` patient-level folds of the development centers. External centers are in
        ``external`` alone.
    folds : int
        Folds of ``cv``.
    tune_fraction : float
        Part of the patients, in [0, 1), that would be trained on that is set apart for tuning, per center.
    segmentation_folds : int
        Cross-fitting folds of the train and tune rows, 0 to K - 1.
    seed : int
        The study's seed.
    roles : mapping, optional
        Center -> role, from the centers sheet. With it, a center all of whose scans were set aside still has its
        leave-one-center-out split (with an empty test set), so that the splits are those of `split_names`.
    together : mapping, optional
        Patient -> group, of `ichor.cohort.together.groups`. A group has one role and one fold in every split. Where
        its centers part it, those who would be learned from are left out of that split; the test set stays as it is.

    Returns
    -------
    DataFrame
        Table ``splits``.

    Raises
    ------
    StudyError
        If a scheme is impossible with these centers, or there are fewer patients than folds.
    """
    roles = dict(roles) if roles is not None else _patient_roles(patients)
    together = together or {}
    _check_schemes(roles, schemes)
    people = _with_baseline(patients, scans)
    development = people[people["center"].isin(_with_role(roles, "development"))]
    external = people[people["center"].isin(_with_role(roles, "external"))]
    parts = []
    for scheme in schemes:
        if scheme == "external":
            parts.append(("external", development, external))
        elif scheme == "loco":
            for center in _with_role(roles, "development"):
                out = development["center"] == center
                parts.append((f"loco-{center}", development[~out], development[out]))
        else:
            fold_of = _deal(development, folds, seed, "cv", "scheme cv (config key validation.folds)", together)
            for fold in range(folds):
                out = development["patient"].map(fold_of) == fold
                parts.append((f"cv-{fold}", development[~out], development[out]))
    rows = [_split_rows(*part, tune_fraction, segmentation_folds, seed, together) for part in parts]
    return tables.frame("splits", list(chain.from_iterable(rows)))


def _split_rows(
    split: str,
    learn: pd.DataFrame,
    test: pd.DataFrame,
    tune_fraction: float,
    segmentation_folds: int,
    seed: int,
    together: Mapping[str, str],
) -> list[dict]:
    learn = without_partners(learn, test, together)
    if not len(learn):
        raise StudyError(
            f"split {split}: no patient to train on has an accepted baseline scan, or all of them are kept together "
            "with patients to test on. results/status.tsv says why the scans of the development centers were set aside."
        )
    tune = _tune_patients(learn, tune_fraction, seed, together)
    where = f"split {split} (config key segmentation.folds)"
    fold_of = _deal(learn, segmentation_folds, seed, "segmentation", where, together)
    rows = [
        dict(split=split, patient=p, center=c, role="tune" if p in tune else "train", fold=fold_of[p])
        for p, c in zip(learn["patient"], learn["center"], strict=True)
    ]
    rows += [
        dict(split=split, patient=p, center=c, role="test", fold=None)
        for p, c in zip(test["patient"], test["center"], strict=True)
    ]
    return rows


def _with_baseline(patients: pd.DataFrame, scans: pd.DataFrame) -> pd.DataFrame:
    baseline = set(scans.loc[scans["time_point"] == "baseline", "patient"])
    people = patients.loc[patients["patient"].isin(baseline), ["patient", "center"]]
    twice = people.loc[people["patient"].duplicated(), "patient"]
    if len(twice):
        found = sorted(people.loc[people["patient"] == twice.iloc[0], "center"])
        raise StudyError(
            f"patient {twice.iloc[0]} stands twice in the patients table (centers {', '.join(found)}); "
            "a patient has one row in the study."
        )
    return people.sort_values(["center", "patient"]).reset_index(drop=True)


def hash_order(people: pd.DataFrame, seed: int, purpose: str) -> dict[str, list[str]]:
    """Patients of each center in the order of a keyed hash.

    Parameters
    ----------
    people : DataFrame
        Columns ``patient`` and ``center``.
    seed : int
        The study's seed.
    purpose : str
        What the order is for; other purposes give unrelated orders.

    Returns
    -------
    dict
        Center -> its patients in hash order; centers sorted by name.
    """

    def place(center: str, patient: str) -> str:
        return hashlib.sha256(f"{int(seed)}\x1f{purpose}\x1f{center}\x1f{patient}".encode()).hexdigest()

    return {
        str(center): sorted(group["patient"], key=lambda patient, center=center: place(str(center), patient))
        for center, group in people.groupby("center", sort=True)
    }


def _tune_patients(learn: pd.DataFrame, fraction: float, seed: int, together: Mapping[str, str]) -> set[str]:
    dealt = leaders(learn, together)
    ordered = hash_order(dealt, seed, "tune")
    chosen = {
        patient
        for patients in ordered.values()
        for patient in patients[: min(math.floor(fraction * len(patients) + 0.5), len(patients) - 1)]
    }
    if fraction > 0 and not chosen and len(dealt) > 1:  # tiny study: early stopping still needs somebody
        chosen = {max(ordered.values(), key=len)[0]}
    tuned = followed(learn, together, {patient: int(patient in chosen) for patient in dealt["patient"]})
    return {patient for patient, is_tuned in tuned.items() if is_tuned}


def _deal(
    people: pd.DataFrame, folds: int, seed: int, purpose: str, what: str, together: Mapping[str, str]
) -> dict[str, int]:
    """Fold of each patient: blocks of nearly equal size of each center's hash order; no fold stays empty."""
    to_deal = leaders(people, together)
    if len(to_deal) < folds:
        kept = f" ({len(people)} patients, of whom those who are kept together count once)"
        raise StudyError(
            f"{what}: {folds} folds need at least {folds} patients with an accepted baseline scan, "
            f"found {len(to_deal)}{kept if len(to_deal) < len(people) else ''}. Write fewer folds or add patients."
        )
    dealt: list[list[str]] = [[] for _ in range(folds)]
    for center, patients in hash_order(to_deal, seed, purpose).items():
        offset = seed_for(seed, purpose, center) % folds  # spreads the remainders of small centers over the folds
        for rank, patient in enumerate(patients):
            dealt[(rank * folds // len(patients) + offset) % folds].append(patient)
    while any(not fold for fold in dealt):  # can only be when every center has fewer patients than there are folds
        donor = max(range(folds), key=lambda fold: len(dealt[fold]))
        dealt[next(fold for fold in range(folds) if not dealt[fold])].append(dealt[donor].pop())
    places = {patient: fold for fold, patients in enumerate(dealt) for patient in patients}
    return followed(people, together, places)


def _patient_roles(patients: pd.DataFrame) -> dict[str, str]:
    seen = patients[["center", "center_role"]].drop_duplicates()
    return dict(zip(seen["center"], seen["center_role"], strict=True))


def _with_role(roles: dict[str, str], role: str) -> list[str]:
    return sorted(center for center, found in roles.items() if found == role)


def _check_schemes(roles: dict[str, str], schemes: Sequence[str]) -> None:
    unknown = [scheme for scheme in schemes if scheme not in SCHEMES]
    if unknown:
        raise StudyError(f"config key validation.schemes: unknown {unknown[0]!r}; expected {', '.join(SCHEMES)}.")
    development, external = _with_role(roles, "development"), _with_role(roles, "external")
    if not development:
        raise StudyError(
            f"{CENTERS_SHEET} has no center with role development, so there is nothing to learn from. "
            "Write development in the column role of at least one center."
        )
    if "external" in schemes and not external:
        raise StudyError(
            f"config key validation.schemes holds external, but {CENTERS_SHEET} has no center with role external. "
            "Write external in the column role of the centers to test on, or take external out of validation.schemes "
            f"({'loco or cv' if len(development) > 1 else 'cv'} works without)."
        )
    if "loco" in schemes and len(development) < 2:
        raise StudyError(
            f"config key validation.schemes holds loco (leave one center out), but {CENTERS_SHEET} has one development "
            f"center only ({development[0]}). Write cv instead, or give another center the role development."
        )
