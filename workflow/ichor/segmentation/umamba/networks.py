"""U-Mamba for 2D and 3D: nnU-Net's residual U-Net with Mamba layers in its encoder.

Source: Ma, Li & Wang 2024, "U-Mamba: Enhancing Long-range Dependency for Biomedical Image Segmentation" (arXiv
2401.04722) and their code (bowang-lab/U-Mamba, Apache-2.0). Written anew on the blocks of
`dynamic_network_architectures`, as nnU-Net of today uses them. As in their code

- a Mamba layer is: voxels in memory order (the last axis fastest) as tokens, layer norm over the channels, Mamba
  (16 states, convolution over 4 tokens, inner channels twice the outer), back to the image; nothing is added to it;
- it computes in float32 also where the rest of the network does not;
- ``UMambaBot`` has one, at the bottleneck; ``UMambaEnc`` one after every encoder stage;
- a stage of ``UMambaEnc`` whose map has no more voxels than channels takes the channels as tokens, so that these
  weights fit one patch size only;
- where nnU-Net's default planner gives the plan, stages from half depth on have one block.

Other than in their code

- encoder and decoder are the library's ``ResidualEncoder`` and ``UNetResDecoder`` (stem of one convolution, transposed
  convolutions), as in the first code that they published; the later one has a residual stem, a 1 x 1 shortcut in the
  first block of every stage, and enlarges by nearest neighbour;
- the last norm of each residual block begins at 0, as in nnU-Net's residual networks;
- features, kernels, strides and, with a ResEnc planner, blocks per stage are those of the plan, patch size and batch
  size too: the planner does not know of the Mamba layers' memory;
- the scan is our own where `mamba_ssm` is not installed (`ichor.segmentation.umamba.selective_scan`);
- it runs in today's nnU-Net, through the same trainer, bundle and inference as every other network here.
"""

import math

import torch
from dynamic_network_architectures.architectures.unet import ResidualUNet
from torch import Tensor, nn

from ichor.segmentation.umamba.mamba import Mamba


class MambaLayer(nn.Module):
    """Layer norm and Mamba over the voxels, or the channels, of a feature map of shape (batch, channels, *space).

    Parameters
    ----------
    numbers_per_token : int
        Channels; or voxels of the map, when channels are the tokens.
    channels_are_tokens : bool
    """

    def __init__(self, numbers_per_token: int, *, channels_are_tokens: bool = False):
        super().__init__()
        self.norm = nn.LayerNorm(numbers_per_token)
        self.mamba = Mamba(numbers_per_token)
        self.channels_are_tokens = channels_are_tokens

    def forward(self, features: Tensor) -> Tensor:
        """Mix the map; same shape, float32 at least."""
        with torch.autocast(features.device.type, enabled=False):
            rows = features.flatten(2).to(torch.promote_types(features.dtype, torch.float32))
            if self.channels_are_tokens and rows.shape[2] != self.norm.normalized_shape[0]:
                raise ValueError(
                    f"this network's weights fit one patch size: expected {self.norm.normalized_shape[0]} voxels at a "
                    f"coarse stage, found {rows.shape[2]} (map {tuple(features.shape[2:])})"
                )
            tokens = rows if self.channels_are_tokens else rows.transpose(1, 2)
            mixed = self.mamba(self.norm(tokens))
            return (mixed if self.channels_are_tokens else mixed.transpose(1, 2)).reshape(features.shape)


class UMambaBot(ResidualUNet):
    """Residual U-Net with one Mamba layer, at the bottleneck; parameters as `ResidualUNet`."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.mamba_layer = MambaLayer(self.encoder.output_channels[-1])

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Segment images of shape (batch, channels, *space)."""
        skips = self.encoder(x)
        skips[-1] = self.mamba_layer(skips[-1])
        return self.decoder(skips)


class UMambaEnc(ResidualUNet):
    """Residual U-Net with a Mamba layer after every encoder stage.

    Parameters
    ----------
    patch_size : sequence of int
        Size of the images that it will see, to know where channels are the tokens.

    All others are those of `ResidualUNet`.
    """

    def __init__(self, *args, patch_size: list[int], **kwargs):
        super().__init__(*args, **kwargs)
        layers, shape = [], list(patch_size)
        for channels, stride in zip(self.encoder.output_channels, self.encoder.strides, strict=True):
            shape = [-(-size // step) for size, step in zip(shape, stride, strict=True)]
            voxels = math.prod(shape)
            coarse = voxels <= channels
            layers.append(MambaLayer(voxels if coarse else channels, channels_are_tokens=coarse))
        self.mamba_layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Segment images of shape (batch, channels, *space), `patch_size` where a layer asks for it."""
        skips, features = [], self.encoder.stem(x)
        for stage, layer in zip(self.encoder.stages, self.mamba_layers, strict=True):
            features = layer(stage(features))
            skips.append(features)
        return self.decoder(skips)


NETWORKS: dict[str, type[ResidualUNet]] = {"umamba_bot": UMambaBot, "umamba_enc": UMambaEnc}
"""Networks by the word of the config, ``segmentation.network``."""


def umamba_of_plan(architecture: dict, network: str, patch_size: list[int], *, keep_blocks: bool) -> dict:
    """Turn the ``architecture`` of an nnU-Net configuration into that of a U-Mamba.

    Parameters
    ----------
    architecture : dict
        nnU-Net's; ``arch_kwargs`` with ``n_conv_per_stage`` (plain) or ``n_blocks_per_stage`` (residual).
    network : str
        Name out of `NETWORKS`.
    patch_size : list of int
    keep_blocks : bool
        Whether a plain network's convolutions per stage are the blocks per stage as they are; if not, stages from half
        depth on have one block, as in the paper's code. A residual plan's blocks are always kept.

    Returns
    -------
    dict
        In the same form.
    """
    arguments = dict(architecture["arch_kwargs"])
    planned_plain = "n_conv_per_stage" in arguments
    if planned_plain:
        blocks, decoder = list(arguments.pop("n_conv_per_stage")), list(arguments["n_conv_per_stage_decoder"])
        if not keep_blocks:
            stages = len(blocks)
            first, first_of_decoder = math.ceil(stages / 2), math.ceil((stages - 1) / 2 + 0.5)
            blocks = blocks[:first] + [1] * (stages - first)
            decoder = decoder[:first_of_decoder] + [1] * (stages - 1 - first_of_decoder)
        arguments |= {"n_blocks_per_stage": blocks, "n_conv_per_stage_decoder": decoder}
    if network == "umamba_enc":
        arguments["patch_size"] = [int(size) for size in patch_size]
    name = f"{__name__}.{NETWORKS[network].__name__}"
    return {**architecture, "network_class_name": name, "arch_kwargs": arguments}
