"""Take the elements that the index needs out of a DICOM file, fast where the file is ordinary.

An ordinary header (little endian, ascending tags, known value representations, lengths that fit) is walked here: each
element that is not wanted costs one look at its tag and length. Whatever is not ordinary is left to pydicom, which is
five times slower and knows every oddity. Values are converted by the same code either way.
"""

import warnings
from collections.abc import Collection
from struct import Struct
from typing import Any, BinaryIO

from pydicom import dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from ichor.dicom.header_values import Element, Header

PREFIX = b"DICM"  # at byte 128: DICOM PS3.10, 7.1
FIRST_BYTES = 8192  # most headers of CT images are shorter
MORE_BYTES = 65536
LONGEST_HEADER = 1 << 22  # longer ones are left to pydicom
LONGEST_VALUE = 4096  # no element that is wanted may be longer; DICOM allows 64 characters for most
DEEPEST = 12  # sequences inside sequences
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
SHORT_VRS = frozenset(
    b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split()
)  # DICOM PS3.5, table 7.1-1: two bytes of length
STORED_CLASS, SYNTAX = 0x00020002, 0x00020010
PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
EXPLICIT, IMPLICIT, TAG = Struct("<HH2sH"), Struct("<HHI"), Struct("<HH")
LONG = Struct("<I")


class NotDicomError(Exception):
    """The file does not begin as DICOM files do."""


class _UnusualError(Exception):
    """The header is not ordinary."""


class Wanted:
    """Elements that are taken out of files.

    Parameters
    ----------
    keywords : collection of str
        Their keywords.
    """

    def __init__(self, keywords: Collection[str]) -> None:
        self.keywords = list(keywords)
        self.vrs = {tag_for_keyword(keyword): dictionary_VR(keyword) for keyword in keywords}


def read_header(stream: BinaryIO, wanted: Wanted) -> Header:
    """Read wanted elements of one DICOM file.

    Parameters
    ----------
    stream : file
        At its beginning; only `read` is used for ordinary headers, `seek` for others.
    wanted : Wanted
        What to take.

    Raises
    ------
    NotDicomError
        Without the preamble of DICOM files.
    Exception
        Whatever pydicom raises for a file that it cannot read.
    """
    buffer = stream.read(FIRST_BYTES)
    if buffer[128:132] != PREFIX:
        raise NotDicomError
    try:
        return _Walk(stream, buffer, wanted).header()
    except _UnusualError:
        stream.seek(0)
        return _by_pydicom(stream, wanted)


def read_ordinary(stream: BinaryIO, wanted: Wanted) -> tuple[Header, int] | None:
    """Read wanted elements of a file whose header is ordinary, and say at which byte its pixels' element begins.

    Only Python walks over bytes here, over a header of at most 4 MB; no other parser sees the file.

    Parameters
    ----------
    stream : file
        At its beginning; only `read` is used.
    wanted : Wanted
        What to take.

    Returns
    -------
    Header and int, or None
        None when the header is not ordinary, or no pixels follow it.
    """
    buffer = stream.read(FIRST_BYTES)
    if buffer[128:132] != PREFIX:
        return None
    walk = _Walk(stream, buffer, wanted)
    try:
        header = walk.header()
    except _UnusualError:
        return None
    return (header, walk.end) if walk.end < walk.read else None


