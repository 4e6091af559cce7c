"""Runs of tokens of the report, weighted by how rare they are (TF-IDF), and a ridge logistic regression on them.

Weights are those of scikit-learn: (1 + log tf) (1 + log((1 + n) / (1 + df))), each text scaled to length 1.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

FAMILY = "text"
SPEC = {
    "longest_run": 3,  # runs of 1, 2, ... tokens are counted, so that a negation stays with its finding
    "c": [0.3, 1.0, 3.0, 10.0, 30.0],  # inverse ridge penalties, of which the tune rows' log loss chooses
}


class Model:
    """TF-IDF of a vocabulary's tokens and a logistic regression, as plain numbers.

    Parameters
    ----------
    spec : dict
        Complete settings.
    """

    def __init__(self, spec: dict) -> None:
        self.spec = spec
        self.runs: list[str] = []
        self.idf = self.coefficients = np.zeros(0)
        self.intercept, self.c = 0.0, float("nan")

    def fit(
        self,
        train: Sequence[list[str]],
        labels: np.ndarray,
        tune: Sequence[list[str]],
        tune_labels: np.ndarray,
    ) -> None:
        """Fit on train texts, given as lists of tokens; tune texts choose the penalty, if there are any.

        Runs that stand in fewer than ``tokenizer.least_patients`` train texts are left out. Nothing is drawn at random.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        least = min(self.spec["tokenizer"]["least_patients"], len(train))
        vectorizer = TfidfVectorizer(analyzer=self._runs_of, min_df=least, sublinear_tf=True)
        matrix = vectorizer.fit_transform(train)
        self.runs = [str(run) for run in vectorizer.get_feature_names_out()]
        self.idf = vectorizer.idf_
        best = np.inf
        for c in self.spec["c"]:
            solver = LogisticRegression(C=c, max_iter=2000, tol=1e-8).fit(matrix, labels)
            found = solver.coef_[0].astype(np.float64), float(solver.intercept_[0]), float(c)
            watched = (tune, tune_labels) if len(tune) else (train, labels)
            logits = self._weights(watched[0]) @ found[0] + found[1]
            loss = float(np.mean(np.logaddexp(0.0, logits) - watched[1] * logits))
            if loss < best:
                best, (self.coefficients, self.intercept, self.c) = loss, found

    def probability(self, texts: Sequence[list[str]]) -> np.ndarray:
        """Probability of label 1 per text."""
        return expit(self._weights(texts) @ self.coefficients + self.intercept)

    def state(self) -> tuple[dict[str, np.ndarray], dict]:
        """Arrays and plain facts (for JSON) from which :meth:`restore` makes the model again."""
        arrays = {"coefficients": self.coefficients, "intercept": np.array([self.intercept]), "idf": self.idf}
        return arrays, {"runs": self.runs, "c": self.c}

    def restore(self, arrays: dict[str, np.ndarray], facts: dict) -> None:
        """Take up what :meth:`state` gave."""
        self.coefficients, self.idf = arrays["coefficients"], arrays["idf"]
        self.intercept, self.runs, self.c = float(arrays["intercept"][0]), list(facts["runs"]), facts["c"]

    def _weights(self, texts: Sequence[list[str]]) -> np.ndarray:
        """TF-IDF of texts, float64 ``(texts, runs)``; 0 throughout where no run is known."""
        place = {run: number for number, run in enumerate(self.runs)}
        counts = np.zeros((len(texts), len(self.runs)))
        for row, text in enumerate(texts):
            for run in self._runs_of(text):
                if run in place:
                    counts[row, place[run]] += 1
        weights = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0.0) * self.idf
        length = np.linalg.norm(weights, axis=1, keepdims=True)
        return weights / np.where(length > 0, length, 1.0)

    def _runs_of(self, tokens: list[str]) -> list[str]:
        longest = self.spec["longest_run"]
        return [
            " ".join(tokens[start : start + length])
            for length in range(1, longest + 1)
            for start in range(len(tokens) - length + 1)
        ]
