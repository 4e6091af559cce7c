"""Expansion labels of a split by every definition, each with the probability that both volumes give it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ichor import tables
from ichor.cohort.expansion import DEFINITIONS, Definition
from ichor.cohort.fences import FITTING_ROLES
from ichor.cohort.growth_probability import expansion_probability, growth_error_ml
from ichor.cohort.labels import Eligibility, ExpansionLabel, label_expansion
from ichor.cohort.scan_pairs import ScanPair, by_scan, scan_pair
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
    pairs = SplitPairs.of(split, patients, scans, masks, splits, measures, expansion=expansion)
    names = pairs.base[["split", "patient", "center", "role"]]
    parts = [names.assign(**_columns(rule, pairs.labelled(rule), pairs)) for rule in DEFINITIONS.values()]
    everything = pd.concat(parts).sort_index(kind="stable")  # patient by patient, definitions in their order
    return tables.validate("expansion_labels", everything, f"expansion labels of split {split}")


@dataclass(frozen=True)
class SplitPairs:
    """A split's patients with both scans of each, and the errors of the measured volumes.

    Attributes
    ----------
    base : DataFrame
        Row of each patient, sorted by center and patient.
    pairs : list of ScanPair
        In the same order.
    needs : Eligibility
        What a label needs.
    measured_error_ml : array, shape (2, 2, n)
        Standard deviations of IPH and IVH, at baseline and at follow-up, mL; NaN where unknown.
    measured_correlation : array, shape (2,)
        Of these errors, see `error_correlation`.
    reader_error_ml : float
        Standard deviation of a volume from a reference mask or a center's table.
    """

    base: pd.DataFrame
    pairs: list[ScanPair]
    needs: Eligibility
    measured_error_ml: np.ndarray
    measured_correlation: np.ndarray
    reader_error_ml: float

    @classmethod
    def of(
        cls,
        split: str,
        patients: pd.DataFrame,
        scans: pd.DataFrame,
        masks: pd.DataFrame,
        splits: pd.DataFrame,
        measures: pd.DataFrame,
        *,
        expansion: Mapping,
    ) -> "SplitPairs":
        """Bring a split's tables together; parameters and errors are those of `expansion_labels`."""
        rows = splits[splits["split"] == split]
        if not len(rows):
            raise StudyError(f"split {split} has no patient in the splits table.")
        base = rows.merge(patients.drop(columns=["center", "center_role"]), on="patient", how="left", validate="1:1")
        base = base.sort_values(["center", "patient"], ignore_index=True)
        own, measured = masks[masks["split"] == split], measures[measures["split"] == split]
        scan_of, mask_of = by_scan(scans), by_scan(own)
        records = base.astype(object).where(base.notna(), None).to_dict("records")
        return cls(
            base,
            [scan_pair(row, scan_of, mask_of) for row in records],
            Eligibility.of(expansion),
            _by_time_point(measured, ERRORS, base["patient"]),
            error_correlation(own, measured, rows),
            expansion.get("reader_error_ml") or 0.0,
        )

    def labelled(self, rule: Definition) -> list[ExpansionLabel]:
        """Label of each patient by a definition."""
        return [label_expansion(pair, rule, **vars(self.needs)) for pair in self.pairs]

    def volumes(self, found: list[ExpansionLabel]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Volumes that labels were decided on, with their errors.

        Returns
        -------
        volumes_ml, errors_ml : array, shape (2, 2, n)
            Of IPH and IVH, at baseline and at follow-up, mL; NaN where there is no label, or it has none.
        correlation : array, shape (2, n)
            Of the errors of a patient's two volumes: measured ones err alike, those of readers do not.
        """
        volumes = np.array([one.volumes for one in found], dtype=float).reshape(len(found), 2, 2)
        by_reader = np.isin(np.array([one.source for one in found], dtype=object), ["reference", "table_volumes"])
        errors = np.where(by_reader, self.reader_error_ml, self.measured_error_ml)
        correlation = np.where(by_reader, 0.0, self.measured_correlation[:, None])
        return volumes.transpose(2, 1, 0), errors, correlation


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


def _columns(rule: Definition, found: list[ExpansionLabel], pairs: SplitPairs) -> dict:
    """Columns of one definition; see the schema."""
    source = np.array([one.source for one in found], dtype=object)
    (iph_ml, ivh_ml), (iph_error_ml, ivh_error_ml), (iph_correlation, ivh_correlation) = pairs.volumes(found)
    probability = expansion_probability(
        rule,
        iph_ml,
        iph_error_ml,
        ivh_ml,
        ivh_error_ml,
        use_relative=[one.use_relative for one in found],
        iph_correlation=iph_correlation,
        ivh_correlation=ivh_correlation,
    )
    labels = [one.label for one in found]
    given = source == "table_label"
    probability[given] = np.array(labels, dtype=float)[given]
    growth_sd = growth_error_ml(*iph_error_ml, iph_correlation)
    return {
        "definition": rule.name,
        "label": pd.array(labels, dtype="Int64"),
        "source": source,
        "reason": [missing_reason(one, value) for one, value in zip(found, probability, strict=True)],
        "probability": probability,
        "growth_ml": [one.growth_ml for one in found],
        "growth_error_ml": np.where(np.isnan(iph_ml[0]), np.nan, growth_sd),
    }


def missing_reason(found: ExpansionLabel, probability: float) -> str | None:
    """Why a label, or the probability of a label, is missing."""
    if found.label is None:
        return str(found.reason)
    return str(Reason.VOLUME_ERROR_UNKNOWN) if np.isnan(probability) else None
