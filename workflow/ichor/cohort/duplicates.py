"""Identities that cannot be right: one scan of two patients, one patient in two centers, a scan of a public set."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from ichor import tables
from ichor.cohort.alike import alike, in_public_sets
from ichor.cohort.together import TOGETHER
from ichor.errors import StudyError
from ichor.reasons import Reason

PAIRS_NAMED = 5
Person = tuple[str, str]
"""(center, pseudonym), or (name of a public set, scan) of a listed scan."""


class Doubt(NamedTuple):
    """Whose identity is in doubt, why, in words, and whether it is a pair that the sheet of duplicates can name."""

    reason: Reason
    detail: str
    people: tuple[Person, ...]
    other: Person | None = None


def doubtful_identities(
    scans: pd.DataFrame, prints: pd.DataFrame | None = None, listed: pd.DataFrame | None = None
) -> tuple[list[Doubt], dict[int, str]]:
    """Find patients that stand in two centers, pairs of patients with one scan, and scans of public sets.

    Parameters
    ----------
    scans : DataFrame
        Table ``scans`` of all centers with a running index.
    prints : DataFrame, optional
        Fingerprints, see `ichor.cohort.alike.alike`; without, scans are compared by checksum alone.
    listed : DataFrame, optional
        Table ``fingerprints`` of scans that must not be among ours.

    Returns
    -------
    doubts : list of Doubt
    repeated : dict
        Index of a follow-up scan that is the patient's baseline scan -> similarity in words.
    """
    prints = pd.DataFrame(columns=["center", "patient", "time_point", "fingerprint"]) if prints is None else prints
    doubts, repeated, seen = _patients_in_two_centers(scans), {}, set()
    for first, second, similarity in alike(scans, prints).itertuples(index=False, name=None):
        a, b = scans.loc[first], scans.loc[second]
        people = ((a["center"], a["patient"]), (b["center"], b["patient"]))
        if people[0] == people[1]:
            late = first if a["time_point"] == "followup" else second
            repeated[late] = _similarity(similarity)
        elif frozenset(people) not in seen and a["patient"] != b["patient"]:  # the most similar pair of two people
            seen.add(frozenset(people))
            detail = f"one scan for {_scan(a)} and {_scan(b)}: {_similarity(similarity)}"
            doubts.append(Doubt(Reason.TWO_PATIENTS_ONE_SCAN, detail, people, people[1]))
    return doubts + _public(scans, prints, listed), repeated


def _similarity(value: float) -> str:
    return "the same voxels" if value == 1.0 else f"similarity {value:.3f}"


def _scan(row: pd.Series) -> str:
    return f"patient {row['patient']} of center {row['center']} ({row['time_point']})"


def _patients_in_two_centers(scans: pd.DataFrame) -> list[Doubt]:
    found = []
    people = scans[["center", "patient"]].drop_duplicates()
    for patient, group in people[people["patient"].duplicated(keep=False)].groupby("patient"):
        centers = list(group["center"])
        detail = f"patient {patient} stands in centers {', '.join(centers)}"
        found.append(Doubt(Reason.TWO_CENTERS_ONE_PATIENT, detail, tuple((c, str(patient)) for c in centers)))
    return found


def _public(scans: pd.DataFrame, prints: pd.DataFrame, listed: pd.DataFrame | None) -> list[Doubt]:
    if listed is None or not len(listed):
        return []
    found = []
    for first, second, similarity in in_public_sets(scans, prints, listed).itertuples(index=False, name=None):
        row, other = scans.loc[first], listed.loc[second]
        detail = f"{_scan(row)} is scan {other['scan']} of the set {other['set']}: {_similarity(similarity)}"
        where = (str(other["set"]), str(other["scan"]))
        found.append(Doubt(Reason.IN_PUBLIC_SET, detail, ((row["center"], row["patient"]),), where))
    return found


def decisions(sheet: pd.DataFrame) -> dict[frozenset[Person], tuple[str, Person]]:
    """What the sheet of duplicates says: pair of people -> treatment, and which of the two stands first.

    Raises
    ------
    StudyError
        If a pair is named twice, or with itself.
    """
    found: dict[frozenset[Person], tuple[str, Person]] = {}
    for row, line in enumerate(sheet.itertuples(index=False), start=2):
        first, second = (line.center, line.patient), (line.other_center, line.other_patient)
        pair = frozenset((first, second))
        if len(pair) < 2 or pair in found:
            what = "names one patient twice" if len(pair) < 2 else "names a pair that stands above already"
            raise StudyError(f"sheet of duplicates, row {row}: {what}; write each pair of different patients once.")
        found[pair] = (line.treatment, first)
    return found


def settle(
    doubts: Sequence[Doubt], decided: Mapping[frozenset[Person], tuple[str, Person]], policy: str
) -> tuple[set[Person], list[dict]]:
    """Apply the sheet of duplicates, and the policy to what it does not name.

    Parameters
    ----------
    doubts : sequence of Doubt
        Of `doubtful_identities`.
    decided : mapping
        Of `decisions`.
    policy : {"stop", "set_aside"}
        Config key ``ingest.duplicates``.

    Returns
    -------
    out : set
        (center, pseudonym) of the patients whose scans are all set aside.
    status : list of dict
        Rows of table ``status``.

    Raises
    ------
    StudyError
        If the policy is to stop and a doubt is not in the sheet, or the sheet keeps a patient together with a scan of a
        list.
    """
    open_doubts = [doubt for doubt in doubts if _decision(doubt, decided) is None]
    if open_doubts and policy == "stop":
        refuse(open_doubts)
    out: set[Person] = set()
    status = []
    for doubt in doubts:
        treatment, first = _decision(doubt, decided) or ("neither", None)
        if treatment == TOGETHER and doubt.reason is Reason.IN_PUBLIC_SET:
            raise StudyError(
                f"sheet of duplicates: {doubt.detail}, which is in no split of this study, so nobody can be kept "
                "together with it; write neither, or different."
            )
        said = f"{doubt.detail}; the sheet of duplicates says {treatment}" if first else doubt.detail
        for person in doubt.people:
            kept = treatment in ("different", TOGETHER) or (treatment == "first" and person == first)
            outcome = "flagged" if kept else "set_aside"
            status.append(tables.status_row(*person, "merge", outcome, doubt.reason, said))
            if not kept:
                out.add(person)
    return out, status


def kept_together(
    doubts: Sequence[Doubt], decided: Mapping[frozenset[Person], tuple[str, Person]], scanned: Collection[Person]
) -> list[dict]:
    """Rows of table ``status`` for pairs that the sheet keeps together although nothing was found about them.

    Parameters
    ----------
    doubts, decided
        As in `settle`.
    scanned : collection of Person
        Who has an accepted scan. Others are told by their center alone: what stands in the sheet may be a name.
    """
    told = {frozenset((*doubt.people, doubt.other)) for doubt in doubts if doubt.other}
    pairs = [pair for pair, (treatment, _) in decided.items() if treatment == TOGETHER and pair not in told]
    rows = []
    for center, patient in sorted(set().union(*pairs)):
        known = (center, patient) in scanned
        said = "the sheet of duplicates says together"
        detail = said if known else f"{said} of a patient who has no accepted scan here"
        rows.append(
            tables.status_row(center, patient if known else "", "merge", "flagged", Reason.KEPT_TOGETHER, detail)
        )
    return rows


def _decision(doubt: Doubt, decided: Mapping[frozenset[Person], tuple[str, Person]]) -> tuple[str, Person] | None:
    if doubt.other is None:
        return None
    return decided.get(frozenset((*doubt.people, doubt.other)))


def refuse(found: Sequence[Doubt]) -> None:
    """Stop the run over doubtful identities.

    Raises
    ------
    StudyError
        Always; names pseudonyms, centers, time points and similarity of the first few.
    """
    named = "; ".join(doubt.detail for doubt in found[:PAIRS_NAMED])
    more = f"; and {len(found) - PAIRS_NAMED} more" if len(found) > PAIRS_NAMED else ""
    raise StudyError(
        f"the scans of different patients must differ, but found: {named}{more}. Find out whose scan it is and take "
        "the other out of its center's folder; or say in a sheet (config key ingest.duplicates_sheet) what is to be "
        "done with each pair; or write ingest: {duplicates: set_aside} in the config to go on without these patients. "
        "See docs/how-to/same-patient-twice.md."
    )
