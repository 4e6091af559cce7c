"""The Glasgow Coma Scale as tables write it: a total, its three parts, and the parts of patients who are intubated.

Eye opening 1 to 4, verbal response 1 to 5, motor response 1 to 6; their sum is 3 to 15 (Teasdale and Jennett, Lancet
1974;304:81-84). The verbal response of an intubated patient cannot be tested: ``E1VTM4``, ``E3V1tM5``, ``10T``, ``3T``.
Whoever writes a total with a T may or may not have counted 1 for the verbal part, so the total is not known to a point.
"""

import re
from dataclasses import dataclass

POLICIES = ("empty", "verbal_1")
"""What becomes of a GCS without a verbal part: no number, or one in which this part counts 1."""

_PARTS = re.compile(
    r"e\s*(?P<eye>[1-4])\s*[,;/+ ]?\s*v\s*(?P<verbal>[1-5]?\s*\(?(?:nt|t)\)?|[1-5])\s*[,;/+ ]?\s*m\s*(?P<motor>[1-6])"
    r"(?:\s*=\s*(?P<total>\d{1,2})\s*t?)?$"
)
_TOTAL = re.compile(r"(?P<total>\d{1,2})\s*\(?(?:t|vt|tube)\)?$")
LARGEST_WITHOUT_VERBAL = 11  # E4 M6, and 1 for the verbal part


@dataclass(frozen=True)
class ComaScale:
    """A GCS that was written in another form than a plain number.

    Attributes
    ----------
    total : int
        Sum of the parts; of an intubated patient with the verbal part counted as 1, or the total as it was written.
    intubated : bool
        Whether the verbal part could not be tested.
    """

    total: int
    intubated: bool


def read_coma_scale(text: str) -> ComaScale | None:
    """Read a GCS that names its parts, or that of an intubated patient.

    Parameters
    ----------
    text : str
        The cell, for example ``"E3V4M6"``, ``"E1VTM4"``, ``"10T"``.

    Returns
    -------
    ComaScale or None
        None if the text is neither, its parts do not add up to the total beside them, or a total with a T is not
        possible (3 to 11; 2 can only be a sum without the verbal part, which is left to the reader of the table).
    """
    written = text.strip().casefold()
    if parts := _PARTS.match(written):
        untested = "t" in parts["verbal"]
        total = int(parts["eye"]) + (1 if untested else int(parts["verbal"])) + int(parts["motor"])
        stated = {total, total - 1} if untested else {total}  # with or without 1 for the verbal part
        if parts["total"] and int(parts["total"]) not in stated:
            return None
        return ComaScale(total, untested)
    if (whole := _TOTAL.match(written)) and 3 <= int(whole["total"]) <= LARGEST_WITHOUT_VERBAL:
        return ComaScale(int(whole["total"]), True)
    return None
