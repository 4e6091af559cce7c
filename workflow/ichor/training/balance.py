"""What is done about rare events in training, and how the shift of the base rate that it causes is taken back.

A training that sees label 1 more often than it occurs learns too high a log odds: too high by a constant, the log odds
seen minus those of the real train rows (King & Zeng, Political Analysis 2001;9:137-163; Saerens et al., Neural
Computation 2002;14:21-41). Networks are trained with the seen log odds as an offset and predict with the real ones, so
the constant never enters what they learn.
"""

import math
from dataclasses import dataclass

import numpy as np

from ichor.errors import StudyError
from ichor.seeds import seed_for
from ichor.settings import require_choice

ARMS = ("none", "oversample", "class_weights", "focal", "synthetic")
ADDING = ("oversample", "synthetic")
"""Arms that add events to the train rows."""
NONE = "none"
RATIOS = {"1:2": (1, 2), "1:1": (1, 1)}
"""Events to others, after adding."""


@dataclass(frozen=True)
class Balance:
    """Settings ``balance`` of a network, checked.

    Attributes
    ----------
    arm : str
        One of `ARMS`.
    generator : str
        Name of the generator of the arm ``synthetic``.
    ratio : str
        Events to others after adding, one of `RATIOS`, or ``tune``: none and each of them are trained, and the one
        with the best loss on the tune rows is kept.
    focal_gamma : float
        Exponent of the focal loss (Lin et al., ICCV 2017).
    correct_prior : bool
        Whether probabilities are those of the real train rows' base rate.
    """

    arm: str
    generator: str
    ratio: str
    focal_gamma: float
    correct_prior: bool

    def __post_init__(self) -> None:
        """Refuse what no training can use."""
        require_choice("balance.arm", self.arm, ARMS)
        if self.arm in ADDING:
            require_choice("balance.ratio", self.ratio, (*RATIOS, "tune"))
        elif self.ratio:
            raise StudyError(f"balance.ratio: found {self.ratio!r}; leave it out, the arm {self.arm} adds nothing")
        if (self.arm == "synthetic") != bool(self.generator):
            wanted = "write a name of synthesis.generators" if self.arm == "synthetic" else "leave it out"
            raise StudyError(f"balance.generator: found {self.generator!r}; {wanted} (arm {self.arm})")
        if not self.focal_gamma >= 0:
            raise StudyError(f"balance.focal_gamma: found {self.focal_gamma}; write 0 or more")

    @classmethod
    def of(cls, spec: dict) -> "Balance":
        """Read the ``balance`` of a network's complete settings.

        Raises
        ------
        ichor.errors.StudyError
            Also if the network could not read synthetic cases: they are crops around a hematoma.
        """
        balance = cls(**spec["balance"])
        if balance.arm == "synthetic" and spec["input"]["view"] != "crop":
            raise StudyError(f"balance.arm synthetic: found input.view {spec['input']['view']!r}; write crop")
        return balance

    def candidates(self) -> list[str]:
        """Ratios to train with: one, or with ``tune`` none and all of `RATIOS`."""
        if self.arm not in ADDING:
            return [NONE]
        return [NONE, *RATIOS] if self.ratio == "tune" else [self.ratio]


@dataclass(frozen=True)
class Plan:
    """What one training sees of its examples.

    Attributes
    ----------
    rows : numpy.ndarray
        int64: numbers of the examples of an epoch; an example may stand there more than once.
    prior_logit : float
        Log odds of label 1 among the real train rows.
    prior_logit_seen : float
        Log odds of label 1 that the loss sees: by number, or by weight where events weigh more.
    positive_weight : float
        Weight of an event in the loss; 1 of any other.
    focal_gamma : float
        0 = cross-entropy.
    correct_prior : bool
        See `Balance`.
    added : int
        So many of `rows`, at their end, were added.
    """

    rows: np.ndarray
    prior_logit: float
    prior_logit_seen: float
    positive_weight: float = 1.0
    focal_gamma: float = 0.0
    correct_prior: bool = True
    added: int = 0

    @property
    def prediction_logit(self) -> float:
        """What is added to a network's output to predict."""
        return self.prior_logit if self.correct_prior else self.prior_logit_seen


def events_to_add(events: int, others: int, ratio: str) -> int:
    """Events that are missing for a ratio, never more than it says; 0 for none and where there are enough."""
    if ratio == NONE:
        return 0
    one, of = RATIOS[ratio]
    return max(0, others * one // of - events)


def plan(labels: np.ndarray, n_real: int, balance: Balance, ratio: str, seed: int) -> Plan:
    """Say what a training sees.

    Parameters
    ----------
    labels : numpy.ndarray
        Labels 0 or 1 of the train examples, the real ones first, then synthetic ones, all of them events.
    n_real : int
        How many are real.
    balance : Balance
        Settings.
    ratio : str
        One of `Balance.candidates`.
    seed : int
        Of the oversampling.

    Returns
    -------
    Plan
        With ratio none, the synthetic examples are not seen. If there are fewer of them than the ratio asks for, all
        are seen.
    """
    real = labels[:n_real]
    prior, rows = prior_logit(real), np.arange(n_real)
    events, others = int((real == 1).sum()), int((real == 0).sum())
    missing = events_to_add(events, others, ratio)
    if balance.arm == "oversample":
        rng = np.random.default_rng(seed_for(seed, "oversample", ratio))
        rows = np.concatenate([rows, rng.choice(np.flatnonzero(real == 1), size=missing)])
    elif balance.arm == "synthetic":
        rows = np.concatenate([rows, np.arange(n_real, min(n_real + missing, len(labels)))])
    weights = balance.arm == "class_weights"
    return Plan(
        rows=rows,
        prior_logit=prior,
        prior_logit_seen=0.0 if weights else prior_logit(labels[rows]),
        positive_weight=math.exp(-prior) if weights else 1.0,
        focal_gamma=balance.focal_gamma if balance.arm == "focal" else 0.0,
        correct_prior=balance.correct_prior,
        added=len(rows) - n_real,
    )


def prior_logit(labels: np.ndarray) -> float:
    """Log odds of label 1; both labels must occur."""
    return math.log((labels == 1).sum() / (labels == 0).sum())
