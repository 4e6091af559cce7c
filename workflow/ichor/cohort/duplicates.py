"""Identities that cannot be right: one scan of two patients, one patient in two centers."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from ichor.errors import StudyError
from ichor.reasons import Reason

PAIRS_NAMED = 5


class Doubt(NamedTuple):
    """Patients whose identity is in doubt: why, in words, and who, as (center, pseudonym)."""

    reason: Reason
    detail: str
    people: list[tuple[str, str]]


def doubtful_identities(scans: pd.DataFrame) -> list[Doubt]:
    """Find patients that stand in two centers and scans (by ``voxel_sha256``) that belong to two patients.

    Parameters
    ----------
    scans : DataFrame
        Table ``scans`` of all centers. A scan without checksum is like no other.
    """
    return _patients_in_two_centers(scans) + _scans_of_two_patients(scans)


def _patients_in_two_centers(scans: pd.DataFrame) -> list[Doubt]:
    found = []
    people = scans[["center", "patient"]].drop_duplicates()
    for patient, group in people[people["patient"].duplicated(keep=False)].groupby("patient"):
        centers = list(group["center"])
        detail = f"patient {patient} stands in centers {', '.join(centers)}"
        found.append(Doubt(Reason.TWO_CENTERS_ONE_PATIENT, detail, [(center, str(patient)) for center in centers]))
    return found


def _scans_of_two_patients(scans: pd.DataFrame) -> list[Doubt]:
    found = []
    known = scans[scans["voxel_sha256"].notna()]
    for _, group in known[known["voxel_sha256"].duplicated(keep=False)].groupby("voxel_sha256"):
        people = list(dict.fromkeys(zip(group["center"], group["patient"], strict=True)))
        if len({patient for _, patient in people}) > 1:
            detail = "one scan for " + " and ".join(
                f"patient {patient} of center {center}" for center, patient in people
            )
            found.append(Doubt(Reason.TWO_PATIENTS_ONE_SCAN, detail, people))
    return found


def refuse(found: Sequence[Doubt]) -> None:
    """Stop the run over doubtful identities.

    Raises
    ------
    StudyError
        Always; names pseudonyms and centers of the first few.
    """
    named = "; ".join(detail for _, detail, _ in found[:PAIRS_NAMED])
    more = f"; and {len(found) - PAIRS_NAMED} more" if len(found) > PAIRS_NAMED else ""
    raise StudyError(
        f"the scans of different patients must differ, but found: {named}{more}. Find out whose scan it is and take "
        "the other out of its center's folder, or write ingest: {duplicates: set_aside} in the config to go on without "
        "these patients."
    )
