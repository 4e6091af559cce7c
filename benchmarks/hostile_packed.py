"""Zip and tar archives and packed NIfTI images, broken or made to hurt."""

import gzip
import io
import random
import struct
import tarfile
import zipfile

from hostile_broken import flip, insert, shuffle, truncate


def hostile_archive(rng: random.Random, victims: list[bytes]) -> tuple[str, bytes]:
    """Make an archive; return its kind and content."""
    kinds = {
        "bomb": _zip_bomb,
        "names": _zip_names,
        "broken": _zip_broken,
        "many": _zip_many,
        "nested": _zip_nested,
        "link": _zip_link,
        "plain": _zip_plain,
        "tar bomb": _tar_bomb,
        "tar odd": _tar_odd,
        "tar broken": _tar_broken,
        "tar plain": _tar_plain,
        "packed": _packed,
    }
    kind = rng.choice(list(kinds))
    return f"archive: {kind}", kinds[kind](rng, victims)


def _zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _zip_bomb(rng: random.Random, victims: list[bytes]) -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("bomb.dcm", "w", force_zip64=True) as member,
    ):
        for _ in range(rng.choice([10, 100, 300])):
            member.write(bytes(1 << 20))
    return out.getvalue()


def _zip_names(rng: random.Random, victims: list[bytes]) -> bytes:
    names = [
        "../pwned",
        "/tmp/pwned",
        "a/../../pwned",
        "..\\pwned",
        "C:\\pwned",
        "a//b",
        "",
        "x" * 5000,
        "new\nline",
        "\u202e",
        "a/./b",
        "pwned\0.dcm",
    ]
    return _zipped({name or "empty": rng.choice(victims) for name in rng.sample(names, 5)})


def _zip_broken(rng: random.Random, victims: list[bytes]) -> bytes:
    content = bytearray(_zipped({f"{k}.dcm": rng.choice(victims) for k in range(3)}))
    return rng.choice([truncate, flip, insert, shuffle])(rng, content)


def _zip_many(rng: random.Random, victims: list[bytes]) -> bytes:
    return _zipped({f"{k}.dcm": b"" for k in range(rng.choice([100, 3_000]))}, zipfile.ZIP_STORED)


def _zip_nested(rng: random.Random, victims: list[bytes]) -> bytes:
    content = _zipped({"a.dcm": rng.choice(victims)})
    for _ in range(rng.choice([1, 10])):
        content = _zipped({"a.zip": content})
    return content


def _zip_link(rng: random.Random, victims: list[bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("link.dcm")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        secret = zipfile.ZipInfo("locked.dcm")
        archive.writestr(secret, rng.choice(victims))
        secret.flag_bits |= 1
    return out.getvalue()


def _zip_plain(rng: random.Random, victims: list[bytes]) -> bytes:
    return _zipped({f"{k}.dcm": flip(rng, bytearray(rng.choice(victims))) for k in range(5)})


ODD_TYPES = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE, b"?"]


def _tarred(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _tar_info(name: str, content: bytes, kind: bytes = tarfile.REGTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, len(content) if kind == tarfile.REGTYPE else 0, "/etc/passwd"
    return info, content


def _tar_bomb(rng: random.Random, victims: list[bytes]) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as packed:
        info, _ = _tar_info("bomb.dcm", b"")
        info.size = rng.choice([100, 1_000, 8_000_000]) << 20
        packed.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(rng.choice([10, 100, 300])):
            packed.write(bytes(1 << 20))
    return out.getvalue()


def _tar_odd(rng: random.Random, victims: list[bytes]) -> bytes:
    names = ["../pwned", "/tmp/pwned", "a/../../pwned", "C:\\pwned", "a//b", "x" * 5000, "new\nline", "a/./b", "link"]
    members = [_tar_info(name, rng.choice(victims)) for name in rng.sample(names, 4)]
    return _tarred(members + [_tar_info(name, b"", rng.choice(ODD_TYPES)) for name in rng.sample(names, 3)])


def _tar_broken(rng: random.Random, victims: list[bytes]) -> bytes:
    content = _tarred([_tar_info(f"{k}.dcm", rng.choice(victims)) for k in range(3)])
    if rng.random() < 0.5:
        return rng.choice([truncate, flip, insert, shuffle])(rng, bytearray(content))
    return rng.choice([truncate, flip, insert])(rng, bytearray(gzip.compress(content, 1)))


def _tar_plain(rng: random.Random, victims: list[bytes]) -> bytes:
    content = _tarred([_tar_info(f"{k}.dcm", flip(rng, bytearray(rng.choice(victims)))) for k in range(5)])
    return rng.choice([bytes, lambda plain: gzip.compress(plain, 1)])(content)


def _packed(rng: random.Random, victims: list[bytes]) -> bytes:
    content = gzip.compress(rng.choice(victims), 1)
    return rng.choice([bytes, lambda whole: bytes(flip(rng, bytearray(whole)))])(content)


def hostile_nifti(rng: random.Random, packed: bytes) -> bytes:
    """Break a packed NIfTI image: the packing, or its header."""
    plain = bytearray(gzip.decompress(packed))
    kind = rng.randrange(7)
    if kind == 0:
        return truncate(rng, bytearray(packed))
    if kind == 1:
        return flip(rng, bytearray(packed))
    if kind == 2:  # header only: the voxels stay as they are
        for _ in range(rng.choice([1, 4, 30])):
            plain[rng.randrange(348)] ^= 1 << rng.randrange(8)
    elif kind == 3:
        sizes = [rng.choice([-1, 0, 1, 7, 512, 32767]) for _ in range(8)]
        struct.pack_into("<8h", plain, 40, *sizes)
    elif kind == 4:  # affine, slope, offset
        place = rng.choice([*range(280, 328, 4), 76, 80, 84, 108, 112, 116])
        struct.pack_into("<f", plain, place, rng.choice([float("nan"), float("inf"), 0.0, 1e38, -1.0]))
    elif kind == 5:
        struct.pack_into(
            "<hh", plain, 70, rng.choice([0, 1, 128, 32, 1792, 2304, 9999]), rng.choice([1, 24, 64, 128, 256])
        )
    else:
        struct.pack_into("<8h", plain, 40, 3, 700, 700, 700, 1, 1, 1, 1)
        return gzip.compress(bytes(plain[:352]) + bytes(rng.choice([1, 700]) << 20), 1)
    return gzip.compress(bytes(plain), 1)
