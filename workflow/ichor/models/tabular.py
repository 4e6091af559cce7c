"""What the tabular models share: preparation fitted on train rows, and a logistic regression that is plain numbers."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from ichor.cohort.feature_sets import expand
from ichor.errors import StudyError
from ichor.models.multivariate_imputer import MultivariateImputer
from ichor.settings import require_choice


class TabularModel(ABC):
    """A model of the clinical record; a kind's file defines a subclass named ``Model``.

    Parameters
    ----------
    spec : dict
        The kind's settings, complete.
    """

    complete = False
    """Whether a row is usable only if no predictor is missing; otherwise one recorded predictor is enough."""

    def __init__(self, spec: dict) -> None:
        self.spec = spec

    @abstractmethod
    def columns(self) -> list[str]:
        """Columns of the cohort table that the model reads."""

    def required(self) -> list[str]:
        """Those of them whose gap can be why a row is not usable."""
        return self.columns()

    @abstractmethod
    def fit(self, design: pd.DataFrame, labels: np.ndarray, seed: int) -> None:
        """Fit on train rows; ``labels`` are 0 and 1."""

    def choose(self, design: pd.DataFrame, labels: np.ndarray) -> None:  # noqa: B027
        """Settle by the tune rows what is not fitted on train rows; called after `fit`, if there are any tune rows.

        Most models have nothing to settle.
        """

    @abstractmethod
    def probability(self, design: pd.DataFrame) -> np.ndarray:
        """Probability of label 1 per row."""

    @abstractmethod
    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        """Arrays and plain facts (for JSON) from which :meth:`restore` makes the model again."""

    @abstractmethod
    def restore(self, arrays: dict[str, np.ndarray], facts: dict) -> None:
        """Take up what :meth:`state` gave."""

    def log_odds(self, design: pd.DataFrame) -> np.ndarray | None:
        """Log odds of label 1 per row, for models that are additive on that scale; None for others."""
        return None

    def design(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Predictors of the rows: the columns as they are, unless a kind derives something from them.

        Raises
        ------
        ichor.errors.StudyError
            If a column is not in the cohort table.
        """
        absent = [name for name in self.columns() if name not in rows.columns]
        if absent:
            raise StudyError(f"features: the cohort table has no column {', '.join(absent)}; it has {', '.join(rows)}")
        return rows[self.columns()]

    def usable(self, design: pd.DataFrame) -> np.ndarray:
        """Which rows can be predicted, one bool per row."""
        present = design.notna()
        return (present.all(axis=1) if self.complete else present.any(axis=1)).to_numpy(dtype=bool)


