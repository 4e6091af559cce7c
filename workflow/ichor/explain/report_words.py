"""Words of a report as attributions are counted by: with what stands in the reach of a negation marked as such.

English words are what stands between spaces and signs, in lower case. Chinese writes no spaces: a word is a run of
characters between signs, cues of negation, and a few words that join two things or lead to a finding. So a finding that
is written in the same way by several people is one word, and no dictionary is needed; our choice.
"""

import re
from dataclasses import dataclass

from ichor.explain import negation

AFFIRMED, NEGATED, CUE = "affirmed", "negated", "cue"
JOINING = "及和与或伴并的"
"""Chinese characters that join two things; they are no part of a word."""
LEADING = ("突发", "突然", "出现", "可见", "内见", "见", "提示", "考虑", "既往有", "病史")
"""Chinese words that only lead to a finding, or follow it; a run is cut at them, so that the finding is one word."""

_LATIN = re.compile(r"[^\W\d_\u3400-\u9fff]+(?:['’-][^\W\d_\u3400-\u9fff]+)*")
_RUN = re.compile(rf"(?:(?![{JOINING}])[\u3400-\u9fff])+")
_LEADING = re.compile("|".join(sorted(LEADING, key=len, reverse=True)))


@dataclass(frozen=True)
class Word:
    """One word of a text.

    Attributes
    ----------
    start, end : int
        Its place in the text.
    form : str
        How it is counted: lower case.
    mark : str
        ``affirmed``, ``negated``, or ``cue`` for a word that negates others.
    """

    start: int
    end: int
    form: str
    mark: str

    @property
    def language(self) -> str:
        """``zh`` for a word of Chinese characters, else ``other``."""
        return "zh" if _RUN.match(self.form) else "other"


def words_of(text: str) -> list[Word]:
    """Words of a text, in their order; numbers and signs are none.

    Parameters
    ----------
    text : str
        A section of a report.
    """
    found = negation.reaches(text)
    leads = [match.span() for match in _LEADING.finditer(text) if not negation.is_cue(found, *match.span())]
    ends = {place for reach in found for place in (*reach.cue, *reach.words)} | {at for span in leads for at in span}
    spans = [match.span() for match in _LATIN.finditer(text)]
    for match in _RUN.finditer(text):
        cuts = sorted({match.start(), match.end(), *(at for at in ends if match.start() < at < match.end())})
        spans += list(zip(cuts[:-1], cuts[1:], strict=True))
    return [Word(start, end, text[start:end].lower(), _mark(found, start, end)) for start, end in sorted(spans)]


def _mark(found: list[negation.Reach], start: int, end: int) -> str:
    if negation.is_cue(found, start, end):
        return CUE
    return NEGATED if negation.is_negated(found, start, end) else AFFIRMED
