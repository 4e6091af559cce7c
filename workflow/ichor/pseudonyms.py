"""Keyed pseudonyms: the only form in which an identifier leaves the ingest."""

import hashlib
import hmac
import os
import secrets
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
        If the file exists but does not hold 64 hexadecimal digits.
    """
    path = Path(path)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another job of the same run was first: use its key
            pass
        else:
            with os.fdopen(handle, "w") as stream:
                stream.write(secrets.token_hex(KEY_BYTES) + "\n")
    text = path.read_text().strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StudyError(
            f"{path}: expected a key of {2 * KEY_BYTES} hexadecimal digits, found {len(text)} characters. "
            "Delete the file to have a new key made (all pseudonyms will change), or restore the old one."
        )
    return key


def study_key(path: str | Path | None) -> bytes:
    """Key of a study: from its key file, or the open key of simulated patients when `path` is None."""
    return SIMULATED_KEY if path is None else read_or_make_key(path)


def key_digest(key: bytes) -> str:
    """Digest that tells two keys apart without giving either away."""
    return hmac.new(key, b"which key is this", hashlib.sha256).hexdigest()
