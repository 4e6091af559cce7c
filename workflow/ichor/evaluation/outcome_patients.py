"""Who had the outcome: the papers' tables of patients, odds ratios and rates by score, on a study's own cohort."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ichor.cohort.dictionary import TIMES, known_at
from ichor.cohort.feature_sets import expand
from ichor.cohort.table_by_outcome import table_by_outcome
from ichor.errors import StudyError
from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.ordinal import ordinal_measures
from ichor.evaluation.printed_outcome import RATES
from ichor.evaluation.risk_factors import multivariable, univariable
from ichor.evaluation.score_rates import rates_by_score
from ichor.scores.rows import OUTCOME_SCORES, score_rows
from ichor.seeds import seed_for

GCS_CUTS = (9, 13)
"""GCS of 13 to 15, 9 to 12, 3 to 8 are the classes 0, 1, 2 of Cobo et al.; the lowest GCS of the classes 1 and 0."""
RECORDED_SHARE = 0.8
"""Part of the patients in whom a variable must be recorded to stand in the multivariable table: our choice, because
that table holds the patients in whom all its variables are recorded."""


@dataclass
class OutcomePatients:
    """Tables of all patients with a label, development and external together, as the papers print them.

    Attributes
    ----------
    by_outcome, univariable, multivariable : DataFrame
        See `ichor.cohort.table_by_outcome.table_by_outcome` and `ichor.evaluation.risk_factors`.
    rates : DataFrame
        Of `ichor.evaluation.score_rates.rates_by_score` for each score, with ``score``, ``printed_events`` and
        ``printed_n`` of Chen et al.
    notes : list of str
        Why a table is missing, or what was taken out of it.
    """

    by_outcome: pd.DataFrame
    univariable: pd.DataFrame
    multivariable: pd.DataFrame
    rates: pd.DataFrame
    notes: list[str]


def outcome_patients(cohort: pd.DataFrame, target: str, features: Sequence[str]) -> OutcomePatients:
    """Make them.

    Parameters
    ----------
    cohort : DataFrame
        Table ``cohort`` of one split; every role.
    target : str
        The label is the column ``label_<target>``.
    features : sequence of str
        Variables of the regressions, or names of sets of them.
    """
    label = f"label_{target}"
    cohort = cohort[cohort[label].notna()]
    recorded = [name for name in expand(features) if name in cohort and cohort[name].nunique() > 1]
    scores = {name: score_rows(name, cohort)["points"] for name in OUTCOME_SCORES}
    points = pd.DataFrame({f"{name}_points": values for name, values in scores.items() if values.nunique() > 1})
    table = cohort.drop(columns=[name for name in points if name in cohort]).join(points)
    notes: list[str] = []
    enough = [name for name in recorded if cohort[name].notna().mean() >= RECORDED_SHARE]
    sparse = [name for name in recorded if name not in enough]
    if sparse:
        said = ", ".join(sparse)
        notes.append(
            f"Not in the multivariable table, recorded in fewer than {100 * RECORDED_SHARE:.0f} % of patients: {said}."
        )
    complete = cohort[enough].dropna()
    alike = [name for name in enough if complete[name].nunique() < 2]
    if alike:
        notes.append(f"Not in it either, the same in all patients in whom all others are known: {', '.join(alike)}.")
        enough = [name for name in enough if name not in alike]
    try:
        together = multivariable(table, label, enough)
    except StudyError as error:
        together, _ = pd.DataFrame(), notes.append(f"There is no multivariable table: {error}")
    if len(together):
        first = together.iloc[0]
        notes.append(
            f"All together: {first['n']} patients, {first['events']} with the outcome; of the rarer outcome "
            f"{first['events_per_variable']:.1f} for each column."
        )
    return OutcomePatients(
        by_outcome=table_by_outcome(cohort, label, recorded),
        univariable=univariable(table, label, [*recorded, *points]),
        multivariable=together,
        rates=_rates(scores, cohort[label]),
        notes=notes,
    )


def _rates(scores: dict[str, pd.Series], labels: pd.Series) -> pd.DataFrame:
    parts = []
    for name, points in scores.items():
        if not points.notna().any():
            continue
        rates = rates_by_score(points.to_numpy(dtype=float), labels.to_numpy(dtype=float))
        printed = RATES.get(name, {})
        rates.insert(0, "score", name)
        rates["printed_events"] = [printed.get(int(value), (np.nan, np.nan))[0] for value in rates["points"]]
        rates["printed_n"] = [printed.get(int(value), (np.nan, np.nan))[1] for value in rates["points"]]
        parts.append(rates)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def ordinal_figures(details: pd.DataFrame | None, cohort: pd.DataFrame, *, seed: int, bootstrap: int) -> pd.DataFrame:
    """How well multi-task networks read the GCS group from the image, on test rows.

    Parameters
    ----------
    details : DataFrame or None
        Table ``prediction_details``; quantity ``gcs_ordinal``, rounded to the class.
    cohort : DataFrame
        Table ``cohort``; column ``gcs``.
    seed, bootstrap : int
        Of the resamples.

    Returns
    -------
    DataFrame
        Columns model, quantity, estimate, low, high, reason, n.
    """
    columns = ["model", "quantity", "estimate", "low", "high", "reason", "n"]
    if details is None or details.empty:
        return pd.DataFrame(columns=columns)
    own = details[(details["quantity"] == "gcs_ordinal") & (details["role"] == "test")]
    gcs = cohort.drop_duplicates("patient").set_index("patient")["gcs"].dropna()
    out = []
    for model, rows in own.groupby("model", sort=False):
        rows = rows[rows["patient"].isin(gcs.index)].drop_duplicates("patient")
        if rows.empty:
            continue
        truth = len(GCS_CUTS) - np.searchsorted(GCS_CUTS, gcs[rows["patient"]].to_numpy(dtype=float), side="right")
        draws = Resamples(rows["center"].to_numpy(), bootstrap, seed_for(seed, "ordinal", model))
        predicted = rows["value"].round().astype(int).to_numpy()
        for name, value in ordinal_measures(truth, predicted, len(GCS_CUTS) + 1, draws).items():
            out.append((model, name, value.estimate, value.low, value.high, value.reason, len(rows)))
    return pd.DataFrame(out, columns=columns)


def admission_variables(cohort: pd.DataFrame) -> pd.DataFrame:
    """Numbers of each patient (index) that are known at admission.

    Parameters
    ----------
    cohort : DataFrame
        Table ``cohort`` of one split.
    """
    rows = cohort.drop_duplicates("patient").set_index("patient")
    return rows[[name for name in rows if pd.api.types.is_numeric_dtype(rows[name]) and _at_admission(name)]]


def _at_admission(name: str) -> bool:
    try:
        return known_at(name) == TIMES[0]
    except StudyError:  # no variable: the fold, a path
        return False
