"""Vision transformer of timm on hematoma-centered crops.

Dosovitskiy et al., ICLR 2021 (arXiv 2010.11929), as implemented by timm. Yu et al., npj Digital Medicine 2025, do not
say how a scan enters their ViT; the three input forms here are our choice.
"""

import math

import torch
from torch import nn

from ichor.errors import StudyError
from ichor.models import local_weights
from ichor.models.torchvision_on_cpu import import_torchvision

import_torchvision()  # timm imports torchvision, which a CPU build of torch would refuse

import timm  # noqa: E402
from timm.models.vision_transformer import VisionTransformer  # noqa: E402

FAMILY = "network"
SPEC = {
    "form": "slices",  # slices = slices as channels; volume = 3D patches; tokens = a vector per slice, then attention
    "stem": "conv",  # conv = strided convolutions down to the patch size (Xiao et al., NeurIPS 2021), or linear
    "patch": [8, 8, 4],  # voxels per patch along x, y, z; z counts in form volume only
    "architecture": "",  # name of a timm ViT, for example vit_small_patch16_224; empty = the four numbers below
    "dim": 96,  # width of a token
    "depth": 3,  # transformer blocks
    "heads": 4,
    "mlp_ratio": 2.0,
    "dropout": 0.1,  # on tokens, in the blocks and before the head
    "drop_path": 0.0,  # stochastic depth
    "weights": "",  # file that training starts from: .safetensors, or .pth of tensors alone; empty = from scratch
    "input": {
        "view": "crop",
        "size_mm": [64.0, 64.0, 60.0],
        "spacing_mm": [2.0, 2.0, 5.0],
        "windows_hu": [[30.0, 80.0]],  # brain to dense clot: hypodensities inside a bleed fill half of it
        "mask_labels": ["iph"],
        "inside": True,
    },
    # with some dozens of tune rows the best epoch is chance, so the last one is taken
    "training": {"epochs": 40, "batch_size": 8, "keep": "last", "seeds": 2},
}


def build(spec: dict, channels: int, shape: tuple[int, int, int], outputs: int = 1) -> nn.Module:
    """Build a ViT for images of one grid.

    Parameters
    ----------
    spec : dict
        Complete settings of the kind.
    channels : int
        Image channels: windows and mask labels.
    shape : tuple of int
        Voxels along x, y, z.
    outputs : int
        Logits per image; 0 = no head, the network gives its features.

    Returns
    -------
    torch.nn.Module
        Maps ``(batch, channels, x, y, z)`` in [0, 1] to logits ``(batch, outputs)``, unbounded; without head to
        features ``(batch, num_features)``.

    Raises
    ------
    ichor.errors.StudyError
        If the patches do not tile the grid, or a setting has no such form or stem.
    """
    forms = {"volume": _volume_form, "slices": SlicesAsChannels, "tokens": SliceTokens}
    if spec["form"] not in forms or spec["stem"] not in ("linear", "conv"):
        raise StudyError(
            "vit: form is volume, slices or tokens, stem is linear or conv; found "
            f"form {spec['form']!r}, stem {spec['stem']!r}"
        )
    axes = 3 if spec["form"] == "volume" else 2
    if any(size % patch for size, patch in zip(shape[:axes], spec["patch"], strict=False)):
        raise StudyError(
            f"vit: patches of {spec['patch'][:axes]} voxels do not tile a grid of {list(shape[:axes])}; "
            "choose input.size_mm and input.spacing_mm so that they do"
        )
    return forms[spec["form"]](spec, channels, shape, outputs)


def start(network: nn.Module, spec: dict) -> dict:
    """Fill a network that :func:`build` made with the weights that training starts from.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place.
    spec : dict
        Complete settings, ``weights`` among them.

    Returns
    -------
    dict
        What was taken, see :func:`ichor.models.local_weights.start_from`.
    """
    return local_weights.start_from(getattr(network, "transformer", network), spec["weights"])


