"""Names, dates, numbers and addresses of people who do not exist: planted where text can stand, and searched for."""

import base64
import gzip
import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.tag import Tag

NAME, GIVEN, STREET = "Quastenflosser", "Ottokarine", "Haifischgasse"
BORN, SCANNED = "19310704", "20240229"
RECORD, PHONE = "7774242", "0815998877"
FOREIGN, CHINESE = "Größenwahnke", "张三丰"
UID_ROOT = "1.2.826.0.1.7774242"
WORDS = (
    NAME,
    GIVEN,
    STREET,
    BORN,
    "1931-07-04",
    "04.07.1931",
    "4.7.1931",
    SCANNED,
    "2024-02-29",
    "29.02.2024",
    RECORD,
    "777-4242",
    PHONE,
    "0815-998877",
    FOREIGN,
    CHINESE,
    UID_ROOT,
)
PERSON = f"{NAME}^{GIVEN}"
OF_VR = {
    "PN": PERSON,
    "LO": f"{NAME} {STREET}",
    "SH": NAME,
    "ST": f"{NAME}, {STREET} 7, {PHONE}",
    "LT": f"{NAME} {BORN} {RECORD}",
    "UT": f"{NAME} {CHINESE} {FOREIGN} {STREET} " * 50,
    "UC": f"{NAME} {RECORD}",
    "AE": NAME.upper(),
    "CS": NAME.upper(),
    "DA": BORN,
    "DT": f"{BORN}134657",
    "TM": "134657",
    "UI": f"{UID_ROOT}.1",
    "UR": f"http://{NAME.lower()}.example/{RECORD}",
    "AS": "093Y",
    "IS": RECORD,
    "DS": RECORD,
    "UN": NAME.encode(),
    "OB": NAME.encode(),
}
TEXTS = ("PN", "LO", "SH", "ST", "LT", "UT", "UC", "AE", "CS", "DA", "DT", "TM", "UI", "UR", "AS")
# without these the file would be another object, not a CT image with someone's name in it
NEEDED = {
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "ImageType",
    "PhotometricInterpretation",
    "PatientID",
    "ContrastBolusAgent",
    "PixelPresentation",
    "BurnedInAnnotation",
    "RescaleType",
    "AcquisitionDateTime",
    "PatientPosition",
}


def plant_everywhere(ds: Dataset, keep: set[str] = frozenset()) -> int:
    """Put planted texts into all standard attributes that hold text, nested sequences, private ones; count them."""
    ds.SpecificCharacterSet = "ISO_IR 192"
    made = 0
    for number, (vr, _, _, _, keyword) in DicomDictionary.items():
        tag = Tag(number)
        known = keyword in NEEDED or keyword in keep or keyword in ds and vr not in TEXTS
        if vr not in TEXTS or known or tag.group in (0, 2, 4, 0xFFFE) or "Compression" in keyword:
            continue
        ds.add_new(tag, vr, OF_VR[vr])
        made += 1
    dates = [element for element in ds if element.VR == "DA"]
    for element in dates:
        if keyword_for_tag(element.tag) in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
            element.value = SCANNED
    inner, outer = Dataset(), Dataset()
    for depth in (inner, outer):
        for vr, number in (
            ("PN", 0x00100010),
            ("LO", 0x00100020),
            ("DA", 0x00100030),
            ("ST", 0x00401400),
            ("SH", 0x00080050),
        ):
            depth.add_new(number, vr, OF_VR[vr])
    outer.ReferencedImageSequence = [inner]
    ds.RequestAttributesSequence = [outer, inner]
    block = ds.private_block(0x0009, f"{NAME} PRIVATE", create=True)
    for place, vr in enumerate(("LO", "PN", "UT", "DA", "IS", "DS", "UN", "OB", "SH"), start=1):
        block.add_new(place, vr, OF_VR[vr])
    block.add_new(0x20, "SQ", [outer])
    return made


def is_planted(text: str) -> bool:
    """Whether a text holds a planted word, in whatever case."""
    return any(word.lower() in text.lower() for word in WORDS)


def found_in(content: bytes) -> set[str]:
    """Planted words in bytes, in the encodings in which text is written."""
    lower = content.lower()
    return {
        word
        for word in WORDS
        for encoding in ("utf-8", "utf-16-le", "latin-1", "gb18030")
        if (text := word.lower().encode(encoding, "ignore")) and len(text) > 3 and text in lower
    } | {word for word in (FOREIGN, CHINESE) if word.encode("unicode_escape").lower() in lower}


def found_in_file(path: Path) -> set[str]:
    """Planted words in a file: in its bytes, and in what it has packed."""
    return set().union(*(found_in(part) for part in _parts(path.read_bytes(), path.name)))


def _parts(content: bytes, name: str = "") -> Iterator[bytes]:
    """The content, and all that can be unpacked of it."""
    yield content
    if content[:2] == b"\x1f\x8b":
        yield from _parts(gzip.decompress(content))
    elif content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield member.encode()
                yield from _parts(archive.read(member))
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive.getmembers():
                yield member.name.encode()
                yield from _parts(archive.extractfile(member).read() if member.isreg() else b"")
    elif content[:4] == b"PAR1":
        table = pq.read_table(io.BytesIO(content))
        yield repr(table.schema.metadata).encode() + repr(table.to_pydict()).encode()
    elif content[:8] == b"\x89PNG\r\n\x1a\n":
        for kind, text in _png_chunks(content):
            yield zlib.decompress(text.split(b"\0", 1)[1][1:]) if kind == b"zTXt" else text
    for found in re.finditer(rb"data:[a-z/+]+;base64,([A-Za-z0-9+/=]+)", content):
        yield from _parts(base64.b64decode(found[1]))


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place < len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        yield content[place + 4 : place + 8], content[place + 8 : place + 8 + size]
        place += 12 + size


def found_below(folder: Path) -> dict[str, set[str]]:
    """Planted words by the path of the file or folder whose content or name holds them."""
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder).as_posix()
        words = found_in(relative.encode()) | (found_in_file(path) if path.is_file() else set())
        if words:
            found[relative] = words
    return found
