"""What only a whole column shows: another unit than the sheet says, another scale, nothing at all.

A value that is possible may still be wrong when its neighbours are not: among glucose values in mg/dL that were taken
for mmol/L, those below 80 would pass. A column that is doubted becomes empty as a whole, with one remark.
"""

from collections.abc import Sequence

from ichor.cohort.columns import Column
from ichor.cohort.dictionary import variables
from ichor.cohort.records import plain
from ichor.cohort.values import Value, number_of
from ichor.reasons import Reason

NUMBERS_NEEDED = 5  # fewer say nothing of a unit
PATIENTS_NEEDED = 5  # fewer may all lack a value by chance
OUT_SHARE, IN_SHARE = 0.5, 0.9  # more are impossible as they are; as many are possible in the other unit
GOSE_ALONE_NEEDED = 2  # one 7 may be a slip of the pen
EMPTY_SAYS_SOMETHING = ("onset_to_surgery_h", "onset_to_death_days", "onset_to_death_h", "onset_to_followup_ct_h")
"""Variables that are empty where nothing happened."""


def doubt(column: Column, texts: Sequence[str], values: Sequence[Value]) -> tuple[Reason, str] | None:
    """Say why a column as a whole cannot be what the columns sheet says.

    Parameters
    ----------
    column : Column
        Its row of the columns sheet.
    texts : sequence of str
        The cells.
    values : sequence of Value
        What each became.

    Returns
    -------
    tuple of (Reason, str) or None
        ``unit_suspected``: more than half of its numbers (at least 5 of them) are impossible in the unit that was
        taken, and nine of ten or more are possible in another one that the dictionary knows. ``scale_mixed``: a
        column of GOS (1 to 5) holds 6, 7 or 8 in two patients or more, and nothing that GOS-E (1 to 8) does not have.
        With it counts, never a value of a cell. None if there is no doubt.
    """
    numbers = [
        number
        for text in texts
        if plain(text) not in column.missing and plain(text) not in column.codes
        if (number := number_of(text)) is not None
    ]
    return _other_unit(column, numbers, values) or _other_scale(column, numbers)


def _other_unit(column: Column, numbers: list[float], values: Sequence[Value]) -> tuple[Reason, str] | None:
    variable = variables()[column.name]
    out = sum(value.reason == Reason.OUT_OF_RANGE for value in values)
    if not variable.accepts or len(numbers) < NUMBERS_NEEDED or out <= OUT_SHARE * len(numbers):
        return None
    factors = {variable.unit: 1.0} | variable.accepts
    taken = column.unit or variable.unit
    inside = {
        unit: sum(variable.minimum <= number * factor <= variable.maximum for number in numbers)
        for unit, factor in factors.items()
        if factor != column.factor
    }
    best = max(inside, key=lambda unit: inside[unit])
    if inside[best] < IN_SHARE * len(numbers):
        return None
    return (
        Reason.UNIT_SUSPECTED,
        f"{out} of {len(numbers)} numbers are impossible in {taken}, {inside[best]} are possible in {best}",
    )


def _other_scale(column: Column, numbers: list[float]) -> tuple[Reason, str] | None:
    if not column.name.startswith("gos_"):
        return None
    above = sum(number in (6, 7, 8) for number in numbers)
    if above < GOSE_ALONE_NEEDED or any(number not in range(1, 9) for number in numbers):
        return None
    return Reason.SCALE_MIXED, f"{above} of {len(numbers)} values are 6, 7 or 8, which GOS-E has and GOS has not"


def is_empty(column: Column, values: Sequence[Value]) -> bool:
    """Whether none of 5 patients or more has a value, or a cell that was refused, of what a patient should have.

    Parameters
    ----------
    column, values
        As in `doubt`.
    """
    nothing = not any(value.value is not None or value.reason for value in values)
    return len(values) >= PATIENTS_NEEDED and nothing and column.name not in EMPTY_SAYS_SOMETHING
