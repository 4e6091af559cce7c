"""Missing values estimated from a row's other predictors, by regressions that are saved as plain numbers.

Chained equations with one Bayesian ridge regression per column, as scikit-learn's ``IterativeImputer`` does them (after
van Buuren and Groothuis-Oudshoorn, J Stat Softw 2011;45(3), but with one completed table in place of several).
"""

import warnings
from dataclasses import asdict, dataclass

import numpy as np

PREFIX = "imputer_"
ROUNDS = 10  # scikit-learn's default


@dataclass(frozen=True)
class MultivariateImputer:
    """Regressions of each column on all others, in the order in which they are applied.

    Attributes
    ----------
    column : numpy.ndarray
        int64 ``(steps,)``, the column that each step fills.
    coefficients : numpy.ndarray
        float64 ``(steps, columns)``, 0 for the column itself.
    intercept : numpy.ndarray
        float64 ``(steps,)``.
    start, low, high : numpy.ndarray
        float64 ``(columns,)``: train median that a gap starts from; train minimum and maximum, which no estimate leaves
        (our choice).
    """

    column: np.ndarray
    coefficients: np.ndarray
    intercept: np.ndarray
    start: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def fitted(cls, values: np.ndarray) -> "MultivariateImputer":
        """Fit on train rows.

        Parameters
        ----------
        values : numpy.ndarray
            float64 ``(rows, columns)`` with NaN for what is missing; no column without any value. Labels are not among
            them.
        """
        from sklearn.exceptions import ConvergenceWarning

        theirs = estimator(values)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the rounds are limited on purpose
            theirs.fit(values)
        steps, width = theirs.imputation_sequence_, values.shape[1]
        coefficients = np.zeros((len(steps), width))
        for place, step in enumerate(steps):
            coefficients[place, step.neighbor_feat_idx] = step.estimator.coef_
        column = np.array([step.feat_idx for step in steps], dtype=np.int64)
        intercept = np.array([step.estimator.intercept_ for step in steps], dtype=np.float64)
        return cls(column, coefficients, intercept, np.nanmedian(values, axis=0), *limits(values))

    @classmethod
    def restored(cls, arrays: dict[str, np.ndarray]) -> "MultivariateImputer | None":
        """Take up what :meth:`arrays` gave; None if there was no imputer."""
        own = {name.removeprefix(PREFIX): array for name, array in arrays.items() if name.startswith(PREFIX)}
        return cls(**own) if own else None

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything, for the bundle."""
        return {PREFIX + name: array for name, array in asdict(self).items()}

    def filled(self, values: np.ndarray) -> np.ndarray:
        """Estimate what is missing.

        Parameters
        ----------
        values : numpy.ndarray
            float64 ``(rows, columns)`` with NaN; the columns of the fit.

        Returns
        -------
        numpy.ndarray
            The same without NaN; what was known is as it was.
        """
        missing = np.isnan(values)
        made = np.where(missing, self.start, values)
        for column, weights, intercept in zip(self.column, self.coefficients, self.intercept, strict=True):
            rows = missing[:, column]
            if rows.any():  # a product and a sum, not a matrix product: the same on any number of cores
                estimate = (made[rows] * weights).sum(axis=1) + intercept
                made[rows, column] = np.clip(estimate, self.low[column], self.high[column])
        return made


def limits(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest known value of each column; none for a column with one value."""
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    constant = low == high
    return np.where(constant, -np.inf, low), np.where(constant, np.inf, high)


def estimator(values: np.ndarray):
    """scikit-learn's imputer with our settings, not fitted yet; nothing in it is drawn at random."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    low, high = limits(values)
    return IterativeImputer(
        initial_strategy="median", max_iter=ROUNDS, imputation_order="ascending", min_value=low, max_value=high
    )
