"""Whether a model works as well in one kind of patient as in the other: AUC of subgroups, and tests of interaction."""

import math
import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.stats import chi2

from ichor.evaluation.discrimination import auc, delong_unpaired
from ichor.evaluation.multiple_tests import holm
from ichor.reasons import Reason

FEWEST = 5  # patients with and without the event in each half below which nothing is tested: our choice
CLIP = 1e-6  # a probability of 0 or 1 has no logit
LARGEST_ERROR = 10.0  # standard error of a coefficient above which the fit has diverged


class Subgroup(NamedTuple):
    """Two kinds of patients: those whose value is in `values`, or at or above `cut`, and the others."""

    name: str
    column: str
    yes: str
    no: str
    cut: float | None = None
    values: tuple = ()


SUBGROUPS = (
    Subgroup("Age", "age_years", "65 years and older", "under 65 years", cut=65),
    Subgroup("Sex", "sex", "female", "male", values=("female",)),
    Subgroup("Severity", "nihss", "NIHSS 15 or more", "NIHSS under 15", cut=15),
    Subgroup("Consciousness", "gcs", "GCS 13 to 15", "GCS 3 to 12", cut=13),
    Subgroup("Volume", "iph_ml", "30 mL or more", "under 30 mL", cut=30),
    Subgroup("Ventricular blood", "ivh_ml", "yes", "no", cut=0.5),
    Subgroup("Place", "location", "lobar", "elsewhere", values=("lobar",)),
    Subgroup("Time to scan", "onset_to_ct_h", "3 h and more", "under 3 h", cut=3),
    Subgroup("Anticoagulant", "anticoagulant", "yes", "no", values=(1,)),
)
"""Subgroups of every study, chosen before any result; the cuts are those of the scores where they have one (age and
NIHSS: our choice)."""
COLUMNS = (
    "subgroup level n events auc low high reason difference difference_p interaction p p_holm interaction_reason"
).split()


def members(people: pd.DataFrame, subgroup: Subgroup) -> pd.Series:
    """1 and 0 for the two kinds, NaN where the value is not known."""
    values = people[subgroup.column]
    if subgroup.cut is not None:
        numbers = pd.to_numeric(values).astype(float)
        return (numbers >= subgroup.cut).astype(float).where(numbers.notna())
    return values.isin(subgroup.values).astype(float).where(values.notna())


def subgroup_table(rows: pd.DataFrame, subgroups: tuple[Subgroup, ...] = SUBGROUPS) -> pd.DataFrame:
    """AUC in both halves of each subgroup, and whether the model means more in one of them.

    Parameters
    ----------
    rows : DataFrame
        Test rows of one model, one per patient: ``label``, ``probability`` and the columns of the subgroups.
    subgroups : tuple of Subgroup
        Those without a known value among the rows are left out.

    Returns
    -------
    DataFrame
        Two rows per subgroup. ``auc low high``: DeLong. ``difference``: AUC of the first half minus that of the second,
        ``difference_p``: DeLong's test for independent AUCs. ``interaction``: coefficient of (logit of the risk x
        subgroup) in a logistic model that holds both; ``p``: its likelihood-ratio test; ``p_holm``: Holm's correction
        over the subgroups.
    """
    found = []
    for subgroup in subgroups:
        if subgroup.column not in rows or rows[subgroup.column].isna().all():
            continue
        inside = members(rows, subgroup)
        known = inside.notna()
        labels, risks = rows.loc[known, "label"].to_numpy(int), rows.loc[known, "probability"].to_numpy(float)
        half = inside[known].to_numpy(bool)
        test = _test(labels, risks, half)
        for level, own in ((subgroup.yes, half), (subgroup.no, ~half)):
            area = auc(labels[own], risks[own])
            found.append(
                dict(subgroup=subgroup.name, level=level, n=int(own.sum()), events=int(labels[own].sum()))
                | dict(auc=area.estimate, low=area.low, high=area.high, reason=area.reason and str(area.reason))
                | test
            )
    table = pd.DataFrame(found, columns=COLUMNS)
    tested = table[table["p"].notna()].drop_duplicates("subgroup")
    adjusted = dict(zip(tested["subgroup"], holm(tested["p"].to_numpy(float)), strict=True)) if len(tested) else {}
    return table.assign(p_holm=table["subgroup"].map(adjusted).astype(float))


def _test(labels: np.ndarray, risks: np.ndarray, half: np.ndarray) -> dict:
    out = dict.fromkeys(("difference", "difference_p", "interaction", "p"), math.nan)
    counts = [np.sum(labels[own] == value) for own in (half, ~half) for value in (0, 1)]
    if min(counts) < FEWEST:
        return out | dict(interaction_reason=str(Reason.TOO_FEW_EVENTS))
    compared = delong_unpaired(labels[half], risks[half], labels[~half], risks[~half])
    out |= dict(difference=compared.difference, difference_p=compared.p)
    coefficient, p = interaction(labels, risks, half)
    reason = None if math.isfinite(p) else str(Reason.EXTREME_PROBABILITY)
    return out | dict(interaction=coefficient, p=p, interaction_reason=reason)


def interaction(labels: np.ndarray, risks: np.ndarray, half: np.ndarray) -> tuple[float, float]:
    """Coefficient of (logit of the risk x half) and its likelihood-ratio p; NaN where the fit does not converge.

    Parameters
    ----------
    labels, risks, half : array, shape (n,)
        Outcome 0 or 1; predicted probability; who is in the first half.
    """
    clipped = np.clip(risks, CLIP, 1 - CLIP)
    logit = np.log(clipped / (1 - clipped))
    with_half = np.column_stack([np.ones(len(labels)), logit, half.astype(float)])
    both = np.column_stack([with_half, logit * half])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # separation is told by the missing value
        try:
            fits = [
                sm.GLM(labels, design, family=sm.families.Binomial()).fit(tol=1e-10) for design in (with_half, both)
            ]
        except (np.linalg.LinAlgError, ValueError):
            return math.nan, math.nan
    if not all(fit.converged and np.isfinite(fit.bse).all() and fit.bse.max() < LARGEST_ERROR for fit in fits):
        return math.nan, math.nan
    ratio = 2 * (fits[1].llf - fits[0].llf)
    return float(fits[1].params[-1]), float(chi2.sf(max(ratio, 0.0), 1))
