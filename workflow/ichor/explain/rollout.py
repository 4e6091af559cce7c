"""Attention rollout of the ViT in its three input forms (Abnar and Zuidema, ACL 2020, section 3).

Each block's attention, averaged over heads, is mixed half and half with the identity, which stands for the residual
connection; rows are normalised, and the matrices of all blocks are multiplied. The row of an output token says how
much of it comes from each input patch. The head reads the mean of all tokens, so the rows are averaged.
"""

import copy
from contextlib import contextmanager

import torch
from torch import nn

from ichor.explain.networks import image_branch
from ichor.models.vit import SlicesAsChannels, SliceTokens, VisionTransformer

RESIDUAL = 0.5
"""Weight of the identity (Abnar and Zuidema: A = 0.5 W + 0.5 I)."""


def applies(network: nn.Module) -> bool:
    """Whether the network is one of the three forms of `ichor.models.vit`, with blocks whose attention can be seen."""
    transformer = transformer_of(network)
    return isinstance(transformer, VisionTransformer) and all(
        hasattr(getattr(block, "attn", None), "attn_drop") for block in transformer.blocks
    )


def transformer_of(network: nn.Module) -> nn.Module | None:
    """The transformer inside a network, None if there is none."""
    network = image_branch(network)
    if isinstance(network, SlicesAsChannels | SliceTokens):
        return network.transformer
    return network if isinstance(network, VisionTransformer) else None


def is_flat(network: nn.Module) -> bool:
    """Whether the rollout has no third dimension: all slices enter the transformer as channels of one image."""
    return isinstance(image_branch(network), SlicesAsChannels)


def attention_rollout(network: nn.Module, channels: torch.Tensor) -> torch.Tensor:
    """Share of the attention that comes from each voxel; all voxels together give 1.

    Parameters
    ----------
    network : torch.nn.Module
        A ViT in evaluation mode.
    channels : torch.Tensor
        ``(channels, x, y, z)``.

    Returns
    -------
    torch.Tensor
        ``(1, x, y, z)``. Form ``volume``: a value per patch. Form ``slices``: the map has two dimensions and is
        repeated over the slices, because a patch holds all of them. Form ``tokens``: the rollout of each slice times
        the attention that the slice gets.
    """
    with torch.no_grad():
        images = channels[None]
        attentions, own = seen_attention(image_branch(network), images)
        shares = _patch_shares(transformer_of(network), rollout(attentions))  # (images, patches)
        spread = _on_voxels(own, shares, channels.shape[1:])
    return spread[None]


def seen_attention(network: nn.Module, images: torch.Tensor) -> tuple[list[torch.Tensor], nn.Module]:
    """Attention of each block, averaged over heads, ``(images, tokens, tokens)``; and the network that was seen.

    timm computes attention in one fused step, which never forms the weights; in a copy that step is switched off, so
    that they pass the dropout layer, where they are taken.
    """
    own = copy.deepcopy(network).eval()
    found: list[torch.Tensor] = []
    for block in transformer_of(own).blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _layer, _given, weights: found.append(weights.mean(dim=1)))
    own.slice_attention = None
    with _slice_attention(own):
        own(images)
    return found, own


@contextmanager
def _slice_attention(network: nn.Module):
    """Keep what the slices of form ``tokens`` get, ``(images, z)``, in ``network.slice_attention``."""
    if not isinstance(network, SliceTokens):
        yield
        return

    def keep(_layer, _given, scores: torch.Tensor) -> None:
        network.slice_attention = scores.softmax(dim=1)[..., 0]

    handle = network.score.register_forward_hook(keep)
    try:
        yield
    finally:
        handle.remove()


def rollout(attentions: list[torch.Tensor]) -> torch.Tensor:
    """Product of the blocks' attention with the residual mixed in; ``(images, tokens, tokens)``, rows sum to 1.

    Parameters
    ----------
    attentions : list of torch.Tensor
        ``(images, tokens, tokens)`` of the blocks, first block first.
    """
    size = attentions[0].shape[-1]
    identity = torch.eye(size, device=attentions[0].device)
    joined = identity.expand(len(attentions[0]), size, size)
    for attention in attentions:
        mixed = (1 - RESIDUAL) * attention + RESIDUAL * identity
        joined = (mixed / mixed.sum(dim=-1, keepdim=True)) @ joined
    return joined


def _patch_shares(transformer: VisionTransformer, joined: torch.Tensor) -> torch.Tensor:
    """Share of each patch in what the head reads, ``(images, patches)``: the class token's row or the mean row."""
    prefix = transformer.num_prefix_tokens
    row = joined[:, 0] if transformer.global_pool == "token" else joined[:, prefix:].mean(dim=1)
    shares = row[:, prefix:]
    return shares / shares.sum(dim=-1, keepdim=True)


def _on_voxels(network: nn.Module, shares: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Spread the patches' shares evenly over their voxels; ``(x, y, z)``, sum 1."""
    patch = transformer_of(network).patch_embed.patch_size
    counts = [size // step for size, step in zip(shape, patch, strict=False)]
    per_patch = shares.reshape(len(shares), *counts)
    for axis, step in enumerate(patch, start=1):
        per_patch = per_patch.repeat_interleave(step, dim=axis) / step
    if isinstance(network, SliceTokens):  # an image per slice
        return (per_patch * network.slice_attention.reshape(-1, 1, 1)).permute(1, 2, 0)
    if isinstance(network, SlicesAsChannels):
        return per_patch[0][..., None].expand(*shape) / shape[2]
    return per_patch[0]
