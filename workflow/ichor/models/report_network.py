"""A network that reads a report, alone or with the clinical record; each may be missing.

The ways to join, and the learned vectors that stand in for what a patient has not, are those of `ichor.models.fusion`:
side by side, which Sun et al. (Front Neurol 2026) found best for deterioration and do not describe further, gated, and
attention of the record to the places of the report.
"""

import torch
from torch import nn

from ichor.errors import StudyError
from ichor.models.fusion import JOINS, CrossAttention, GatedUnit, record_branch
from ichor.models.text_encoder import ConvolutionEncoder, FolderEncoder


def encoder_of(spec: dict, tokens: int, description: dict | None) -> nn.Module:
    """Encoder of a complete spec: from scratch for `tokens` tokens, or what `description` says of a folder."""
    if description is not None:
        return FolderEncoder(description, fine_tune=spec["fine_tune"])
    return ConvolutionEncoder(tokens, spec["width"], spec["windows"], spec["channels"])


class ReportNetwork(nn.Module):
    """The report alone.

    Parameters
    ----------
    encoder : torch.nn.Module
        See `ichor.models.text_encoder`.
    spec : dict
        Complete settings of the kind.
    """

    quantities: tuple[str, ...] = ()
    """Names of the numbers per patient that :meth:`answer` gives besides the logit."""
    answers_without_report = False
    """Whether a patient of whom there is a record alone gets an answer."""

    def __init__(self, encoder: nn.Module, spec: dict) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(spec["dropout"])
        self.head = nn.Linear(encoder.num_features, 1)

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        """Vectors of tokens, ``(batch, places)`` to ``(batch, places, width)``."""
        return self.encoder.embed(tokens)

    def forward(self, tokens: torch.Tensor, record: torch.Tensor | None = None) -> torch.Tensor:
        """Logits ``(batch,)``.

        Parameters
        ----------
        tokens : torch.Tensor
            int64 ``(batch, places)``, -1 after the end of a text; a row of them where there is no report.
        record : torch.Tensor, optional
            float32 ``(batch, columns)``, the first 1 where there is a record, else the row is 0; for fusion alone.
        """
        return self.answer(tokens, record)[0]

    def answer(
        self, tokens: torch.Tensor, record: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Logits as :meth:`forward` gives them, and each of :attr:`quantities`, ``(batch,)``."""
        return self.answer_embedded(self.embed(tokens), tokens >= 0, record)

    def answer_embedded(
        self, embedded: torch.Tensor, inside: torch.Tensor, record: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """As :meth:`answer`, from vectors of tokens and which places are inside a text, ``(batch, places)``."""
        features = self.encoder.pooled(self.encoder.places(embedded, inside), inside)
        return self.head(self.dropout(features))[:, 0], {}


class ReportAndRecord(ReportNetwork):
    """Report and record, joined before one linear layer.

    Parameters
    ----------
    encoder, spec
        As of :class:`ReportNetwork`.
    record : int
        Columns of the record, see `ichor.training.record.Record`.

    Raises
    ------
    ichor.errors.StudyError
        If there is no such fusion or branch, or the heads do not divide the width of the record.
    """

    answers_without_report = True

    def __init__(self, encoder: nn.Module, spec: dict, record: int) -> None:
        super().__init__(encoder, spec)
        if spec["fusion"] not in JOINS:
            raise StudyError(f"fusion: found {spec['fusion']!r}; write {' or '.join(JOINS)}")
        width = spec["record_width"]
        heads = {"heads": spec["attention_heads"]} if spec["fusion"] == "cross_attention" else {}
        self.record = record_branch(spec["record_branch"], record - 1, width, 0.0)
        self.fusion = JOINS[spec["fusion"]](encoder.num_features, width, **heads)
        self.head = nn.Linear(self.fusion.num_features, 1)
        self.absent_record = nn.Parameter(torch.zeros(width))
        self.absent_report = nn.Parameter(torch.zeros(encoder.num_features))

    @property
    def quantities(self) -> tuple[str, ...]:
        """``gate_report_mean`` of the gated unit: its weight of the report, mean over the features, 0 to 1."""
        return ("gate_report_mean",) if isinstance(self.fusion, GatedUnit) else ()

    def answer_embedded(
        self, embedded: torch.Tensor, inside: torch.Tensor, record: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """As of :class:`ReportNetwork`; what a patient has not is stood in for."""
        reported, recorded = inside.any(dim=1, keepdim=True), record[:, :1]
        known = recorded * self.record(record[:, 1:]) + (1 - recorded) * self.absent_record
        places = self.encoder.places(embedded, inside)
        if isinstance(self.fusion, CrossAttention):
            places = torch.where(reported[:, :, None], self.dropout(places), self.absent_report)
            joined = self.fusion(places, known, inside | ~reported)
            return self.head(joined)[:, 0], {}
        features = self.dropout(self.encoder.pooled(places, inside))
        features = torch.where(reported, features, self.absent_report)
        logits = self.head(self.fusion(features, known))[:, 0]
        if not self.quantities:
            return logits, {}
        share = self.fusion.share(features, known).mean(dim=1)
        return logits, {"gate_report_mean": torch.where(reported[:, 0] & (recorded[:, 0] > 0), share, torch.nan)}
