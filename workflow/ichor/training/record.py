"""The clinical record that a network reads beside the image: one row of numbers per patient."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from ichor.cohort.dictionary import refuse_late_predictors
from ichor.errors import StudyError
from ichor.models.tabular import Preparation
from ichor.seeds import seed_for


@dataclass(frozen=True)
class Record:
    """How columns of the cohort table become numbers, fitted on train rows alone.

    Attributes
    ----------
    preparation : ichor.models.tabular.Preparation
        Imputation, missing indicators, coding and scaling.
    """

    preparation: Preparation

    @classmethod
    def fitted(cls, features: Sequence[str], train: pd.DataFrame, post_baseline: Sequence[str] = ()) -> "Record":
        """Fit on the train rows of a split.

        Parameters
        ----------
        features : sequence of str
            Columns of the cohort table.
        train : pandas.DataFrame
            Train rows.
        post_baseline : sequence of str
            Those of the features that are wanted although they are known later.

        Raises
        ------
        ichor.errors.StudyError
            If a feature is known too late, no column of the table, or missing in every train row.
        """
        refuse_late_predictors(features, post_baseline=post_baseline)
        return cls(Preparation.fitted(_chosen(features, train)))

    @classmethod
    def restored(cls, facts: dict) -> "Record":
        """Take up what :meth:`facts` gave."""
        return cls(Preparation(**facts["preparation"]))

    @property
    def width(self) -> int:
        """Number of columns of :meth:`matrix`."""
        return 1 + len(self.preparation.names())

    def facts(self) -> dict:
        """Plain values for the bundle, from which the record can be prepared again."""
        columns = ["1 = there is a record", *self.preparation.names()]
        return {"columns": columns, "preparation": asdict(self.preparation)}

    def matrix(self, rows: pd.DataFrame) -> np.ndarray:
        """Numbers of some rows, float32 ``(rows, width)``, without missing values.

        The first column is 1; a patient of whom no feature is known has no record, and 0 in every column. The others
        are in standard deviations of the train rows from their mean.
        """
        given = _chosen(self.preparation.predictors, rows)
        known = given.notna().any(axis=1).to_numpy(dtype=np.float64)[:, None]
        return (np.concatenate([np.ones_like(known), self.preparation.prepared(given)], axis=1) * known).astype(
            np.float32
        )


def shown(matrix: np.ndarray, dropout: float, seed: int, epoch: int, places: np.ndarray) -> np.ndarray:
    """Records as training shows them in an epoch: some are left out, so that the image alone is learned too.

    Parameters
    ----------
    matrix : numpy.ndarray
        float32 ``(n, width)``, the records of a batch.
    dropout : float
        Share that is left out, 0 to less than 1.
    seed, epoch : int
        Of the training.
    places : numpy.ndarray
        Place of each image among the epoch's: what is drawn depends on it alone, not on the batch that it is in.

    Returns
    -------
    numpy.ndarray
        The same, with zeros for what is left out.
    """
    return matrix * (_drawn(seed, epoch, places) >= dropout).astype(np.float32)[:, None]


def shown_scans(matrix: np.ndarray, dropout: float, seed: int, epoch: int, places: np.ndarray) -> np.ndarray:
    """Which images training shows in an epoch: some are left out, so that the record alone is learned too.

    The draw is that of :func:`shown`, at its other end: no patient is shown without both, and one who has no record is
    always shown with the image.

    Parameters
    ----------
    matrix, seed, epoch, places
        As for :func:`shown`.
    dropout : float
        Share of the images that is left out; together with that of the records less than 1.

    Returns
    -------
    numpy.ndarray
        float32 ``(n, 1)``, 1 where the image is shown and 0 where it is not.
    """
    left_out = (_drawn(seed, epoch, places) >= 1 - dropout)[:, None] & (matrix[:, :1] > 0)
    return (~left_out).astype(np.float32)


def _drawn(seed: int, epoch: int, places: np.ndarray) -> np.ndarray:
    """A number from 0 to 1 for each place."""
    return np.array([np.random.default_rng(seed_for(seed, "record", epoch, int(place))).random() for place in places])


def _chosen(features: Sequence[str], rows: pd.DataFrame) -> pd.DataFrame:
    absent = [name for name in features if name not in rows]
    if absent:
        raise StudyError(f"record.features: the cohort table has no column {', '.join(absent)}")
    return rows[list(features)]
