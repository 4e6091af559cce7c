"""Results that were made before, scans of a shard or its selection, so that one new patient makes only its own anew.

An entry is known by a digest of all that it is made from: contents, settings, code and versions. Its files are hard
links to the outputs, so they take no space while the outputs stay as they are, and they are checked by hash before they
are used. Where hard links are not possible nothing is kept.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ichor.jobs.hashes import file_sha256
from ichor.private_tables import private_folder

ENTRY = "entry.json"


class KeptFiles:
    """A folder of results of one job.

    Parameters
    ----------
    folder : Path
        Made, for its owner alone, if need be.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = private_folder(folder)
        self._used: set[str] = set()

    def take(self, key: str, places: Mapping[str, Path]) -> dict[str, Any] | None:
        """Put a result's files where they belong and return what was written about it; None if it is not known.

        Parameters
        ----------
        key : str
            Digest of all that the result is made from.
        places : mapping of str to Path
            Where each file goes that the result may have, by its name in the entry; nothing may lie there.
        """
        entry = self._folder / key
        try:
            described = json.loads((entry / ENTRY).read_text())
            result = described["result"]
            if any(file_sha256(entry / name) != sha256 for name, sha256 in described["files"].items()):
                raise ValueError("a file was changed")
            for name in described["files"]:
                os.link(entry / name, places[name])
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(entry, ignore_errors=True)
            for path in places.values():
                path.unlink(missing_ok=True)
            return None
        self._used.add(key)
        return result

    def put(self, key: str, places: Mapping[str, Path], result: Mapping[str, Any]) -> None:
        """Keep a result: those of its files that exist, and what is to be said about it."""
        entry, part = self._folder / key, self._folder / f"{key}.part"
        for folder in (entry, part):
            shutil.rmtree(folder, ignore_errors=True)
        part.mkdir()
        files = {name: path for name, path in places.items() if path.exists()}
        try:
            for name, path in files.items():
                os.link(path, part / name)
        except OSError:  # another disk, or one without hard links
            shutil.rmtree(part, ignore_errors=True)
            return
        digests = {name: file_sha256(path) for name, path in files.items()}
        (part / ENTRY).write_text(json.dumps({"files": digests, "result": result}) + "\n")
        part.rename(entry)
        self._used.add(key)

    def finish(self) -> None:
        """Remove what this run neither took nor put."""
        for entry in self._folder.iterdir():
            if entry.name not in self._used:
                shutil.rmtree(entry, ignore_errors=True)
