"""Expansion labels of a split by every definition, each with the probability that both volumes give it."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ichor import tables
from ichor.cohort.expansion import DEFINITIONS, Definition
from ichor.cohort.fences import FITTING_ROLES
from ichor.cohort.growth_probability import expansion_probability, growth_error_ml
from ichor.cohort.labels import Eligibility, ExpansionLabel, label_expansion
from ichor.cohort.scan_pairs import by_scan, scan_pair
from ichor.errors import StudyError
from ichor.reasons import Reason

LEAST_PATIENTS = 5
"""Fewer patients with reference masks of both scans tell no correlation; then it is 0, the cautious one. Our choice."""
GREATEST_CORRELATION = 0.99
VOLUMES = ("iph_ml", "ivh_ml")
PREFIXES = ("", "reference_")
ERRORS = ("iph_error_ml", "ivh_error_ml")
READ = ("split", "patient", "time_point", *ERRORS)
"""What is read of the table ``measures``."""


def expansion_labels(
    split: str,
    patients: pd.DataFrame,
    scans: pd.DataFrame,
    masks: pd.DataFrame,
    splits: pd.DataFrame,
    measures: pd.DataFrame,
    *,
    expansion: Mapping,
) -> pd.DataFrame:
    """Label a split's patients by every definition.

    Parameters
    ----------
    split : str
        Name of the split.
    patients, scans, masks, splits : DataFrame
        The tables of these names.
    measures : DataFrame
        Table ``measures``, or its columns `READ`: the errors of the measured volumes, mL.
    expansion : mapping
        As for `ichor.cohort.assemble.assemble_cohort`; ``definition`` is not looked at. ``reader_error_ml``: standard
        deviation of a volume from a reference mask or a center's table, None = none.

    Returns
    -------
    DataFrame
        Table ``expansion_labels``, sorted by center, patient and, as in `DEFINITIONS`, definition. The label is that
        of `ichor.cohort.labels.label_expansion`. A label that the center made is taken for exact.

    Raises
    ------
    StudyError
        If the split has no patient.
    """
    rows = splits[splits["split"] == split]
    if not len(rows):
        raise StudyError(f"split {split} has no patient in the splits table.")
    base = rows.merge(patients.drop(columns=["center", "center_role"]), on="patient", how="left", validate="1:1")
    base = base.sort_values(["center", "patient"], ignore_index=True)
    scan_of, mask_of = by_scan(scans), by_scan(masks[masks["split"] == split])
    records = base.astype(object).where(base.notna(), None).to_dict("records")
    pairs = [scan_pair(row, scan_of, mask_of) for row in records]
    needs, reader_ml = Eligibility.of(expansion), expansion.get("reader_error_ml") or 0.0
    errors = _by_time_point(measures[measures["split"] == split], ERRORS, base["patient"])
    own = masks[masks["split"] == split]
    correlation = error_correlation(own, measures[measures["split"] == split], rows)
    parts = []
    for rule in DEFINITIONS.values():
        found = [label_expansion(pair, rule, **vars(needs)) for pair in pairs]
        columns = _columns(rule, found, errors, correlation, reader_ml)
        parts.append(base[["split", "patient", "center", "role"]].assign(**columns))
    everything = pd.concat(parts).sort_index(kind="stable")  # patient by patient, definitions in their order
    return tables.validate("expansion_labels", everything, f"expansion labels of split {split}")


def error_correlation(masks: pd.DataFrame, measures: pd.DataFrame, splits: pd.DataFrame) -> np.ndarray:
    """Correlation of the errors of a patient's two predicted volumes, of IPH and of IVH.

    What a segmenter misses in one scan of a patient it tends to miss in the other, and that cancels in the growth. It
    is seen on train and tune patients with reference masks of both scans, each segmented by a model that never saw
    the patient; no test patient's reference is looked at.

    Parameters
    ----------
    masks, measures, splits : DataFrame
        Tables of these names, rows of one split.

    Returns
    -------
    array, shape (2,)
        Of predicted minus reference volumes in units of their errors, about 0, from 0 to `GREATEST_CORRELATION`; 0
        where fewer than `LEAST_PATIENTS` patients tell it.
    """
    fitted = splits.loc[splits["role"].isin(FITTING_ROLES), "patient"].drop_duplicates()
    predicted, reference = (_by_time_point(masks, [f"{part}{name}" for name in VOLUMES], fitted) for part in PREFIXES)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = (predicted - reference) / _by_time_point(measures, ERRORS, fitted)
    return np.array([_correlation(*pair) for pair in errors])


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    if known.sum() < LEAST_PATIENTS or size == 0:
        return 0.0
    return float(np.clip((first * second).sum() / size, 0.0, GREATEST_CORRELATION))


def _by_time_point(frame: pd.DataFrame, names: Sequence[str], patients: pd.Series) -> np.ndarray:
    """Columns of a table of scans, shape (columns, 2 time points, patients); NaN where unknown."""
    out = np.full((len(names), 2, len(patients)), np.nan)
    for row, time_point in enumerate(("baseline", "followup")):
        own = frame[frame["time_point"] == time_point].set_index("patient")
        for column, name in enumerate(names):
            out[column, row] = own[name].reindex(patients).to_numpy(dtype=float)
    return out


def _columns(
    rule: Definition,
    found: list[ExpansionLabel],
    measured_ml: np.ndarray,
    measured_correlation: np.ndarray,
    reader_ml: float,
) -> dict:
    """Columns of one definition; see the schema."""
    source = np.array([one.source for one in found], dtype=object)
    volumes = np.array([one.volumes for one in found], dtype=float).reshape(len(found), 4).T
    by_reader = np.isin(source, ["reference", "table_volumes"])
    errors = np.where(by_reader, reader_ml, measured_ml)
    iph_correlation, ivh_correlation = (np.where(by_reader, 0.0, value) for value in measured_correlation)
    probability = expansion_probability(
        rule,
        volumes[[0, 2]],
        errors[0],
        volumes[[1, 3]],
        errors[1],
        use_relative=[one.use_relative for one in found],
        iph_correlation=iph_correlation,
        ivh_correlation=ivh_correlation,
    )
    labels = [one.label for one in found]
    given = source == "table_label"
    probability[given] = np.array(labels, dtype=float)[given]
    growth_sd = growth_error_ml(*errors[0], iph_correlation)
    return {
        "definition": rule.name,
        "label": pd.array(labels, dtype="Int64"),
        "source": source,
        "reason": [_reason(one, value) for one, value in zip(found, probability, strict=True)],
        "probability": probability,
        "growth_ml": [one.growth_ml for one in found],
        "growth_error_ml": np.where(np.isnan(volumes[0]), np.nan, growth_sd),
    }


def _reason(found: ExpansionLabel, probability: float) -> str | None:
    """Why a label, or the probability of a label, is missing."""
    if found.label is None:
        return str(found.reason)
    return str(Reason.VOLUME_ERROR_UNKNOWN) if np.isnan(probability) else None