@dataclass
class Preparation:
    """Imputation, missing indicators, coding and scaling, all fitted on train rows.

    A numeric predictor is imputed with its train median, a named one (sex, location) with its most frequent level and
    coded as one 0/1 column per further level. A predictor that is missing in some train row gets a 0/1 column that
    says so; one that was never missing in training gets none. All columns are then centred and scaled. With an
    `imputer`, gaps are estimated from the row's other predictors instead.
    """

    predictors: list[str]
    levels: dict[str, list[str]]
    fill: dict[str, float | str]
    indicators: list[str]
    mean: list[float]
    scale: list[float]

    imputer = None  # a MultivariateImputer; no field: its state is arrays, not facts

    @classmethod
    def fitted(cls, design: pd.DataFrame, imputer: str = "median") -> "Preparation":
        """Fit on the train rows of a design.

        Parameters
        ----------
        design : pandas.DataFrame
            Predictors of the train rows.
        imputer : {"median", "multivariate"}
            How gaps are filled.

        Raises
        ------
        ichor.errors.StudyError
            If a predictor is missing in every train row, or there is no such imputer.
        """
        require_choice("imputer", imputer, ("median", "multivariate"))
        levels, fill = {}, {}
        for name in design:
            known = design[name].dropna()
            if known.empty:
                raise StudyError(f"features: {name} is missing in every train row; leave it out or record it")
            if is_numeric(known):
                fill[name] = float(np.median(known.to_numpy(dtype=float)))
            else:
                counts = known.astype(str).value_counts()
                levels[name] = sorted(counts.index, key=lambda level, counts=counts: (-counts[level], level))
                fill[name] = levels[name][0]
        indicators = [name for name in design if design[name].isna().any()]
        made = cls(list(design), levels, fill, indicators, [], [])
        if imputer == "multivariate":
            made.imputer = MultivariateImputer.fitted(made._with_gaps(design))
        raw = made._coded(design)
        deviation = raw.std(axis=0)
        made.mean = raw.mean(axis=0).tolist()
        made.scale = np.where(deviation > 0, deviation, 1.0).tolist()
        return made

    def names(self) -> list[str]:
        """Names of the prepared columns, in order."""
        coded = []
        for name in self.predictors:
            coded += [f"{name}={level}" for level in self.levels[name][1:]] if name in self.levels else [name]
        return coded + [f"{name} missing" for name in self.indicators]

    def sources(self) -> list[str]:
        """Predictor that each prepared column is made of."""
        coded = [name for name in self.predictors for _ in self.levels.get(name, [None, None])[1:]]
        return coded + self.indicators

    def arrays(self) -> dict[str, np.ndarray]:
        """What is not among the fields: the arrays of the imputer, if there is one."""
        return self.imputer.arrays() if self.imputer else {}

    @classmethod
    def restored(cls, facts: dict, arrays: dict[str, np.ndarray]) -> "Preparation":
        """Take up the fields, and what :meth:`arrays` gave."""
        made = cls(**facts)
        made.imputer = MultivariateImputer.restored(arrays)
        return made

    def prepared(self, design: pd.DataFrame) -> np.ndarray:
        """Prepared predictors, float64 ``(rows, len(names()))``, without missing values."""
        return (self._coded(design) - np.array(self.mean)) / np.array(self.scale)

    def _with_gaps(self, design: pd.DataFrame) -> np.ndarray:
        """Coded predictors, NaN where missing (or a level that no train row has), without the indicators."""
        parts = [np.empty((len(design), 0))]
        for name in self.predictors:
            column = design[name]
            if name in self.levels:
                text = column.astype(object).where(column.notna(), None).astype(str)
                known = (column.notna() & text.isin(self.levels[name])).to_numpy(dtype=bool)
                coded = [np.where(known, text == level, np.nan)[:, None] for level in self.levels[name][1:]]
                parts += coded
            else:
                parts.append(pd.to_numeric(column).astype(float).to_numpy()[:, None])
        return np.concatenate(parts, axis=1)

    def _coded(self, design: pd.DataFrame) -> np.ndarray:
        if self.imputer:
            missing = design[self.indicators].isna().to_numpy(dtype=float)
            return np.concatenate([self.imputer.filled(self._with_gaps(design)), missing], axis=1)
        parts = []
        for name in self.predictors:
            column = design[name]
            if name in self.levels:
                text = column.astype(object).where(column.notna(), self.fill[name]).astype(str)
                text = text.where(text.isin(self.levels[name]), self.fill[name])
                parts += [(text == level).to_numpy(dtype=float) for level in self.levels[name][1:]]
            else:
                numbers = pd.to_numeric(column).astype(float).to_numpy()
                parts.append(np.where(np.isnan(numbers), self.fill[name], numbers))
        parts += [design[name].isna().to_numpy(dtype=float) for name in self.indicators]
        return np.stack(parts, axis=1) if parts else np.empty((len(design), 0))


class LogisticModel(TabularModel):
    """Ridge-penalised logistic regression on prepared predictors; ``spec["c"]`` is the inverse penalty."""

    preparation: Preparation
    coefficients: np.ndarray
    intercept: float

    def fit(self, design: pd.DataFrame, labels: np.ndarray, seed: int) -> None:
        """Fit by L-BFGS; nothing is drawn at random."""
        from sklearn.linear_model import LogisticRegression

        self.preparation = Preparation.fitted(design, self.spec.get("imputer", "median"))
        solver = LogisticRegression(C=self.spec["c"], max_iter=2000, tol=1e-8)
        solver.fit(self.preparation.prepared(design), labels)
        self.coefficients = solver.coef_[0].astype(np.float64)
        self.intercept = float(solver.intercept_[0])

    def probability(self, design: pd.DataFrame) -> np.ndarray:
        """Probability of label 1 per row."""
        return expit(self.log_odds(design))

    def log_odds(self, design: pd.DataFrame) -> np.ndarray | None:
        """Log odds of label 1 per row."""
        return self.preparation.prepared(design) @ self.coefficients + self.intercept

    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        """Coefficients per standard deviation of the prepared columns, and how these are prepared."""
        facts = {"columns": self.preparation.names(), "preparation": asdict(self.preparation)}
        fitted = {"coefficients": self.coefficients, "intercept": np.array([self.intercept])}
        return fitted | self.preparation.arrays(), facts

    def restore(self, arrays: dict[str, np.ndarray], facts: dict) -> None:
        """Take up what :meth:`state` gave."""
        self.preparation = Preparation.restored(facts["preparation"], arrays)
        self.coefficients = arrays["coefficients"]
        self.intercept = float(arrays["intercept"][0])


def named_columns(spec: dict, example: str) -> list[str]:
    """Columns that a kind's setting ``features`` names, names of sets among them replaced by their columns.

    Raises
    ------
    ichor.errors.StudyError
        If it is empty; the message shows `example`.
    """
    if not spec["features"]:
        raise StudyError(f"features is empty; name columns of the cohort table, for example [{example}]")
    return expand(spec["features"])


def is_numeric(values: pd.Series) -> bool:
    """Whether known values are numbers, and no levels like sex or location."""
    if pd.api.types.is_numeric_dtype(values):
        return True
    return all(isinstance(value, (int, float, np.number)) for value in values)
