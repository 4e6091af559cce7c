"""The vision transformer of `ichor.models.vit` whose features are joined with the clinical record.

How both are joined, and what stands in for a record or a scan that is missing: `ichor.models.fusion`.
"""

from torch import nn

from ichor.models import vit
from ichor.models.fusion import ImageAndRecord

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
    return ImageAndRecord(vit.build(spec, channels, shape, 0), spec, outputs, record, ("concat", "gated"))


def start(network: nn.Module, spec: dict) -> dict:
    """Fill the image branch with the weights that training starts from, see :func:`ichor.models.vit.start`."""
    return vit.start(network.image, spec)
