"""Three-dimensional DenseNet of MONAI on the whole head.

Huang et al., CVPR 2017; in three dimensions for outcome after ICH by Chen et al., Eur J Radiol 2023, and Cobo et al.,
MLMI 2024. DenseNet-121 is init_features 64, growth_rate 32, blocks [6, 12, 24, 16].
"""

import torch
from torch import nn

from ichor.errors import StudyError
from ichor.models.monai_networks import import_networks

DenseNet = import_networks("densenet").DenseNet

FAMILY = "network"
SPEC = {
    "init_features": 8,  # channels after the first convolution
    "growth_rate": 8,  # channels that each layer adds
    "blocks": [2, 2, 2, 2],  # layers per block
    "bottleneck": 4,  # width of a layer's 1x1x1 convolution in growth rates
    "dropout": 0.1,
    "norm": "batch",  # batch | layer (one mean per image)
    "input": {
        "view": "head",
        "size_mm": [160.0, 192.0, 160.0],
        "spacing_mm": [4.0, 4.0, 5.0],
        "windows_hu": [[0.0, 100.0]],
        "mask_labels": ["iph", "ivh"],
    },
    # with some dozens of tune rows the best epoch is chance, so the last one is taken
    "training": {"epochs": 20, "batch_size": 8, "learning_rate": 0.002, "keep": "last"},
}

_MINIMUM_VOXELS = 32
"""Five halvings need 32 voxels on each axis; fewer leave nothing to pool (MONAI 1.6.1)."""


def build(spec: dict, channels: int, shape: tuple[int, int, int], outputs: int = 1) -> nn.Module:
    """Build a DenseNet; it takes any grid of at least 32 voxels per axis.

    Parameters
    ----------
    spec : dict
        Complete settings of the kind.
    channels : int
        Image channels: windows and mask labels.
    shape : tuple of int
        Voxels along x, y, z.
    outputs : int
        Logits per image.

    Returns
    -------
    torch.nn.Module
        Maps ``(batch, channels, x, y, z)`` in [0, 1] to logits ``(batch, outputs)``, unbounded.

    Raises
    ------
    ichor.errors.StudyError
        If an axis has fewer than 32 voxels, or the norm is unknown.
    """
    if min(shape) < _MINIMUM_VOXELS:
        raise StudyError(
            f"densenet: a grid of {list(shape)} voxels is too small, each axis needs {_MINIMUM_VOXELS}; "
            "make input.size_mm larger or input.spacing_mm finer"
        )
    norms = {"batch": "batch", "layer": ("group", {"num_groups": 1})}
    if spec["norm"] not in norms:
        raise StudyError(f"densenet: norm: found {spec['norm']!r}; write {', '.join(norms)}")
    return DenseNet(
        spatial_dims=3,
        in_channels=channels,
        out_channels=outputs,
        init_features=spec["init_features"],
        growth_rate=spec["growth_rate"],
        block_config=tuple(spec["blocks"]),
        bn_size=spec["bottleneck"],
        dropout_prob=spec["dropout"],
        norm=norms[spec["norm"]],
    )


def features(spec: dict, channels: int, shape: tuple[int, int, int], tokens: bool = False) -> "Features":
    """Build a DenseNet without its last linear layer; parameters and errors as of :func:`build`.

    With ``tokens`` it gives a vector per place of the last block's map, else their mean. The map is then not halved
    before the last block, because it is a single place for grids of less than 64 voxels: 32 to 47 voxels along an axis
    are two places instead. Our choice.
    """
    network = build(spec, channels, shape)
    if tokens and len(spec["blocks"]) > 1:
        getattr(network.features, f"transition{len(spec['blocks']) - 1}").pool = nn.Identity()
    return Features(network, tokens)


class Features(nn.Module):
    """What a DenseNet gives to its last linear layer, or each place of what is averaged for that.

    How many features there are is read from that layer: no image has to pass through the network to count them.
    """

    def __init__(self, network: DenseNet, tokens: bool) -> None:
        super().__init__()
        self.num_features = network.class_layers.out.in_features
        self.features = network.features
        self.relu = network.class_layers.relu
        self.pool = nn.Identity() if tokens else network.class_layers.pool
        self.tokens = tokens

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, x, y, z)`` to ``(batch, num_features)``, or to ``(batch, places, num_features)``."""
        found = self.pool(self.relu(self.features(image))).flatten(2).transpose(1, 2)
        return found if self.tokens else found[:, 0]
