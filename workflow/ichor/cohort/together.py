"""Patients who stay on one side of every split: groups from the sheet of duplicates, and what they do to a split."""

from collections.abc import Collection, Mapping

import pandas as pd

from ichor.errors import StudyError

TOGETHER = "together"


def groups(sheet: pd.DataFrame, centers: Collection[str]) -> dict[str, str]:
    """Who is kept together with whom: pairs of the sheet, and pairs of pairs (a with b and b with c: all three).

    Parameters
    ----------
    sheet : DataFrame
        Table ``duplicates``; rows with another treatment than ``together`` are not looked at.
    centers : collection of str
        Names of the study's centers.

    Returns
    -------
    dict
        Pseudonym -> name of its group (the first pseudonym of it); who stands alone is not in it.

    Raises
    ------
    StudyError
        If a row names a center that the study does not have: nobody could be kept together with its patients.
    """
    group: dict[str, str] = {}
    for row, line in enumerate(sheet.itertuples(index=False), start=2):
        if line.treatment != TOGETHER:
            continue
        foreign = [center for center in (line.center, line.other_center) if center not in centers]
        if foreign:
            raise StudyError(
                f"sheet of duplicates, row {row}: together with a patient of {foreign[0]!r}, which is no center of "
                f"this study; expected two of {', '.join(sorted(centers))}."
            )
        joined = {group.get(patient, patient) for patient in (line.patient, line.other_patient)}
        first = min(joined)
        group |= {patient: first for patient, old in group.items() if old in joined}
        group |= {line.patient: first, line.other_patient: first}
    return group


def leaders(people: pd.DataFrame, together: Mapping[str, str]) -> pd.DataFrame:
    """The first patient of each group and everybody who stands alone: who is dealt, for all of the group."""
    return people[~_group(people, together).duplicated()]


def followed(people: pd.DataFrame, together: Mapping[str, str], places: Mapping[str, int]) -> dict[str, int]:
    """Give each patient the place that was dealt to the leader of the group; `places` is by leader."""
    group = _group(people, together)
    of_group = {of: places[patient] for of, patient in zip(group, people["patient"], strict=True) if patient in places}
    return {patient: of_group[of] for of, patient in zip(group, people["patient"], strict=True)}


def without_partners(learn: pd.DataFrame, test: pd.DataFrame, together: Mapping[str, str]) -> pd.DataFrame:
    """Leave those out of what is learned from who are kept together with somebody who is tested on.

    The test set stays what the centers sheet and the scheme say, so nobody is left out of it.
    """
    return learn[~_group(learn, together).isin(set(_group(test, together)))]


def _group(people: pd.DataFrame, together: Mapping[str, str]) -> pd.Series:
    return people["patient"].map(lambda patient: together.get(patient, patient))