class PatchEmbedding(nn.Module):
    """Images of two or three dimensions to tokens; stands in for timm's two-dimensional layer.

    Parameters
    ----------
    img_size, patch_size : tuple of int
        Voxels per axis.
    in_chans, embed_dim : int
        Channels of the image and width of a token.
    bias : bool
        Whether the embedding has one.
    stem : {"linear", "conv"}
        ``"conv"`` halves each axis by 3-voxel convolutions as often as its patch size allows, then embeds.
    """

    def __init__(self, img_size, patch_size, in_chans, embed_dim, bias=True, stem="linear", **_unused) -> None:
        super().__init__()
        self.patch_size = tuple(patch_size)
        self.grid_size = tuple(size // patch for size, patch in zip(img_size, patch_size, strict=True))
        self.num_patches = math.prod(self.grid_size)
        conv = nn.Conv3d if len(patch_size) == 3 else nn.Conv2d
        layers, left, width = [], list(patch_size), in_chans
        while stem == "conv" and max(left) > 2:
            stride = [2 if size > 2 and size % 2 == 0 else 1 for size in left]
            if max(stride) == 1:
                break
            made = max(8, embed_dim // 4) if width == in_chans else min(width * 2, embed_dim)
            layers += [conv(width, made, 3, stride=stride, padding=1), nn.GroupNorm(1, made), nn.GELU()]
            left, width = [size // step for size, step in zip(left, stride, strict=True)], made
        self.project = nn.Sequential(*layers, conv(width, embed_dim, left, stride=left, bias=bias))

    def feat_ratio(self) -> int:
        """Voxels per token along the widest axis, which timm only reports."""
        return max(self.patch_size)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, *axes)`` to ``(batch, tokens, dim)``."""
        return self.project(image).flatten(2).transpose(1, 2)


def _transformer(spec: dict, channels: int, shape: tuple[int, ...], outputs: int) -> VisionTransformer:
    """Make timm's own transformer with patches of as many axes as ``shape`` has; ``outputs`` 0 gives features."""

    def embed(**settings: object) -> PatchEmbedding:
        return PatchEmbedding(stem=spec["stem"], **settings)

    patch = tuple(spec["patch"][: len(shape)])
    common = {
        "img_size": shape,
        "patch_size": patch,
        "in_chans": channels,
        "num_classes": outputs,
        "embed_layer": embed,
    }
    common |= {"drop_rate": spec["dropout"], "proj_drop_rate": spec["dropout"], "pos_drop_rate": spec["dropout"]}
    common |= {"drop_path_rate": spec["drop_path"], "global_pool": "avg", "class_token": False}
    if spec["architecture"]:
        return timm.create_model(spec["architecture"], pretrained=False, **common)
    sizes = {
        "embed_dim": spec["dim"],
        "depth": spec["depth"],
        "num_heads": spec["heads"],
        "mlp_ratio": spec["mlp_ratio"],
    }
    return VisionTransformer(**sizes, **common)


def _volume_form(spec: dict, channels: int, shape: tuple[int, int, int], outputs: int) -> nn.Module:
    return _transformer(spec, channels, shape, outputs)


class SlicesAsChannels(nn.Module):
    """Every slice of every channel is a channel of one two-dimensional image."""

    def __init__(self, spec: dict, channels: int, shape: tuple[int, int, int], outputs: int) -> None:
        super().__init__()
        self.transformer = _transformer(spec, channels * shape[2], shape[:2], outputs)
        self.num_features = self.transformer.num_features

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, x, y, z)`` to ``(batch, outputs)``."""
        flat = image.permute(0, 1, 4, 2, 3).flatten(1, 2)  # (batch, channels * z, x, y)
        return self.transformer(flat)


class SliceTokens(nn.Module):
    """One vector per slice from a shared two-dimensional transformer, joined by attention over the slices."""

    def __init__(self, spec: dict, channels: int, shape: tuple[int, int, int], outputs: int) -> None:
        super().__init__()
        self.transformer = _transformer(spec, channels, shape[:2], 0)
        self.num_features = width = self.transformer.num_features
        self.score = nn.Sequential(nn.Linear(width, width // 2), nn.Tanh(), nn.Linear(width // 2, 1))
        self.head = nn.Linear(width, outputs) if outputs else nn.Identity()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """``(batch, channels, x, y, z)`` to ``(batch, outputs)``."""
        batch, _, _, _, n_slices = image.shape
        slices = image.permute(0, 4, 1, 2, 3).flatten(0, 1)  # (batch * z, channels, x, y)
        vectors = self.transformer(slices).view(batch, n_slices, -1)
        attention = self.score(vectors).softmax(dim=1)  # (batch, z, 1)
        return self.head((attention * vectors).sum(dim=1))
