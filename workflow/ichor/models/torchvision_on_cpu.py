"""Let torchvision's CUDA build be imported beside a CPU build of torch.

PyPI ships only torchvision wheels that link CUDA. Beside a CPU torch their compiled operators cannot be loaded, which
torchvision tolerates, but it then registers shape functions for two operators that do not exist and stops with
"operator torchvision::nms does not exist" (pytorch/vision issues 8985, 9077, 9085). timm imports torchvision, and
nnU-Net's search for trainer classes imports timm, so both need this module first.

Where the pair of builds fits, :func:`import_torchvision` is a plain import.
"""

import importlib
import sys
from types import ModuleType

# Schemas as torchvision declares them in C++ (torchvision/csrc/ops/nms.cpp and ops/quantized): declared without a
# kernel, so that calling one still fails with torchvision's own message.
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared = []  # keeps the fragment alive: its schemas vanish when it is collected


def import_torchvision() -> ModuleType:
    """Import torchvision, declaring the two operators that a CPU torch lacks.

    Returns
    -------
    module
        torchvision.

    Raises
    ------
    RuntimeError
        When torch is a CUDA build and still does not fit torchvision: the pair has to be installed again.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        import torch

        if torch.version.cuda is not None:
            raise RuntimeError(
                f"torchvision does not fit torch {torch.__version__}: its operators cannot be loaded. "
                "Install the pair again, both from the same package index."
            ) from error
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    _declare_operators()
    return importlib.import_module("torchvision")


def _declare_operators() -> None:
    """Declare the schemas once; twice would be an error."""
    if _declared:
        return
    from torch import library

    fragment = library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        fragment.define(schema)
    _declared.append(fragment)
