"""The library that draws the scans in the viewer page, NiiVue: where the installation put it, and which one it must be.

`envs/niivue.sh` fetches it once, when Ichor is installed; a run fetches nothing.
"""

import hashlib
import shutil
import sys
from pathlib import Path

from ichor.disk_space import whole_file
from ichor.errors import StudyError

VERSION = "0.69.0"
SHA256 = "47b896b77ec4a5be3ef1949c33ad393b6f45629921f326c279000bcf51bdb4af"
"""Of ``dist/niivue.umd.js`` of the npm package ``@niivue/niivue`` of this version (BSD-2-Clause)."""
FILE = f"niivue-{VERSION}.umd.js"


def place(prefix: str | Path = sys.prefix) -> Path:
    """Where the library lies in an installation."""
    return Path(prefix) / "share/niivue" / FILE


def find(prefix: str | Path = sys.prefix) -> Path:
    """The installed library.

    Raises
    ------
    StudyError
        If it is not there or is another file; says how to get it.
    """
    path = place(prefix)
    how = (
        f"`bash {_script()} {prefix}` fetches it (once, with network; docs/how-to/install-offline.md says how "
        "without). Everything else runs without it."
    )
    if not path.is_file():
        raise StudyError(f"The viewer needs NiiVue {VERSION}, which is not in {path.parent}: {how}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise StudyError(f"{path} is not NiiVue {VERSION}: its SHA-256 is {found}, not {SHA256}. Remove it; {how}")
    return path


def copy(source: Path, target: Path) -> None:
    """Put the library beside the pages that load it."""
    with whole_file(target) as part:
        shutil.copyfile(source, part)


def _script() -> Path:
    return Path(__file__).resolve().parents[3] / "envs/niivue.sh"
