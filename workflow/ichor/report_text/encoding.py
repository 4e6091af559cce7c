"""Bytes of a report as text, and text that was decoded wrongly before it came to us."""

import re

from charset_normalizer import from_bytes

ENCODINGS = ["utf_8", "gb18030", "cp1252", "utf_16", "utf_32"]
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\ufffe\uffff]")
LARGEST_UNREADABLE_SHARE = 0.005  # of all characters: more is no text


def decode(content: bytes) -> str | None:
    """Text of a file: UTF-8 where it is valid, else what fits its letters best; None for what is no text."""
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        found = from_bytes(content, cp_isolation=ENCODINGS).best()
        if found is None:
            return None
        text = str(found)
    return text if is_text(text) else None


def is_text(text: str) -> bool:
    """Whether hardly any character is a control or replacement character."""
    return len(CONTROLS.findall(text)) <= LARGEST_UNREADABLE_SHARE * len(text)


def undo_double_encoding(text: str) -> str:
    """Text as it was before UTF-8 was taken for Western European: ``VerschluÃŸ`` becomes ``Verschluß``.

    A text that never was is returned as it is: what decodes as UTF-8 after the way back hardly ever came about
    otherwise.
    """
    if text.isascii():
        return text
    for encoding in ("cp1252", "latin-1"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return text
