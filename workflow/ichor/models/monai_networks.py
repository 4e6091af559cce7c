"""MONAI's networks without the seconds that its one user of transformers costs.

`monai.networks.nets` imports every network it has, one of them (TransCheX) with transformers where that is installed,
which doubles the start of a job. No network of ours is that one.
"""

import importlib
import sys
from types import ModuleType

ABSENT = "transformers"


def import_networks(name: str) -> ModuleType:
    """Import a module of `monai.networks.nets` as if transformers were not installed.

    Parameters
    ----------
    name
        Module below `monai.networks.nets`, for example ``densenet``.
    """
    hidden = ABSENT not in sys.modules
    if hidden:
        sys.modules[ABSENT] = None  # an import of it fails, which MONAI takes for "not installed"
    try:
        return importlib.import_module(f"monai.networks.nets.{name}")
    finally:
        if hidden:
            del sys.modules[ABSENT]