class _Walk:
    """One pass over an ordinary header; afterwards `end` is where the elements after it begin."""

    def __init__(self, stream: BinaryIO, buffer: bytes, wanted: Wanted) -> None:
        self._stream, self._buffer, self._wanted = stream, buffer, wanted
        self.end = 0

    @property
    def read(self) -> int:
        """Bytes of the file that were read."""
        return len(self._buffer)

    def _fill(self, end: int) -> bytes:
        """Have bytes up to `end` in the buffer."""
        if end > LONGEST_HEADER:
            raise _UnusualError
        parts, size = [self._buffer], len(self._buffer)
        while size < end:
            block = self._stream.read(max(MORE_BYTES, end - size))
            if not block:
                raise _UnusualError  # cut off
            parts.append(block)
            size += len(block)
        self._buffer = b"".join(parts)
        return self._buffer

    def header(self) -> Header:
        elements: dict[int, Element] = {}
        place = self._elements(132, True, {STORED_CLASS: "UI", SYNTAX: "UI"}, elements, 0x0002FFFF)
        said = {tag: element.value.decode("latin-1").strip(" \x00") for tag, element in elements.items()}
        syntax = said.get(SYNTAX, "")
        if syntax in ("", ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian) or not syntax.startswith(
            "1.2.840.10008"
        ):
            raise _UnusualError
        elements = {}
        end = self._elements(place, syntax != ImplicitVRLittleEndian, self._wanted.vrs, elements, min(PIXELS) - 1)
        if end < len(self._buffer) and _tag_at(self._buffer, end) not in PIXELS:
            raise _UnusualError
        self.end = end
        return Header(elements, syntax, said.get(STORED_CLASS, ""))

    def _elements(
        self,
        place: int,
        explicit: bool,
        wanted: dict[int, str],
        found: dict[int, Element],
        stop: int,
    ) -> int:
        """Walk from `place` until a tag is past `stop`; return where that tag is."""
        buffer, before = self._buffer, 0
        while True:
            if place + 12 > len(buffer):
                try:
                    buffer = self._fill(place + 12)
                except _UnusualError:
                    if place == len(buffer):  # ends after a whole element: a header without pixels
                        return place
                    raise
            if explicit:
                group, number, vr, length = EXPLICIT.unpack_from(buffer, place)
                tag = group << 16 | number
                if tag > stop:
                    return place
                if vr in SHORT_VRS:
                    start = place + 8
                elif vr in LONG_VRS:
                    (length,) = LONG.unpack_from(buffer, place + 8)
                    start = place + 12
                else:
                    raise _UnusualError
            else:
                group, number, length = IMPLICIT.unpack_from(buffer, place)
                tag, vr, start = group << 16 | number, b"", place + 8
                if tag > stop:
                    return place
                if not before and buffer[place + 4 : place + 6] in SHORT_VRS | LONG_VRS:
                    raise _UnusualError  # says that it is implicit and is not
            if tag <= before:
                raise _UnusualError
            before = tag
            if length == UNDEFINED:
                if vr == b"UN" or tag in wanted:
                    raise _UnusualError
                place = self._skip_items(start, explicit, 1)
                buffer = self._buffer
                continue
            place = start + length
            if tag in wanted:
                if length > LONGEST_VALUE or vr in LONG_VRS:
                    raise _UnusualError
                if place > len(buffer):
                    buffer = self._fill(place)
                found[tag] = Element(vr.decode() if explicit else wanted[tag], buffer[start:place])
            elif place > len(buffer):
                buffer = self._fill(place)

    def _skip_items(self, place: int, explicit: bool, depth: int) -> int:
        """Return where a sequence of undefined length ends."""
        if depth > DEEPEST:
            raise _UnusualError
        while True:
            self._have(place + 8)
            group, number, length = IMPLICIT.unpack_from(self._buffer, place)
            tag, place = group << 16 | number, place + 8
            if tag == SEQUENCE_END:
                return place
            if tag != ITEM:
                raise _UnusualError
            place = self._skip_item(place, explicit, depth) if length == UNDEFINED else place + length

    def _skip_item(self, place: int, explicit: bool, depth: int) -> int:
        """Return where an item of undefined length ends."""
        while True:
            self._have(place + 12)
            group, number, length = IMPLICIT.unpack_from(self._buffer, place)
            tag = group << 16 | number
            if tag == ITEM_END:
                return place + 8
            start, vr = place + 8, b""
            if explicit:
                _, _, vr, length = EXPLICIT.unpack_from(self._buffer, place)
                if vr in LONG_VRS:
                    (length,) = LONG.unpack_from(self._buffer, place + 8)
                    start = place + 12
                elif vr not in SHORT_VRS:
                    raise _UnusualError
            if length == UNDEFINED and vr == b"UN":
                raise _UnusualError
            place = self._skip_items(start, explicit, depth + 1) if length == UNDEFINED else start + length

    def _have(self, end: int) -> None:
        if end > len(self._buffer):
            self._fill(end)


def _tag_at(buffer: bytes, place: int) -> int:
    group, number = TAG.unpack_from(buffer, place)
    return group << 16 | number


def _by_pydicom(stream: BinaryIO, wanted: Wanted) -> Header:
    """Read any header that pydicom can."""
    dataset = read_dataset(stream, wanted.keywords)
    elements = {}
    for tag, usual in wanted.vrs.items():
        if tag not in dataset:
            continue
        raw = dataset.get_item(tag)
        if isinstance(raw.value, bytes):
            vr = raw.VR if raw.VR and raw.VR != "UN" else usual
            elements[tag] = Element(vr, raw.value, getattr(raw, "is_little_endian", True))
        elif isinstance(raw.value, str) or (raw.value is not None and not hasattr(raw.value, "DirectoryRecordType")):
            values = [raw.value] if isinstance(raw.value, str | int | float) else list(raw.value)
            elements[tag] = Element("CS", "\\".join(str(value) for value in values).encode("latin-1", "replace"))
    meta = dataset.file_meta
    return Header(elements, str(meta.get("TransferSyntaxUID", "")), str(meta.get("MediaStorageSOPClassUID", "")))


def read_dataset(stream: BinaryIO, keywords: list[str]) -> Any:
    """Some elements of a file, as pydicom's dataset, without pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(stream, stop_before_pixels=True, specific_tags=keywords)
