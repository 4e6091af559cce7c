"""DICOM files made to hurt: impossible numbers, huge images, deep sequences, bombs, series that almost are one."""

import random
import struct
import zlib
from collections.abc import Callable

SEQUENCE = struct.pack("<HH2sHI", 0x0040, 0x0275, b"SQ", 0, 0xFFFFFFFF)  # Request Attributes Sequence
ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
DEFLATED, EXPLICIT, IMPLICIT = b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2"


def part10(syntax: bytes, dataset: bytes) -> bytes:
    """A file with preamble and meta information around a data set."""
    syntax += b"\0" * (len(syntax) % 2)
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", len(syntax)) + syntax
    return bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta + dataset


def text_element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    """An element with a short length, explicit VR little endian."""
    value += b" " * (len(value) % 2)
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def ct_slice(rng: random.Random, pixels: bytes = bytes(512), **texts: bytes) -> bytes:
    """Elements of a CT slice of 16 x 16; `texts` replace values by their keyword."""
    uid = b"1.2.3.%d" % rng.getrandbits(60)
    values = (
        dict(
            SOPClassUID=b"1.2.840.10008.5.1.4.1.1.2",
            SOPInstanceUID=uid,
            StudyDate=b"20200101",
            StudyTime=b"120000",
            PatientID=b"hostile",
            StudyInstanceUID=b"1.2.3.4",
            SeriesInstanceUID=b"1.2.3.%d" % rng.randrange(30),
            ImagePosition=b"0\\0\\%d" % rng.randrange(200),
            ImageOrientation=b"1\\0\\0\\0\\1\\0",
            NumberOfFrames=b"",
            PixelSpacing=b"1\\1",
            SliceThickness=b"5",
            InstanceNumber=b"%d" % rng.randrange(100),
            Intercept=b"-1024",
            Slope=b"1",
        )
        | texts
    )
    tags = [
        (8, 0x08, b"CS", b"ORIGINAL\\PRIMARY\\AXIAL"),
        (8, 0x16, b"UI", values["SOPClassUID"]),
        (8, 0x18, b"UI", values["SOPInstanceUID"]),
        (8, 0x20, b"DA", values["StudyDate"]),
        (8, 0x30, b"TM", values["StudyTime"]),
        (8, 0x60, b"CS", b"CT"),
        (0x10, 0x20, b"LO", values["PatientID"]),
        (0x18, 0x50, b"DS", values["SliceThickness"]),
        (0x20, 0x0D, b"UI", values["StudyInstanceUID"]),
        (0x20, 0x0E, b"UI", values["SeriesInstanceUID"]),
        (0x20, 0x13, b"IS", values["InstanceNumber"]),
        (0x20, 0x32, b"DS", values["ImagePosition"]),
        (0x20, 0x37, b"DS", values["ImageOrientation"]),
        (0x28, 0x02, b"US", b"\1\0"),
        (0x28, 0x04, b"CS", b"MONOCHROME2"),
        (0x28, 0x08, b"IS", values["NumberOfFrames"]),
        (0x28, 0x10, b"US", values.get("Rows", b"\x10\0")),
        (0x28, 0x11, b"US", values.get("Columns", b"\x10\0")),
        (0x28, 0x30, b"DS", values["PixelSpacing"]),
        (0x28, 0x100, b"US", b"\x10\0"),
        (0x28, 0x101, b"US", b"\x10\0"),
        (0x28, 0x102, b"US", b"\x0f\0"),
        (0x28, 0x103, b"US", b"\1\0"),
        (0x28, 0x1052, b"DS", values["Intercept"]),
        (0x28, 0x1053, b"DS", values["Slope"]),
    ]
    image = struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, len(pixels)) + pixels
    return b"".join(text_element(*tag) for tag in tags) + image


NASTY = (
    b"nan",
    b"inf",
    b"-inf",
    b"1e999",
    b"-1e308",
    b"1e-400",
    b"0",
    b"-1",
    b"",
    b" ",
    b"\\",
    b"\\\\\\",
    b"1\\2",
    b"9" * 400,
    b"0x10",
    b"1,5",
    b"\xff\xfe",
    b"\0",
    b"--1",
    b"1_000",
    "\u0661".encode(),
    b"1e5\\1e5\\1e5\\1e5\\1e5\\1e5",
    b"1\\0\\0\\1\\0\\0",
    b"nan\\nan\\nan",
    b"../../../../tmp/pwned",
    b"a\nb\tc",
    b"%s%s%s",
    b"1e15\\1e15\\1e15",
)


