"""An image network and the clinical record joined into one, which answers also when one of both is missing.

Three ways to join are here. ``concat`` puts both vectors side by side. ``gated`` weighs them per feature and patient:
h = z tanh(W_i v) + (1 - z) tanh(W_r r), z = sigmoid(W_z [v, r]), the unit of Arevalo et al. (arXiv 1702.01992) for two
modalities, with which Chen et al., Eur J Radiol 2023, join a DenseNet and the record. ``cross_attention`` lets the
record ask the places of the image: scaled dot-product attention (Vaswani et al., NeurIPS 2017), one query per patient.

A learned vector stands in for what a patient has not. Training learns it because the record of some images is left out
at random (``record.dropout``), and the image of some records (``record.scan_dropout``; at 0 there is no such vector,
and a patient without scan has no answer). No patient is shown without both.
"""

import math
from collections.abc import Collection

import torch
from torch import nn

from ichor.errors import StudyError
from ichor.settings import require_choice


class ImageAndRecord(nn.Module):
    """An image network and a small one for the record, joined before one linear layer.

    Parameters
    ----------
    image : torch.nn.Module
        Gives features ``(batch, num_features)``, for cross-attention tokens ``(batch, places, num_features)``.
    spec : dict
        Complete settings of the kind: ``kind fusion record_width dropout record``, for cross-attention
        ``attention_heads``; ``record_branch`` where there is a choice (else ``hidden``).
    outputs : int
        Logits per patient.
    record : int
        Columns of the record, see :class:`ichor.training.record.Record`; the first says whether there is one.
    fusions : collection of str
        Those of :data:`JOINS` that suit the image network.

    Raises
    ------
    ichor.errors.StudyError
        If the fusion or the branch of the record is another one, or the heads do not divide the width.
    """

    def __init__(self, image: nn.Module, spec: dict, outputs: int, record: int, fusions: Collection[str]) -> None:
        super().__init__()
        width = spec["record_width"]
        self.image = image
        self.record = record_branch(spec.get("record_branch", "hidden"), record - 1, width, spec["dropout"])
        self.absent = nn.Parameter(torch.zeros(width))
        if spec["fusion"] not in fusions:
            raise StudyError(f"{spec['kind']}: fusion: found {spec['fusion']!r}; write {' or '.join(fusions)}")
        heads = {"heads": spec["attention_heads"]} if spec["fusion"] == "cross_attention" else {}
        self.fusion = JOINS[spec["fusion"]](image.num_features, width, **heads)
        self.head = nn.Linear(self.fusion.num_features, outputs)
        if spec["record"].get("scan_dropout", 0) > 0:
            self.absent_image = nn.Parameter(torch.zeros(image.num_features))

    @property
    def answers_without_scan(self) -> bool:
        """Whether a patient of whom there is a record alone gets an answer that training has learned."""
        return hasattr(self, "absent_image")

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of the numbers per patient that :meth:`answer` gives besides the logits."""
        return ("gate_image_mean",) if isinstance(self.fusion, GatedUnit) else ()

    def forward(self, image: torch.Tensor, record: torch.Tensor, seen: torch.Tensor | None = None) -> torch.Tensor:
        """Logits for images and records.

        Parameters
        ----------
        image : torch.Tensor
            ``(batch, channels, x, y, z)``.
        record : torch.Tensor
            ``(batch, columns)``; the first column is 1 where there is a record, else the row is 0.
        seen : torch.Tensor, optional
            ``(batch, 1)``, 0 where the image is not to be looked at, else 1; without it all are.

        Returns
        -------
        torch.Tensor
            ``(batch, outputs)``, unbounded.
        """
        return self.head(self.fusion(*self._parts(image, record, seen)))

    def answer(
        self, image: torch.Tensor, record: torch.Tensor, seen: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Logits as :meth:`forward` gives them, and each of :attr:`quantities`, ``(batch,)``.

        ``gate_image_mean`` is the mean over the features of the gate's weight of the image, 0 to 1; NaN where one of
        both is missing, because the weight is then one of a stand-in.
        """
        parts = self._parts(image, record, seen)
        logits = self.head(self.fusion(*parts))
        if not self.quantities:
            return logits, {}
        both = record[:, 0] if seen is None else record[:, 0] * seen[:, 0]
        share = self.fusion.share(*parts).mean(dim=1)
        return logits, {"gate_image_mean": torch.where(both > 0, share, torch.nan)}

    def _parts(
        self, image: torch.Tensor, record: torch.Tensor, seen: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Features of image and record, each with its stand-in where there is none."""
        present = record[:, :1]
        known = present * self.record(record[:, 1:]) + (1 - present) * self.absent  # first: dropout draws in this order
        features = self.image(image)
        if seen is not None:
            seen = seen.view(-1, *(1 for _ in features.shape[1:]))
            features = seen * features + (1 - seen) * self.absent_image
        return features, known


def record_branch(kind: str, columns: int, width: int, dropout: float) -> nn.Sequential:
    """Make the part of a network that reads the record: with one hidden layer, or one linear layer alone.

    Raises
    ------
    ichor.errors.StudyError
        If there is no such branch.
    """
    require_choice("record_branch", kind, ("linear", "hidden"))
    if kind == "linear":
        return nn.Sequential(nn.Dropout(dropout), nn.Linear(columns, width))
    return nn.Sequential(nn.Linear(columns, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width))


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
        share = self.share(image, record)
        return share * torch.tanh(self.from_image(image)) + (1 - share) * torch.tanh(self.from_record(record))

    def share(self, image: torch.Tensor, record: torch.Tensor) -> torch.Tensor:
        """Weight of the image in each feature, ``(batch, num_features)``, 0 to 1; the record's is 1 minus it."""
        return torch.sigmoid(self.gate(torch.cat([image, record], dim=1)))


class CrossAttention(nn.Module):
    """What the record's vector finds when it asks the places of the image, beside that vector.

    Raises
    ------
    ichor.errors.StudyError
        If the heads do not divide the width of the record.
    """

    def __init__(self, image_width: int, record_width: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or record_width % heads:
            raise StudyError(f"attention_heads: found {heads}; write a number that divides record_width {record_width}")
        self.heads, self.num_features = heads, 2 * record_width
        self.norm = nn.LayerNorm(image_width)
        self.query = nn.Linear(record_width, record_width)
        self.key = nn.Linear(image_width, record_width, bias=False)  # a constant would not change a softmax
        self.value = nn.Linear(image_width, record_width)

    def forward(self, image: torch.Tensor, record: torch.Tensor, inside: torch.Tensor | None = None) -> torch.Tensor:
        """``(batch, places, image_width)`` and ``(batch, record_width)`` to ``(batch, num_features)``.

        With `inside`, bool ``(batch, places)``, the places where it is False are not looked at.
        """
        places = self.norm(image)
        query, key, value = self.query(record)[:, None], self.key(places), self.value(places)
        query, key, value = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (query, key, value))
        weights = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])  # (batch, heads, 1, places)
        if inside is not None:
            weights = weights.masked_fill(~inside[:, None, None], -torch.inf)
        weights = weights.softmax(dim=3)
        return torch.cat([(weights @ value).transpose(1, 2).flatten(1), record], dim=1)


JOINS = {"concat": Concatenation, "gated": GatedUnit, "cross_attention": CrossAttention}
"""Ways to join, by their names in the settings."""
