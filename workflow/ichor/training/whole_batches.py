"""Layers whose result for one image depends on its batch, made to see the batch of all processes.

A dropout layer draws one mask after the other for a whole batch; batch normalisation takes its mean. With the layers of
this module a network that is trained by several processes computes what it computes in one, but for rounding.
"""

import torch
from torch import distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ichor.training.group import Group

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def see_whole_batches(network: nn.Module, group: Group) -> None:
    """Replace dropout, stochastic depth and batch normalisation inside a network, in place; its weights stay the same.

    Parameters
    ----------
    network : torch.nn.Module
        Its own type must be none of these layers. Random draws that are no such layer (dropout inside torch's fused
        attention, for example) are not found: they are then drawn alike for the share of each process.
    group : Group
        The processes; nothing is done for a single one.
    """
    if group.size == 1:
        return
    for name, child in network.named_children():
        replacement = _replacement(child, group)
        if replacement is None:
            see_whole_batches(child, group)
        else:
            setattr(network, name, replacement)


def _replacement(layer: nn.Module, group: Group) -> nn.Module | None:
    if isinstance(layer, _BatchNorm):
        on_gpu = group.device.type == "cuda"
        return nn.SyncBatchNorm.convert_sync_batchnorm(layer) if on_gpu else BatchNormOverProcesses(layer)
    drops = isinstance(layer, _DROPOUTS) and layer.p > 0
    drops |= bool(getattr(layer, "drop_prob", 0)) and not list(layer.children())  # stochastic depth of timm and MONAI
    return WholeBatchDropout(layer, group) if drops else None


class WholeBatchDropout(nn.Module):
    """Draw the mask of the whole batch, as one process would, and use this process's rows of it.

    All processes must have seeded torch alike.
    """

    def __init__(self, dropout: nn.Module, group: Group) -> None:
        super().__init__()
        self.dropout, self.group = dropout, group
        self.training = dropout.training

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """``(rows, ...)`` to the same; several rows in a row may belong to one image."""
        if not self.training:
            return image
        mine = self.group.share(self.group.batch_rows)
        per_image, rest = divmod(len(image), mine.stop - mine.start)
        if rest:
            raise RuntimeError(f"{len(image)} rows are not the same number for each of {mine.stop - mine.start} images")
        factors = self.dropout(self._ones(image, self.group.batch_rows * per_image))
        return image * factors[mine.start * per_image : mine.stop * per_image].clone()  # the rest need not be kept

    def _ones(self, image: torch.Tensor, rows: int) -> torch.Tensor:
        """Ones for each number, each channel or each row of the whole batch, as the layer draws them."""
        if isinstance(self.dropout, nn.Dropout):  # which draws in the order of the numbers in memory
            strides = (image[0].numel(), *image.stride()[1:])
            if _is_dense(image[0]):
                return torch.empty_strided(
                    (rows, *image.shape[1:]), strides, dtype=image.dtype, device=image.device
                ).fill_(1)
            return image.new_ones((rows, *image.shape[1:]))
        channels = image.shape[1] if isinstance(self.dropout, _DROPOUTS) else 1
        return image.new_ones((rows, channels, *(1 for _ in image.shape[2:])))


def _is_dense(tensor: torch.Tensor) -> bool:
    """Whether the numbers fill a part of the memory without holes, in whatever order of the axes."""
    number = 1
    for stride, size in sorted((stride, size) for stride, size in zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1 and stride != number:
            return False
        number *= size
    return True


class _SumOverProcesses(torch.autograd.Function):
    """Sum of a tensor over the processes; the gradient of each is the sum of the gradients of all."""

    @staticmethod
    def forward(ctx, values: torch.Tensor) -> torch.Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.clone()
        distributed.all_reduce(total)
        return total


class BatchNormOverProcesses(_BatchNorm):
    """Batch normalisation with mean and variance of the whole batch, for CPUs; torch's own is for GPUs only.

    Parameters
    ----------
    layer : torch.nn.modules.batchnorm._BatchNorm
        Whose weights and running figures it takes over.
    """

    def __init__(self, layer: _BatchNorm) -> None:
        if not layer.track_running_stats or layer.momentum is None:
            raise ValueError("batch normalisation without running figures, or with their plain mean, is not supported")
        super().__init__(layer.num_features, layer.eps, layer.momentum, affine=False)
        self.affine, self.training = layer.affine, layer.training
        self.weight, self.bias = layer.weight, layer.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            setattr(self, name, getattr(layer, name))

    def _check_input_dim(self, input: torch.Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected 2 dimensions or more, got {input.dim()}")

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """``(rows, channels, ...)`` to the same."""
        if not self.training:
            return super().forward(image)
        self._check_input_dim(image)
        axes, along = [0, *range(2, image.dim())], (1, -1, *(1 for _ in range(2, image.dim())))
        values = image.to(torch.promote_types(image.dtype, torch.float32))
        number = values.new_full((1,), values.numel() / self.num_features)
        sums = _SumOverProcesses.apply(torch.cat([values.sum(axes), number]))
        number = sums[-1].detach()
        centred = values - (sums[:-1] / number).view(along)
        variance = _SumOverProcesses.apply(centred.square().sum(axes)) / number
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(sums[:-1] / number, self.momentum)
            self.running_var.lerp_(variance * number / (number - 1), self.momentum)
        normal = centred * torch.rsqrt(variance + self.eps).view(along)
        if self.affine:
            normal = normal * self.weight.view(along) + self.bias.view(along)
        return normal.to(image.dtype)
