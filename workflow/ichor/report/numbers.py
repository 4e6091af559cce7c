"""Numbers as they are printed: estimates, intervals, counts, and what stands where there is none."""

import math
from collections.abc import Sequence

import pandas as pd

from ichor.reasons import ADVICE, MEANING, Reason

DASH = "–"


def missing(value: object) -> bool:
    """Whether a value of a table is absent (None, NaN, NA) or not finite."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, int | float) and not math.isfinite(value)


def plain(value: object, digits: int = 2) -> str:
    """A number with fixed decimals and a true minus sign, or an en dash when missing (never a zero)."""
    if missing(value):
        return DASH
    number = float(value)
    if number != 0 and abs(number) >= 10_000:
        return f"{number:,.0f}".replace("-", "−").replace(",", "\u202f")
    text = f"{number:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def count(value: object) -> str:
    """A count with thin spaces between thousands, or an en dash."""
    return DASH if missing(value) else f"{int(value):,}".replace(",", "\u202f")


def list_of(words: Sequence[str]) -> str:
    """Words as a sentence lists them: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(map(str, words[:-1])), *map(str, words[-1:])]))


def percent(part: float, whole: float, digits: int = 0) -> str:
    """`part` of `whole` in percent, or an en dash when there is nothing to divide by."""
    return DASH if missing(part) or missing(whole) or whole == 0 else f"{100 * part / whole:.{digits}f} %"


def interval(low: object, high: object, digits: int = 2) -> str:
    """``low to high``, or an empty text when an end is missing."""
    return "" if missing(low) or missing(high) else f"{plain(low, digits)} to {plain(high, digits)}"


def estimate(value: float, low: float, high: float) -> str:
    """A number, with its interval in brackets where it has one."""
    between = interval(low, high)
    return plain(value) + (f" ({between})" if between else "")


def p_value(p: object) -> str:
    """P value with a bound instead of a zero."""
    if missing(p):
        return DASH
    return "< 0.001" if p < 0.001 else plain(p, 3 if p < 0.1 else 2)


def why(reason: object) -> str:
    """Meaning of a reason code in words, with what to do about it; the code itself when it is not registered."""
    if missing(reason) or not str(reason).strip():
        return "No value was given, and no reason either."
    code = str(reason).strip()
    if code not in set(Reason):
        return code
    known = Reason(code)
    advice = ADVICE.get(known, "")
    return f"{MEANING[known]} {advice}".strip()


def short_why(reason: object) -> str:
    """Meaning of a reason code without advice."""
    code = "" if missing(reason) else str(reason).strip()
    return MEANING[Reason(code)] if code in set(Reason) else (code or "No reason given.")


class Footnotes:
    """Collects the reasons for missing numbers of one table: same reason, same letter."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def mark(self, reason: object) -> dict:
        """Letter, short text and full text of a reason, as the template needs them."""
        text = why(reason)
        if text not in self._letters:
            self._letters[text] = _letter(len(self._letters))
        return {"letter": self._letters[text], "text": text}

    def __iter__(self):
        return iter([{"letter": letter, "text": text} for text, letter in self._letters.items()])

    def __len__(self) -> int:
        return len(self._letters)


def _letter(index: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[index % 26] * (index // 26 + 1)
