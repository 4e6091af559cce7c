"""The DenseNet of `ichor.models.densenet` joined with the clinical record.

With ``fusion: gated`` it is the network of Chen et al., Eur J Radiol 2023: DenseNet-121 in three dimensions and a gated
multimodal unit, which has one linear layer for the record; with ``record_branch: linear`` there is one more before it,
which adds nothing but a width. That width, and that a scan or a record may be missing, is our choice. How both are
joined, and what stands in for a missing one: `ichor.models.fusion`.
"""

from torch import nn

from ichor.models import densenet
from ichor.models.fusion import JOINS, ImageAndRecord

FAMILY = "network"
BASE = "densenet"
READS_RECORD = True
SPEC = {
    "fusion": "gated",  # gated | concat | cross_attention
    "record_width": 32,  # of the record's vector; of the joined one too where it is gated
    "record_branch": "linear",  # linear | hidden: with one hidden layer
    "attention_heads": 4,  # of cross_attention
    "record": {"features": ["chen_2023"], "dropout": 0.2, "scan_dropout": 0.2},
}


def build(spec: dict, channels: int, shape: tuple[int, int, int], outputs: int, record: int) -> nn.Module:
    """Build a DenseNet with record.

    Parameters
    ----------
    spec : dict
        Complete settings of the kind.
    channels, shape, outputs
        As for :func:`ichor.models.densenet.build`.
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
    image = densenet.features(spec, channels, shape, tokens=spec["fusion"] == "cross_attention")
    return ImageAndRecord(image, spec, outputs, record, tuple(JOINS))
