"""Small dense network on named columns of the cohort table.

Cobo et al. (MLMI 2024, arXiv:2408.08784) and their code: 42 predictors, layers of 64, 32 and 16 units with batch
normalisation, one output, dropout 0.3, Adam with step 0.001 and weight decay 0.001, batches of 128. Our choices, where
the paper says nothing or had complete data: rectifiers, and dropout after them; gaps imputed as for the logistic
regression, with indicators; predictors scaled; batches of equal size, as near to what is asked for as the rows allow
(a last batch of one row has no standard deviation); 200 epochs, of which the one is kept that the tune rows' log loss
is least with.
"""

from dataclasses import asdict

import numpy as np
import pandas as pd
from scipy.special import expit

from ichor.models.tabular import Preparation, TabularModel, named_columns
from ichor.seeds import seed_for

FAMILY = "tabular"
SPEC = {
    "features": [],  # columns of the cohort table, known at admission, or names of sets of them
    "post_baseline": [],  # those of them that are known later and wanted all the same
    "imputer": "median",  # median of the train rows | multivariate: from the row's other features; with indicators
    "units": [64, 32, 16],  # of each hidden layer
    "dropout": 0.3,
    "learning_rate": 0.001,
    "weight_decay": 0.001,
    "batch_size": 128,
    "epochs": 200,
    "choose_epoch": True,  # the epoch that the tune rows' log loss is least with; false = the last
}

Layers = list[tuple[np.ndarray, np.ndarray]]
"""Weights ``(inputs, outputs)`` and biases ``(outputs,)`` of each layer, normalisation folded in."""


class Model(TabularModel):
    """Trained with torch, saved and used as plain matrices."""

    preparation: Preparation
    layers: Layers
    kept_epoch: int
    trained: list[Layers]

    def columns(self) -> list[str]:
        """Columns of the cohort table that the config names."""
        return named_columns(self.spec, "age_years, gcs")

    def fit(self, design: pd.DataFrame, labels: np.ndarray, seed: int) -> None:
        """Train for all epochs; equal for equal rows and seed, on any number of cores of one kind."""
        from ichor.models.dense_training import train

        self.preparation = Preparation.fitted(design, self.spec["imputer"])
        values = self.preparation.prepared(design)
        self.trained = train(values, labels, self.spec, seed_for(seed, "dense_net"))
        self._keep(len(self.trained))

    def choose(self, design: pd.DataFrame, labels: np.ndarray) -> None:
        """Keep the epoch that the log loss of the tune rows is least with; the first of equally good ones."""
        if not self.spec["choose_epoch"]:
            return
        values, losses = self.preparation.prepared(design), []
        for layers in self.trained:
            logits = forward(layers, values)
            losses.append(float(np.mean(np.logaddexp(0.0, logits) - labels * logits)))
        self._keep(int(np.argmin(losses)) + 1)

    def probability(self, design: pd.DataFrame) -> np.ndarray:
        """Probability of label 1 per row."""
        return expit(self.log_odds(design))

    def log_odds(self, design: pd.DataFrame) -> np.ndarray | None:
        """Log odds of label 1 per row."""
        return forward(self.layers, self.preparation.prepared(design))

    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        """Matrices of the kept epoch, and how the columns are prepared."""
        arrays = {}
        for number, (weights, biases) in enumerate(self.layers):
            arrays |= {f"weights_{number}": weights, f"biases_{number}": biases}
        facts = {"columns": self.preparation.names(), "preparation": asdict(self.preparation)}
        return arrays | self.preparation.arrays(), facts | {"epoch": self.kept_epoch}

    def restore(self, arrays: dict[str, np.ndarray], facts: dict) -> None:
        """Take up what :meth:`state` gave."""
        self.preparation = Preparation.restored(facts["preparation"], arrays)
        count = len(self.spec["units"]) + 1
        self.layers = [(arrays[f"weights_{number}"], arrays[f"biases_{number}"]) for number in range(count)]
        self.kept_epoch = facts["epoch"]

    def _keep(self, epoch: int) -> None:
        self.kept_epoch, self.layers = epoch, self.trained[epoch - 1]


def forward(layers: Layers, values: np.ndarray) -> np.ndarray:
    """Logits of some rows.

    Parameters
    ----------
    layers : list of (numpy.ndarray, numpy.ndarray)
        The network.
    values : numpy.ndarray
        float64 ``(rows, columns)``.

    Returns
    -------
    numpy.ndarray
        float64 ``(rows,)``.
    """
    for number, (weights, biases) in enumerate(layers):
        values = values @ weights + biases
        if number < len(layers) - 1:
            values = np.maximum(values, 0.0)
    return values[:, 0]
