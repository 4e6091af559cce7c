"""DICOM files that were whole, broken: cut off, bits flipped, wrong lengths and the like."""

import random
import struct
from collections.abc import Callable

VRS = b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()


def broken_dicom(rng: random.Random, victims: list[bytes]) -> tuple[str, bytes]:
    """Break one of some whole files; return how, and the content."""
    breaks: dict[str, Callable[[random.Random, bytearray], bytes]] = {
        "truncated": truncate,
        "bits flipped": flip,
        "wrong VR": _wrong_vr,
        "wrong length": _wrong_length,
        "wrong size": _wrong_size,
        "bytes inserted": insert,
        "pieces moved": shuffle,
        "twice": _several,
    }
    kind = rng.choice(list(breaks))
    return kind, breaks[kind](rng, bytearray(rng.choice(victims)))


def truncate(rng: random.Random, content: bytearray) -> bytes:
    """Cut a file off: at the borders of its parts, and anywhere."""
    ends = [
        0,
        1,
        127,
        128,
        131,
        132,
        133,
        140,
        144,
        rng.randrange(300),
        rng.randrange(2000),
        rng.randrange(len(content)),
        -1,
        -2,
    ]
    return bytes(content[: rng.choice(ends)])


def flip(rng: random.Random, content: bytearray) -> bytes:
    """Flip bits, mostly near the beginning."""
    reach = rng.choice([160, 400, 1200, len(content)])
    for _ in range(rng.choice([1, 1, 2, 4, 16, 64, 500])):
        content[rng.randrange(min(reach, len(content)))] ^= 1 << rng.randrange(8)
    return bytes(content)


def _elements(content: bytes) -> list[int]:
    """Places that look like elements with an explicit VR."""
    known = set(VRS)
    return [k for k in range(132, min(len(content), 4000) - 8, 2) if bytes(content[k + 4 : k + 6]) in known]


def _wrong_vr(rng: random.Random, content: bytearray) -> bytes:
    for place in rng.choices(_elements(content) or [132], k=rng.choice([1, 1, 3, 10])):
        content[place + 4 : place + 6] = rng.choice([*VRS, b"ZZ", b"\0\0", b"??", b"  ", b"\xff\xff", b"pn"])
    return bytes(content)


def _wrong_length(rng: random.Random, content: bytearray) -> bytes:
    for place in rng.choices(_elements(content) or [132], k=rng.choice([1, 1, 2])):
        if rng.random() < 0.5:
            content[place + 6 : place + 8] = struct.pack("<H", rng.choice([0, 1, 3, 0x7FFF, 0xFFFE, 0xFFFF]))
        else:
            content[place + 8 : place + 12] = struct.pack(
                "<I", rng.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF])
            )
    return bytes(content)


def _wrong_size(rng: random.Random, content: bytearray) -> bytes:
    """Rows, Columns, Bits, Samples and the like: any number."""
    tags = [(0x0028, number) for number in (0x0002, 0x0010, 0x0011, 0x0100, 0x0101, 0x0102, 0x0103)]
    for group, number in rng.sample(tags, rng.choice([1, 2, 7])):
        place = bytes(content).find(struct.pack("<HH2sH", group, number, b"US", 2))
        if place > 0:
            content[place + 8 : place + 10] = struct.pack("<H", rng.choice([0, 1, 2, 63, 65, 255, 32767, 65535]))
    return bytes(content)


def insert(rng: random.Random, content: bytearray) -> bytes:
    """Put random bytes somewhere."""
    place = rng.randrange(len(content))
    content[place:place] = rng.randbytes(rng.choice([1, 2, 7, 1000]))
    return bytes(content)


def shuffle(rng: random.Random, content: bytearray) -> bytes:
    """Exchange two pieces."""
    a, b, c = sorted(rng.randrange(len(content)) for _ in range(3))
    return bytes(content[:a] + content[b:c] + content[a:b] + content[c:])


def _several(rng: random.Random, content: bytearray) -> bytes:
    return bytes(content * rng.choice([2, 3]))
