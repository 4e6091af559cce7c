"""Values of DICOM elements: text in its character set, numbers, from the bytes that stand in the file."""

import math
import warnings
from struct import Struct
from typing import NamedTuple

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import tag_for_keyword

BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}
IN_CHARACTER_SET = frozenset({"LO", "SH", "LT", "ST", "PN", "UC", "UT"})
CHARACTER_SET = 0x00080005


class Element(NamedTuple):
    """Value of an element as it stands in the file."""

    vr: str
    value: bytes
    little: bool = True


class Header:
    """Elements of a file by keyword.

    Parameters
    ----------
    elements : dict of int to Element
        By tag.
    syntax : str
        UID of the transfer syntax; empty when the file does not say.
    stored_class : str
        UID of the class that the file meta information names; a DICOMDIR has it there only.
    """

    def __init__(self, elements: dict[int, Element], syntax: str, stored_class: str = "") -> None:
        self.elements, self.syntax, self.stored_class = elements, syntax, stored_class
        self._encodings: list[str] | None = None

    def value(self, keyword: str) -> bytes:
        """Value of an element as it stands in the file; empty when it is absent."""
        element = self.elements.get(_tag(keyword))
        return element.value if element else b""

    def text(self, keyword: str, longest: int = 256) -> str:
        r"""Text of an element, its values joined by ``\``, without padding; empty when it is absent."""
        element = self.elements.get(_tag(keyword))
        if element is None:
            return ""
        if element.vr in BINARY:
            return "\\".join(str(number) for number in _unpack(element) or [])
        text = self._decode(element)
        if "\\" in text:
            text = "\\".join(part.strip(" \x00") for part in text.split("\\"))
        text = text.strip(" \x00")[:longest]
        return text if text.isascii() else text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text

    def numbers(self, keyword: str, count: int) -> list[float] | None:
        """Exactly `count` finite numbers of an element, or None."""
        element = self.elements.get(_tag(keyword))
        if element is None:
            return None
        try:
            parts = _unpack(element) if element.vr in BINARY else _floats(element.value)
        except ValueError:
            return None
        return parts if parts and len(parts) == count and all(map(math.isfinite, parts)) else None

    def number(self, keyword: str) -> float | None:
        """The finite number of an element with one value, or None."""
        parts = self.numbers(keyword, 1)
        return parts[0] if parts else None

    def _decode(self, element: Element) -> str:
        value = element.value
        if value.isascii() and b"\x1b" not in value:
            return value.decode("ascii")
        if element.vr not in IN_CHARACTER_SET:
            return value.decode("latin-1")
        if self._encodings is None:
            names = self.elements.get(CHARACTER_SET, Element("CS", b"")).value.decode("latin-1").strip(" \x00")
            self._encodings = _encodings(names.split("\\"))
        return decode_bytes(value, self._encodings, {"\n", "\r", "\t", "\f", "\\"})


def _encodings(names: list[str]) -> list[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return convert_encodings([name.strip() for name in names])
    except (LookupError, ValueError):
        return ["iso8859"]


_TAGS: dict[str, int] = {}


def _tag(keyword: str) -> int:
    if keyword not in _TAGS:
        _TAGS[keyword] = tag_for_keyword(keyword)
    return _TAGS[keyword]


def _unpack(element: Element) -> list[float] | None:
    code = BINARY[element.vr]
    one = Struct(("<" if element.little else ">") + code)
    if not element.value or len(element.value) % one.size:
        return None
    return [float(value) for (value,) in one.iter_unpack(element.value)]


def _floats(value: bytes) -> list[float]:
    return [float(part) for part in value.decode("latin-1").rstrip(" \x00").split("\\")]
