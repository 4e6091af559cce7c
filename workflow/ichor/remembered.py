"""Answers that are dear to find and cheap to keep: JSON files below ``work/`` that may be lost at any time.

A file is written whole or not at all, for the owner's eyes only, and believed only if its first line holds the digest
of the rest and the name of the format. Whoever reads one must be right without it too.
"""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any


def load(path: Path, form: str) -> dict[str, Any]:
    """Return what was kept; empty if there is nothing, nothing that is whole, or another format."""
    try:
        heading, _, text = path.read_text().partition("\n")
        return json.loads(text) if heading == _heading(form, text) else {}
    except (OSError, ValueError):
        return {}


def save(path: Path, form: str, content: dict[str, Any]) -> None:
    """Keep something; a study that cannot be written to, or whose disk is full, goes without.

    Parameters
    ----------
    path : Path
        Its folder is made, readable by its owner only, if it is not there.
    form : str
        Name of the format, one line; to be changed with what `content` holds.
    content : dict
        What JSON can hold.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")  # mode 0600
    except OSError:
        return
    text = json.dumps(content, separators=(",", ":"))
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{_heading(form, text)}\n{text}")
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)


def _heading(form: str, text: str) -> str:
    return f"{form} {hashlib.sha256(text.encode()).hexdigest()}"
