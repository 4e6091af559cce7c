"""Which words of a report stand in the reach of a negation, in English and Chinese.

After NegEx (Chapman et al., J Biomed Inform 2001;34:301-310): a cue negates what follows it (or, for some cues, what
stands before it) up to the next sign or word that ends its reach. The lists of cues are our choice, and so is that
the reach is a clause and, in English, not longer than a few words. A network reads the words themselves; the rule
only says under which of two headings a word is counted.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass

BEFORE = (
    "no evidence of",
    "no sign of",
    "no signs of",
    "negative for",
    "absence of",
    "free of",
    "without",
    "denies",
    "denied",
    "denying",
    "never",
    "nor",
    "not",
    "no",
)
"""English cues that negate what follows."""
AFTER = (
    "is ruled out",
    "was ruled out",
    "ruled out",
    "is absent",
    "was absent",
    "not seen",
    "was not reported",
    "not reported",
    "not noted",
    "is negative",
    "unlikely",
)
"""English cues that negate what stands before them in the clause."""
CHINESE_BEFORE = (
    "未见明显",
    "未见",
    "未发现",
    "未提示",
    "未诉",
    "未闻及",
    "没有",
    "否认",
    "并无",
    "无明显",
    "无",
    "未",
    "非",
)
CHINESE_AFTER = ("阴性", "不明显")
NOT_NEGATING = (
    "not only",
    "no change in",
    "no increase in",
    "no longer than",
    "无力",
    "无名",
    "未来",
    "未婚",
    "非常",
)
"""Phrases that hold a cue and negate nothing of what follows (unchanged is present; 无力 is weakness)."""
REACH = 6
"""English words that a cue reaches; five in NegEx, one more because adjectives stand before most findings."""

_END = r"[.;:!?\n。；：！？]"
_TURN = r"\b(?:but|however|although|though|except|apart from|which|with|showing|shows)\b|但|而|仅|伴"
_ENGLISH_END = re.compile(f"{_END}|{_TURN}", re.IGNORECASE)
_CHINESE_END = re.compile(f"{_END}|[,，]|{_TURN}", re.IGNORECASE)
"""A list goes on after 、 and ends at a comma."""
_LIST = re.compile(r"\b(?:or|nor|and)\b", re.IGNORECASE)
"""A comma ends a reach unless it stands in a list that such a word closes: no fever, cough or headache."""
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def _any(phrases: tuple[str, ...], whole_words: bool) -> re.Pattern:
    ordered = "|".join(re.escape(phrase) for phrase in sorted(phrases, key=len, reverse=True))
    return re.compile(rf"\b(?:{ordered})\b" if whole_words else f"(?:{ordered})", re.IGNORECASE)


_PATTERNS = (
    (_any(AFTER, True), False, True),  # first: some hold a cue of the others
    (_any(BEFORE, True), True, True),
    (_any(CHINESE_AFTER, False), False, False),
    (_any(CHINESE_BEFORE, False), True, False),
)
_KEPT = re.compile("|".join(re.escape(phrase) for phrase in NOT_NEGATING), re.IGNORECASE)


@dataclass(frozen=True)
class Reach:
    """A cue and what it negates, as places in the text.

    Attributes
    ----------
    cue, words : (int, int)
        First place and the place after the last, of the cue and of what is negated.
    """

    cue: tuple[int, int]
    words: tuple[int, int]


def reaches(text: str) -> list[Reach]:
    """All negations of a text, in the order of their cues.

    Parameters
    ----------
    text : str
        A report or a section; several languages may stand in one text.
    """
    found, taken = [], [match.span() for match in _KEPT.finditer(text)]
    for pattern, forward, english in _PATTERNS:
        for match in pattern.finditer(text):
            if any(start < match.end() and match.start() < end for start, end in taken):
                continue
            taken.append(match.span())
            words = _forward(text, match.end(), english) if forward else _backward(text, match.start(), english)
            if words[0] < words[1]:
                found.append(Reach(match.span(), words))
    return sorted(found, key=lambda reach: reach.cue)


def is_negated(found: list[Reach], start: int, end: int) -> bool:
    """Whether a word at a place of the text is reached by one of its negations."""
    return any(reach.words[0] <= start and end <= reach.words[1] for reach in found)


def is_cue(found: list[Reach], start: int, end: int) -> bool:
    """Whether a word belongs to a cue itself."""
    return any(reach.cue[0] < end and start < reach.cue[1] for reach in found)


def clauses(text: str) -> list[tuple[int, int]]:
    """Places of the text between signs that end a sentence or clause, for showing a word in its context."""
    ends = [match.end() for match in re.finditer(_END, text)]
    starts = [0, *ends]
    return [(start, end) for start, end in zip(starts, [*ends, len(text)], strict=True) if text[start:end].strip()]


def clause_of(text_clauses: list[tuple[int, int]], place: int) -> tuple[int, int]:
    """The clause that holds a place of the text."""
    return text_clauses[max(0, bisect_right([start for start, _ in text_clauses], place) - 1)]


def _forward(text: str, start: int, english: bool) -> tuple[int, int]:
    stop = (_ENGLISH_END if english else _CHINESE_END).search(text, start)
    end = stop.start() if stop else len(text)
    if english:
        comma = text.find(",", start, end)
        if comma >= 0 and not _LIST.search(text, comma, end):
            end = comma
        words = [match.end() for match in _WORD.finditer(text, start, end)]
        end = words[REACH - 1] if len(words) >= REACH else end
    return start, end


def _backward(text: str, end: int, english: bool) -> tuple[int, int]:
    stops = [match.end() for match in _CHINESE_END.finditer(text, 0, end)]  # here a comma ends the reach in English too
    start = stops[-1] if stops else 0
    if english:
        words = [match.start() for match in _WORD.finditer(text, start, end)]
        start = words[-REACH] if len(words) >= REACH else start
    return start, end
