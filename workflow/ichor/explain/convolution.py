"""Guided backpropagation, Grad-CAM++ and guided Grad-CAM of convolutional networks (MONAI)."""

import copy

import torch
from torch import nn

LEAST_VOXELS = 4
"""A layer with fewer places along an axis says too little of where; our choice."""


def has_relu(network: nn.Module) -> bool:
    """Whether the network has rectifiers, which guided backpropagation changes, and convolutions."""
    return is_convolutional(network) and any(isinstance(layer, nn.ReLU) for layer in network.modules())


def is_convolutional(network: nn.Module) -> bool:
    """Whether the network is made of three-dimensional convolutions without a transformer."""
    layers = list(network.modules())
    return any(isinstance(layer, nn.Conv3d) for layer in layers) and not any(hasattr(own, "attn") for own in layers)


def guided_backprop(network: nn.Module, channels: torch.Tensor) -> torch.Tensor:
    """Gradient through rectifiers that let positive gradients of positive inputs through only.

    Returns
    -------
    torch.Tensor
        ``(channels, x, y, z)``.
    """
    from monai.visualize.gradient_based import GuidedBackpropGrad

    # MONAI finds rectifiers by their names and takes over the layers of the network, so it gets a copy
    own = _with_named_rectifiers(copy.deepcopy(network))
    return GuidedBackpropGrad(own)(channels[None].clone(), index=0)[0]


def grad_cam_pp(network: nn.Module, channels: torch.Tensor) -> torch.Tensor:
    """Grad-CAM++ of the layer that `camera_layer` names, ``(1, x, y, z)``, 0 or more, interpolated linearly."""
    from monai.visualize.class_activation_maps import GradCAMpp

    return _activation_map(GradCAMpp, network, channels)


def guided_grad_cam(network: nn.Module, channels: torch.Tensor) -> torch.Tensor:
    """Guided backpropagation times Grad-CAM (Selvaraju et al.), ``(channels, x, y, z)``."""
    from monai.visualize.class_activation_maps import GradCAM

    return guided_backprop(network, channels) * _activation_map(GradCAM, network, channels)


def camera_layer(network: nn.Module, channels: torch.Tensor) -> str:
    """Name of the last layer that still tells places apart.

    A network that halves its input five times ends with few voxels, on small grids with one. So the layer is the last
    one that runs and gives maps with at least `LEAST_VOXELS` along every axis along which the image has as many.

    Raises
    ------
    ValueError
        If no layer gives maps.
    """
    found: list[str] = []
    wanted = [min(LEAST_VOXELS, size) for size in channels.shape[1:]]

    def look(name: str):
        def hook(_layer, _given, made) -> None:
            if isinstance(made, torch.Tensor) and made.ndim == 5:
                if all(size >= least for size, least in zip(made.shape[2:], wanted, strict=True)):
                    found.append(name)

        return hook

    handles = [layer.register_forward_hook(look(name)) for name, layer in network.named_modules() if name]
    try:
        with torch.no_grad():
            network(channels[None])
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise ValueError("no layer of the network gives maps in three dimensions")
    return found[-1]


def _activation_map(kind: type, network: nn.Module, channels: torch.Tensor) -> torch.Tensor:
    own = copy.deepcopy(network)  # MONAI leaves its hooks in the network
    for parameter in own.parameters():
        parameter.requires_grad_(True)
    for layer in own.modules():
        if isinstance(layer, nn.ReLU):
            layer.inplace = False  # or what a layer gave is overwritten before its gradient is taken
    # MONAI's own postprocessing turns the map upside down: its largest value becomes 0
    camera = kind(nn_module=own, target_layers=camera_layer(own, channels), postprocessing=lambda made: made)
    return camera(x=channels[None], class_idx=0).detach()[0]


def _with_named_rectifiers(network: nn.Module) -> nn.Module:
    """Put each rectifier whose name does not hold "relu" into a container where it is called so."""
    for layer in list(network.modules()):
        for name, child in list(layer.named_children()):
            if isinstance(child, nn.ReLU) and "relu" not in name:
                setattr(layer, name, nn.Sequential())
                getattr(layer, name).add_module("relu", child)
    return network
