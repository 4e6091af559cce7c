"""Noise predictors by name, on crops ``(n, channels, x, y, z)``: ours, and MONAI's as a drop-in alternative."""

import torch
from torch import nn

from ichor.errors import StudyError
from ichor.models.monai_networks import import_networks
from ichor.synthesis.diffusion.ukan import UKAN

NO_CLASS = 2
"""Token of "no class", learned beside 0 (no expansion) and 1 (expansion)."""

CLASSES = 3


class Predictor(nn.Module):
    """A network that reads crops either whole (3D) or with their slices as channels (2D).

    Parameters
    ----------
    network : torch.nn.Module
        ``(noisy, t, classes)`` on ``dimensions`` spatial axes.
    dimensions : int
        2 or 3.
    """

    def __init__(self, network: nn.Module, dimensions: int) -> None:
        super().__init__()
        self.network, self.dimensions = network, dimensions

    def forward(self, noisy: torch.Tensor, t: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Prediction of the shape of `noisy`, ``(n, channels, x, y, z)``."""
        if self.dimensions == 3:
            return self.network(noisy, t, classes)
        n, channels, x, y, z = noisy.shape
        flat = noisy.permute(0, 1, 4, 2, 3).reshape(n, channels * z, x, y)
        return self.network(flat, t, classes).reshape(n, channels, z, x, y).permute(0, 1, 3, 4, 2)


class MonaiUnet(nn.Module):
    """MONAI's diffusion U-net behind the call of ours."""

    def __init__(self, channels_in: int, dimensions: int, settings: dict) -> None:
        super().__init__()
        networks = import_networks("diffusion_model_unet")  # seconds, and only for who asks for it
        channels, attention = settings["channels"], settings["attention_levels"]
        self.unet = networks.DiffusionModelUNet(
            spatial_dims=dimensions,
            in_channels=channels_in,
            out_channels=channels_in,
            channels=channels,
            attention_levels=[level in attention for level in range(len(channels))],
            num_res_blocks=settings["blocks"],
            norm_num_groups=settings["groups"],
            num_head_channels=settings["head_channels"],
            num_class_embeds=CLASSES,
        )

    def forward(self, noisy: torch.Tensor, t: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """See :meth:`ichor.synthesis.diffusion.ukan.UKAN.forward`."""
        return self.unet(noisy, timesteps=t, class_labels=classes)


def build(spec: dict, channels: int, shape: tuple[int, int, int]) -> Predictor:
    """Build the noise predictor of a generator.

    Parameters
    ----------
    spec : dict
        The generator's settings: ``network``, ``dimensions`` and the settings of the network by its name.
    channels : int
        Channels of a crop.
    shape : tuple of int
        Its voxels along x, y, z.

    Raises
    ------
    ichor.errors.StudyError
        On an unknown network, or a shape that its levels do not divide.
    """
    name, dimensions = spec["network"], spec["dimensions"]
    if dimensions not in (2, 3):
        raise StudyError(f"dimensions: found {dimensions}; write 2 (slices as channels) or 3")
    if name not in ("ukan", "monai_unet"):
        raise StudyError(f"network: found {name!r}; write ukan or monai_unet")
    settings, spatial = spec[name], shape[:dimensions]
    channels_in = channels if dimensions == 3 else channels * shape[2]
    if name == "ukan":
        low, high = settings["grid_range"]
        network = UKAN(
            channels_in,
            spatial,
            settings["channels"],
            patch=settings["patch"],
            kan_levels=settings["kan_levels"],
            blocks=settings["blocks"],
            kan_layers=settings["kan_layers"],
            grid_range=(low, high),
            classes=CLASSES,
            dropout=settings["dropout"],
            groups=settings["groups"],
        )
    else:
        halvings = 2 ** (len(settings["channels"]) - 1)
        if any(length % halvings for length in spatial):
            raise StudyError(
                f"monai_unet halves every axis {len(settings['channels']) - 1} times, but the crop has "
                f"{' x '.join(map(str, spatial))} voxels; write fewer channels, or another input.size_mm or margin_mm"
            )
        network = MonaiUnet(channels_in, dimensions, settings)
    return Predictor(network, dimensions)
