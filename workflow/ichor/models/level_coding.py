"""Predictors for trees: numbers as they are, gaps as gaps, and a 0/1 column for each level of a named predictor."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ichor.errors import StudyError
from ichor.models.tabular import is_numeric


@dataclass
class LevelCoding:
    """Levels of the named predictors (sex, location), as the train rows have them; a number has none."""

    levels: dict[str, list[str]]

    @classmethod
    def fitted(cls, design: pd.DataFrame) -> "LevelCoding":
        """Find the levels in the train rows of a design."""
        return cls(
            {
                name: sorted(known.astype(str).unique())
                for name in design
                if len(known := design[name].dropna()) and not is_numeric(known)
            }
        )

    def columns(self, predictors: Iterable[str]) -> list[tuple[str, str | None]]:
        """Predictor and level of each coded column; a number has no level."""
        return [(name, level) for name in predictors for level in self.levels.get(name, [None])]

    def names(self, predictors: Iterable[str]) -> list[str]:
        """Name of each coded column: ``gcs``, ``sex=male``."""
        return [name if level is None else f"{name}={level}" for name, level in self.columns(predictors)]

    def matrix(self, design: pd.DataFrame) -> np.ndarray:
        """float32 ``(rows, columns)``: numbers, and a 0/1 column per level; NaN where missing or a level unseen."""
        parts = []
        for name, level in self.columns(design.columns):
            column = design[name]
            if level is None:
                parts.append(pd.to_numeric(column).astype(float).to_numpy())
            else:
                known = column.notna() & column.astype(str).isin(self.levels[name])
                parts.append(np.where(known, column.astype(str) == level, np.nan))
        return np.stack(parts, axis=1).astype(np.float32)


def refuse_unrecorded(design: pd.DataFrame) -> None:
    """Refuse predictors that no train row has: no tree can learn from them, and they may be misspelt columns.

    Raises
    ------
    ichor.errors.StudyError
        On the first.
    """
    for name in design:
        if not design[name].notna().any():
            raise StudyError(f"features: {name} is missing in every train row; leave it out or record it")
