"""The vision transformer of `ichor.models.vit` whose features are joined with the clinical record.

``concat`` puts both vectors side by side. ``gated`` weighs them per feature and patient: h = z tanh(W_i v) +
(1 - z) tanh(W_r r), z = sigmoid(W_z [v, r]), the unit of Arevalo et al. (arXiv 1702.01992) for two modalities.
A patient without any record is answered from the image: a learned vector stands in for the record, which training
learns because the record of some images is left out at random (``record.dropout``).
"""

import torch
from torch import nn

from ichor.errors import StudyError
from ichor.models import vit

FAMILY = "network"
BASE = "vit"
READS_RECORD = True
SPEC = {
    "fusion": "gated",  # gated | concat
    "record_width": 32,  # of the record's vector; of the joined one too where it is gated
    "record": {"features": ["age_years", "iph_ml", "ivh_ml", "onset_to_ct_h", "anticoagulant"]},
}


def build(spec: dict, channels: int, shape: tuple[int, int, int], outputs: int, record: int) -> nn.Module:
    """Build a ViT with record.

    Parameters
    ----------
    spec : dict
        Complete settings of the kind.
    channels, shape, outputs
        As for :func:`ichor.models.vit.build`.
    record : int
        Columns of the record, see :class:`ichor.training.record.Record`.

    Returns
    -------
    torch.nn.Module
        Maps image ``(batch, channels, x, y, z)`` and record ``(batch, record)`` to logits ``(batch, outputs)``.

    Raises
    ------
    ichor.errors.StudyError
        If there is no such fusion, or the image branch cannot be built.
    """
    return ImageAndRecord(vit.build(spec, channels, shape, 0), spec, outputs, record)


def start(network: nn.Module, spec: dict) -> dict:
    """Fill the image branch with the weights that training starts from, see :func:`ichor.models.vit.start`."""
    return vit.start(network.image, spec)


class ImageAndRecord(nn.Module):
    """An image network and a small one for the record, joined before one linear layer."""

    def __init__(self, image: nn.Module, spec: dict, outputs: int, record: int) -> None:
        super().__init__()
        width = spec["record_width"]
        self.image = image
        self.record = nn.Sequential(
            nn.Linear(record - 1, width), nn.GELU(), nn.Dropout(spec["dropout"]), nn.Linear(width, width)
        )
        self.absent = nn.Parameter(torch.zeros(width))
        joins = {"concat": Concatenation, "gated": GatedUnit}
        if spec["fusion"] not in joins:
            raise StudyError(f"vit_record: fusion: found {spec['fusion']!r}; write {' or '.join(joins)}")
        self.fusion = joins[spec["fusion"]](image.num_features, width)
        self.head = nn.Linear(self.fusion.num_features, outputs)

    def forward(self, image: torch.Tensor, record: torch.Tensor) -> torch.Tensor:
        """Logits for images and records; a record's first column is 1 where there is one, else the row is 0."""
        present = record[:, :1]
        known = present * self.record(record[:, 1:]) + (1 - present) * self.absent
        return self.head(self.fusion(self.image(image), known))


class Concatenation(nn.Module):
    """Both vectors side by side."""

    def __init__(self, image_width: int, record_width: int) -> None:
        super().__init__()
        self.num_features = image_width + record_width

    def forward(self, image: torch.Tensor, record: torch.Tensor) -> torch.Tensor:
        """``(batch, image_width)`` and ``(batch, record_width)`` to ``(batch, num_features)``."""
        return torch.cat([image, record], dim=1)


class GatedUnit(nn.Module):
    """Per feature a weighted mean of both vectors, the weight found from both."""

    def __init__(self, image_width: int, record_width: int) -> None:
        super().__init__()
        self.num_features = record_width
        self.from_image = nn.Linear(image_width, record_width)
        self.from_record = nn.Linear(record_width, record_width)
        self.gate = nn.Linear(image_width + record_width, record_width)

    def forward(self, image: torch.Tensor, record: torch.Tensor) -> torch.Tensor:
        """``(batch, image_width)`` and ``(batch, record_width)`` to ``(batch, num_features)``."""
        share = torch.sigmoid(self.gate(torch.cat([image, record], dim=1)))
        return share * torch.tanh(self.from_image(image)) + (1 - share) * torch.tanh(self.from_record(record))
