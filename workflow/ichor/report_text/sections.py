"""A report's sections by their headings, in English and Chinese."""

import re
from itertools import pairwise

HEADINGS = {
    "complaint": (
        *("chief complaint", "presenting complaint", "complaint", "reason for exam", "reason for examination"),
        *("indication", "主诉", "检查目的"),
    ),
    "history": (
        *("clinical history", "history of present illness", "past medical history", "clinical information", "history"),
        *("现病史", "既往史", "病史", "临床资料", "临床诊断"),
    ),
    "findings": (
        *("findings", "ct findings", "imaging findings", "description"),
        *("影像所见", "影像学表现", "检查所见", "影像描述", "所见"),
    ),
    "impression": (
        *("impression", "conclusion", "opinion", "summary"),
        *("影像诊断", "诊断意见", "诊断结论", "诊断", "印象", "结论", "意见"),
    ),
    "other": (
        *("technique", "comparison", "recommendation", "protocol"),
        *("检查方法", "检查技术", "备注", "建议", "对比"),
    ),
}
_SECTION = {heading: section for section, headings in HEADINGS.items() for heading in headings}
_NAMES = "|".join(re.escape(heading) for heading in sorted(_SECTION, key=len, reverse=True))
# At the beginning of a line or sentence; with a colon, or in brackets, or alone in its line.
HEADING = re.compile(
    rf"(?:^|(?<=[\n.。;；!?！？]))[ \t]*(?:[【\[](?P<boxed>{_NAMES})[】\]][ \t]*[:：]?|(?P<named>{_NAMES})[ \t]*[:：]"
    rf"|(?P<alone>{_NAMES})[ \t]*(?=\n))",
    re.IGNORECASE,
)


def split_sections(text: str) -> dict[str, str]:
    """Parts of a report by section, in the order of the text; what stands before the first heading is ``other``.

    Parameters
    ----------
    text : str
        A whole report.

    Returns
    -------
    dict
        ``complaint``, ``history``, ``findings``, ``impression`` and ``other``, those that hold any text; parts with
        the same heading are put below each other.
    """
    found = list(HEADING.finditer(text))
    parts = [("other", text[: found[0].start()] if found else text)]
    for match, following in pairwise([*found, None]):
        end = following.start() if following else len(text)
        parts.append((_SECTION[next(filter(None, match.groups())).casefold()], text[match.end() : end]))
    sections: dict[str, list[str]] = {}
    for section, part in parts:
        if part.strip():
            sections.setdefault(section, []).append(part.strip())
    return {section: "\n".join(lines) for section, lines in sections.items()}
