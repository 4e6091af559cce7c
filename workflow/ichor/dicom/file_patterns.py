"""Patterns of file names in the centers sheet, such as ``{patient}_{time_point}_ct.nii.gz``."""

import re

from ichor.errors import StudyError

FIELDS = {"patient": r"(?P<patient>[^/]+?)", "time_point": r"(?P<time_point>[^/_.]+)", "scan": r"(?P<scan>[^/]+?)"}
"""``{scan}`` is what tells a patient's scans of one time point apart; the selection takes one of them."""


def pattern_regex(pattern: str) -> re.Pattern[str]:
    """Turn a file name pattern such as ``{patient}_{time_point}_ct.nii.gz`` into a regular expression.

    Raises
    ------
    StudyError
        If the pattern has no ``{patient}`` or a field that is not known.
    """
    parts = re.split(r"\{(\w+)\}", pattern)
    if "patient" not in parts[1::2] or not set(parts[1::2]) <= set(FIELDS) or len(set(parts[1::2])) < len(parts[1::2]):
        raise StudyError(
            f"pattern {pattern!r}: expected {{patient}} once, {{time_point}} and {{scan}} at most once, found "
            f"{', '.join('{' + name + '}' for name in parts[1::2]) or 'no field'}; write e.g. {{patient}}_ct.nii.gz"
        )
    return re.compile("".join(FIELDS[part] if number % 2 else re.escape(part) for number, part in enumerate(parts)))


def any_name(pattern: str) -> re.Pattern[str]:
    """Regular expression of all paths that a pattern can give, whoever the patient is."""
    parts = re.split(r"\{\w+\}", pattern)
    return re.compile("[^/]+".join(map(re.escape, parts)))
