"""Keyed pseudonyms: the only form in which an identifier leaves the ingest."""

import hashlib
import hmac
import os
import secrets
import shlex
import stat
import tempfile
from pathlib import Path

from ichor.errors import StudyError

KEY_BYTES = 32
SIMULATED_KEY = hashlib.sha256(b"simulated patients have no secret to keep").digest()
PSEUDONYM_HEX_DIGITS = 12  # 48 bits: a collision among 100,000 patients has a chance of about 2e-5


def pseudonym(key: bytes, *identifiers: str) -> str:
    """Pseudonym of a patient, series or file: a keyed hash (HMAC-SHA256) of its identifiers.

    Parameters
    ----------
    key : bytes
        The study's secret key, see `read_or_make_key`.
    *identifiers : str
        For a patient: the center's name and the patient id as the center writes it (stripped of spaces).

    Returns
    -------
    str
        12 hexadecimal digits.
    """
    text = "\x1f".join(str(part).strip() for part in identifiers)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:PSEUDONYM_HEX_DIGITS]


def read_or_make_key(path: str | Path) -> bytes:
    """Read the key file, or make one that only its owner can read.

    Raises
    ------
    StudyError
        If the file exists but does not hold 64 hexadecimal digits, or others than its owner may read or change it.
    """
    path = Path(path)
    if not path.exists():
        _make_key(path)
    with path.open(errors="replace") as stream:
        mode, text = stat.S_IMODE(os.fstat(stream.fileno()).st_mode), stream.read().strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StudyError(
            f"{path}: expected a key of {2 * KEY_BYTES} hexadecimal digits, found {len(text)} characters. "
            "Delete the file to have a new key made (all pseudonyms will change), or restore the old one."
        )
    if mode & 0o077:
        raise StudyError(
            f"{path}: others than its owner may read or change the key of the pseudonyms (mode {mode:o}); "
            f"who has the key can find out who is who. Write: chmod 600 {shlex.quote(str(path))}. If others may have "
            "read it and the pseudonyms were given away, delete the file: a new key is made, all pseudonyms change."
        )
    return key


def _make_key(path: Path) -> None:
    """Write a new key, whole or not at all; of several jobs that try, the first one's key stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".key-")  # mode 0600
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_hex(KEY_BYTES) + "\n")
        try:
            os.link(part, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            if not path.exists():
                os.rename(part, path)
    finally:
        Path(part).unlink(missing_ok=True)


def study_key(path: str | Path | None) -> bytes:
    """Key of a study: from its key file, or the open key of simulated patients when `path` is None."""
    return SIMULATED_KEY if path is None else read_or_make_key(path)


def key_digest(key: bytes) -> str:
    """Digest that tells two keys apart without giving either away."""
    return hmac.new(key, b"which key is this", hashlib.sha256).hexdigest()
