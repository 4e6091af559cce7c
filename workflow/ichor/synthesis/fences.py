"""Fences of generators: one belongs to one split and saw its train rows only."""

from collections.abc import Mapping

import pandas as pd

from ichor.cohort.fences import LeakError, assert_synthetic, assert_train

__all__ = ["LeakError", "assert_train", "fence"]


def fence(cases: pd.DataFrame, split: str, cohort: pd.DataFrame, facts: Mapping | None = None) -> None:
    """Check that synthetic cases may be read by the training of a split.

    Parameters
    ----------
    cases : pandas.DataFrame
        Table ``synthetic``.
    split : str
        The split that is trained.
    cohort : pandas.DataFrame
        Table ``cohort`` of the split.
    facts : mapping, optional
        What a generator that learned says of itself: ``split`` and ``trained_on``, the pseudonyms of the patients
        that it saw. Needed for cases without parents.

    Raises
    ------
    ichor.cohort.fences.LeakError
        If a case is of another split, a parent or a patient that the generator saw is no train patient of the split,
        a case names no parents and no generator says what it saw, or a case stands in the cohort as if it were a
        patient.
    """
    seen = None
    if facts is not None:
        if facts.get("split") != split:
            raise LeakError(f"split {split}: the generator was trained for split {facts.get('split')}")
        seen = list(facts.get("trained_on") or ())
    assert_synthetic(cases, cohort, split, seen)
