"""Labels of the network against labels of the study.

A study's masks keep the codes of `ichor.imaging.measures.LABEL_CODES` whatever a model was trained on; a network wants
0, 1, 2, ... in a row. These two functions are the only place where one becomes the other.
"""

from collections.abc import Sequence

import numpy as np

from ichor.errors import StudyError
from ichor.imaging.measures import LABEL_CODES


def check_labels(labels: Sequence[str]) -> list[str]:
    """Return `labels` in the order of their codes.

    Raises
    ------
    StudyError
        If there is none, one is unknown, or one is named twice.
    """
    unknown = [label for label in labels if label not in LABEL_CODES]
    if unknown or not labels or len(set(labels)) != len(labels):
        raise StudyError(
            f"segmentation labels: found {list(labels)}; write some of {', '.join(LABEL_CODES)}, each once."
        )
    return sorted(labels, key=LABEL_CODES.__getitem__)


def to_network(mask: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Turn study codes into ``1..len(labels)``; every other code becomes background."""
    table = np.zeros(256, dtype=np.int8)
    for value, label in enumerate(labels, start=1):
        table[LABEL_CODES[label]] = value
    return table[np.asarray(mask, dtype=np.uint8)]


def to_study(segmentation: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Turn the network's ``0..len(labels)`` into study codes."""
    table = np.array([0, *(LABEL_CODES[label] for label in labels)], dtype=np.uint8)
    return table[segmentation]
