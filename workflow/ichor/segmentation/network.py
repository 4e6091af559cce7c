"""Build a segmentation network from plain JSON.

Only the classes named here can be built: a bundle's JSON is data, it cannot name code to import.
"""

import torch
from dynamic_network_architectures.architectures import unet
from torch import nn

from ichor.segmentation.umamba.networks import NETWORKS as UMAMBA

ARCHITECTURES: dict[str, type[nn.Module]] = {
    "PlainConvUNet": unet.PlainConvUNet,
    "ResidualEncoderUNet": unet.ResidualEncoderUNet,
    **{kind.__name__: kind for kind in UMAMBA.values()},
}
_OPERATIONS: dict[str, type[nn.Module]] = {
    kind.__name__: kind for kind in (nn.Conv2d, nn.Conv3d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.LeakyReLU)
}
_OPERATION_KEYS = ("conv_op", "norm_op", "dropout_op", "nonlin")


def architecture_of_plan(architecture: dict) -> dict:
    """Turn the ``architecture`` of an nnU-Net configuration into ``{"class", "arguments"}`` with short names."""
    arguments = dict(architecture["arch_kwargs"])
    for key in _OPERATION_KEYS:
        if arguments.get(key):
            arguments[key] = arguments[key].rpartition(".")[2]
    return {"class": architecture["network_class_name"].rpartition(".")[2], "arguments": arguments}


def build_network(architecture: dict, n_inputs: int, n_outputs: int, *, deep_supervision: bool = False) -> nn.Module:
    """Build a network with freshly drawn weights (from torch's global generator).

    Parameters
    ----------
    architecture : dict
        ``{"class": name in `ARCHITECTURES`, "arguments": keyword arguments}``.
    n_inputs, n_outputs : int
        Channels of the image; background and labels.
    deep_supervision : bool
        Whether the network returns its coarser outputs too, as training wants.

    Raises
    ------
    ValueError
        If the class or an operation is not among those known here.
    """
    if architecture["class"] not in ARCHITECTURES:
        raise ValueError(f"unknown network {architecture['class']!r}; known: {', '.join(ARCHITECTURES)}")
    arguments = dict(architecture["arguments"])
    for key in _OPERATION_KEYS:
        name = arguments.get(key)
        if name is not None and name not in _OPERATIONS:
            raise ValueError(f"unknown {key} {name!r}; known: {', '.join(_OPERATIONS)}")
        arguments[key] = None if name is None else _OPERATIONS[name]
    network = ARCHITECTURES[architecture["class"]](
        input_channels=n_inputs, num_classes=n_outputs, deep_supervision=deep_supervision, **arguments
    )
    with torch.no_grad():
        network.apply(network.initialize)
    return network
