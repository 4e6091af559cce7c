"""The store: outputs of earlier jobs under the key of all that they depend on.

A job that Snakemake plans because something before it ran again, or because a change was undone, finds here what it
would make. A store inside the study holds hard links and costs no disk as long as the outputs stay as they are; one
that several studies share holds copies. It is readable by its owner alone, and what it gives is checked by hash.
"""

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ichor.jobs.hashes import content, files_below

ENTRY = "entry.json"
IN_STUDY = Path("work/store")
PART_S = 86400.0  # storing takes minutes at most; another job may be at it on another machine


@dataclass(frozen=True)
class Store:
    """A folder of entries.

    Attributes
    ----------
    folder : Path
        Where it is; made when first written to.
    linked : bool
        Hard links instead of copies. Only for a store of one study: a link shares its time stamp with the output.
    """

    folder: Path
    linked: bool

    def take(self, key: str, outputs: Mapping[str, Path]) -> dict | None:
        """Put an entry's files where the job's outputs belong.

        Parameters
        ----------
        key : str
            The job's key.
        outputs : mapping of str to Path
            Where each output goes, by its name in the entry.

        Returns
        -------
        dict or None
            The entry's description; None if there is none. An entry that is damaged or is not of these outputs is
            removed and counts as none.
        """
        entry = self._entry(key)
        try:
            described = json.loads((entry / ENTRY).read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValueError:
            shutil.rmtree(entry, ignore_errors=True)
            return None
        files = described["outputs"]
        if set(files) != set(outputs) or any(content(entry / name)[0] != files[name]["sha256"] for name in files):
            shutil.rmtree(entry, ignore_errors=True)
            return None
        for name, path in outputs.items():
            remove(path)
            self._copy(entry / name, path)
            _touch(path)
        os.utime(entry / ENTRY)
        return described

    def put(self, key: str, outputs: Mapping[str, Path], described: Mapping) -> None:
        """Keep a job's outputs. Two jobs may put the same key at the same time: the first stays."""
        entry = self._entry(key)
        if entry.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chmod(self.folder, 0o700)
        part = entry.with_name(f"{entry.name}.{os.uname().nodename}-{os.getpid()}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            for name, path in outputs.items():
                self._copy(path, part / name)
            (part / ENTRY).write_text(json.dumps(described) + "\n")
            os.rename(part, entry)
        except FileExistsError:
            pass
        except OSError as error:
            if not (entry / ENTRY).is_file():
                raise error
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def drop_unused(self, days: float) -> int:
        """Remove entries that no job made or took for some days; return how many.

        What a killed job had begun to store goes too, once it is a day old.
        """
        now = time.time()
        for part in self.folder.glob("??/*.part"):
            if part.stat().st_mtime < now - PART_S:
                shutil.rmtree(part, ignore_errors=True)
        limit, dropped = now - 86400 * days, 0
        for described in self.folder.glob(f"??/*/{ENTRY}"):
            if described.stat().st_mtime < limit:
                shutil.rmtree(described.parent, ignore_errors=True)
                dropped += 1
        return dropped

    def _entry(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def _copy(self, source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            for file in files_below(source):
                self._copy_file(file, target / file.relative_to(source))
        else:
            self._copy_file(source, target)

    def _copy_file(self, source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.linked:
            try:
                os.link(source, target)
                return
            except OSError:  # another file system, or one without hard links
                pass
        shutil.copy2(source, target)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _touch(path: Path) -> None:
    """Make an output as new as its job: Snakemake compares times before contents."""
    for file in files_below(path) if path.is_dir() else [path]:
        os.utime(file)
    os.utime(path)


def configured_store(config: Mapping) -> Store | None:
    """Store that a config asks for (section ``store``), or None."""
    settings = config["store"]
    if not settings["use"]:
        return None
    return Store(Path(settings["folder"]), linked=False) if settings["folder"] else Store(IN_STUDY, linked=True)
