"""Small networks whose right attribution is known, and images for them."""

import numpy as np
import pytest
import torch
from torch import nn

from ichor.imaging.crops import Grid
from ichor.models import registry
from ichor.training.data import InputSpec

SHAPE = (16, 16, 8)


class Linear(nn.Module):
    """Logit that is a weighted sum of the voxels."""

    def __init__(self, channels=2, shape=SHAPE):
        super().__init__()
        self.weights = nn.Parameter(torch.randn(channels, *shape))
        self.bias = nn.Parameter(torch.randn(1))

    def forward(self, images):
        return (images * self.weights).flatten(1).sum(dim=1, keepdim=True) + self.bias


class Rectified(nn.Module):
    """Two convolutions with rectifiers under other names than MONAI looks for."""

    def __init__(self, channels=2):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv3d(channels, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Conv3d(4, 4, 3, padding=1), nn.ReLU()
        )
        self.head = nn.Linear(4, 1)

    def forward(self, images):
        return self.head(self.body(images).mean(dim=(2, 3, 4)))


@pytest.fixture
def inputs():
    """One window and one mask channel on a small grid."""
    return InputSpec("crop", Grid(SHAPE, (2.0, 2.0, 4.0)), ((0.0, 100.0),), ("iph",))


@pytest.fixture
def channels():
    return torch.rand(2, *SHAPE, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def linear():
    torch.manual_seed(1)
    return Linear().eval()


@pytest.fixture
def rectified():
    torch.manual_seed(2)
    return Rectified().eval()


@pytest.fixture
def heads():
    """Images with structure, for a gate: a bright ball in noise."""
    rng = np.random.default_rng(4)
    at = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1)
    made = []
    for _ in range(6):
        ball = np.linalg.norm(at - rng.uniform(4, 8, size=3) * [1, 1, 0.5], axis=-1) < 3
        made.append(np.stack([ball + rng.normal(0, 0.1, SHAPE), ball]).astype(np.float32))
    return made


def made_vit(form):
    spec = registry.resolve(
        {"kind": "vit", "form": form, "patch": [4, 4, 4], "dim": 16, "depth": 2, "heads": 2, "stem": "linear"}
    )
    torch.manual_seed(5)
    network = registry.load("vit").build(spec, 2, SHAPE, 1).eval()
    for parameter in network.parameters():  # away from the almost equal attention that training starts from
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(6))
    return network


@pytest.fixture(params=["slices", "tokens", "volume"])
def vit(request):
    """The ViT in each of its three forms, with its name."""
    return request.param, made_vit(request.param)


@pytest.fixture
def small_vit():
    """Maker of a ViT of a named form."""
    return made_vit