def crafted_dicom(rng: random.Random) -> tuple[str, bytes]:
    """Make a file of which every byte is meant; return its kind and content."""
    kinds: dict[str, Callable[[random.Random], bytes]] = {
        "nasty values": _nasty,
        "huge image": _huge_image,
        "deep sequences": _deep,
        "many elements": _many,
        "long text": _long_text,
        "deflate bomb": _deflate_bomb,
        "many frames": _many_frames,
        "undefined length": _undefined,
        "plausible series": _plausible,
    }
    weights = [6, 3, 3, 1, 1, 1, 2, 3, 6]
    kind = rng.choices(list(kinds), weights)[0]
    return kind, kinds[kind](rng)


def _nasty(rng: random.Random) -> bytes:
    names = (
        "PatientID",
        "StudyDate",
        "StudyTime",
        "ImagePosition",
        "ImageOrientation",
        "PixelSpacing",
        "SliceThickness",
        "InstanceNumber",
        "NumberOfFrames",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SOPInstanceUID",
        "Intercept",
        "Slope",
    )
    texts = {name: rng.choice(NASTY) for name in rng.sample(names, rng.choice([1, 1, 2, 5]))}
    return part10(EXPLICIT, ct_slice(rng, **texts))


def _plausible(rng: random.Random) -> bytes:
    """Slices that may form a series which reaches the converter, with pixels that are not there or too many."""
    number = rng.randrange(40)
    pixels = rng.choice([bytes(512), rng.randbytes(512), b"", bytes(100), bytes(5000)])
    series = b"1.2.3.777.%d" % rng.randrange(4)
    texts = dict(
        PatientID=b"plausible",
        SeriesInstanceUID=series,
        ImagePosition=b"0\\0\\%d" % (5 * number),
        PixelSpacing=b"12\\12",
        InstanceNumber=b"%d" % number,
        Intercept=rng.choice([b"-1024", b"-1024", b"1e30", b"nan"]),
    )
    return part10(EXPLICIT, ct_slice(rng, pixels, **texts))


def _huge_image(rng: random.Random) -> bytes:
    sizes = dict(
        Rows=rng.choice([b"\xff\xff", b"\0\0", b"\xff\x7f"]), Columns=rng.choice([b"\xff\xff", b"\1\0", b"\0\0\0\0"])
    )
    frames = rng.choice([b"1", b"4294967295", b"-1", b"999999999999"])
    number = rng.randrange(40)
    texts = dict(
        SeriesInstanceUID=b"1.2.3.888",
        ImagePosition=b"0\\0\\%d" % (5 * number),
        PatientID=b"huge",
        NumberOfFrames=frames,
    )
    return part10(EXPLICIT, ct_slice(rng, **texts, **sizes))


def _deep(rng: random.Random) -> bytes:
    depth = rng.choice([50, 500, 5_000, 100_000])
    nested = (SEQUENCE + ITEM) * depth
    if rng.random() < 0.5:
        nested += (struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)) * depth
    first, second = ct_slice(rng), ct_slice(rng)
    return part10(EXPLICIT, nested + first if rng.random() < 0.5 else first[:200] + nested + second)


def _many(rng: random.Random) -> bytes:
    elements = b"".join(
        struct.pack("<HH2sH", 9, 0x10 + k % 0xE0, b"LO", 0) for k in range(rng.choice([1_000, 300_000]))
    )
    return part10(EXPLICIT, elements + ct_slice(rng))


def _long_text(rng: random.Random) -> bytes:
    text = b"\\".join([b"Q" * 63] * rng.choice([1_000, 100_000]))
    long = struct.pack("<HH2sHI", 0x10, 0x4000, b"UT", 0, len(text)) + text
    tags = [text_element(0x10, 0x10, b"PN", b"^=" * 30_000), long]
    return part10(EXPLICIT, ct_slice(rng, PatientID=b"x" * 60_000) + b"".join(tags))


def _deflate_bomb(rng: random.Random) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    size = rng.choice([64, 64, 300, 1200]) << 20
    packed = [packer.compress(struct.pack("<HH2sHI", 9, 0x1010, b"OB", 0, size))]
    packed += [packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return part10(DEFLATED, b"".join(packed) + packer.compress(ct_slice(rng)) + packer.flush())


def _many_frames(rng: random.Random) -> bytes:
    """An enhanced CT object that promises frames."""
    items = rng.choice([1, 1_000, 50_000])
    groups = (
        struct.pack("<HH2sHI", 0x5200, 0x9230, b"SQ", 0, 0xFFFFFFFF)
        + (ITEM + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)) * items
    )
    texts = dict(
        SOPClassUID=b"1.2.840.10008.5.1.4.1.1.2.1", NumberOfFrames=rng.choice([b"%d" % items, b"2147483647", b"0"])
    )
    return part10(EXPLICIT, ct_slice(rng, **texts)[:-524] + groups)


def _undefined(rng: random.Random) -> bytes:
    content = bytearray(
        part10(
            rng.choice([EXPLICIT, IMPLICIT, b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.4.70", b"1.2"]), ct_slice(rng)
        )
    )
    content[-516:-512] = b"\xff\xff\xff\xff"  # of the pixels
    return bytes(content)
