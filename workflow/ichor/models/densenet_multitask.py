"""The DenseNet of `ichor.models.densenet` that learns the patient's GCS and age beside the outcome.

Cobo et al., MLMI 2024 (arXiv 2408.08784): one network, a head per task, the weighted sum of their cross-entropies. The
heads of the paper each average the same map and have a linear layer; those are the rows of one linear layer here. What
is learned beside the outcome, and with what weight: `ichor.models.auxiliary_tasks`. Every ablation of the paper's
figure 2 is a setting of ``tasks``; without any task this is the DenseNet itself. With ``record.features`` it reads the
record too (our choice), except the columns that it learns.
"""

from torch import nn

from ichor.models import densenet, densenet_record

FAMILY = "network"
BASE = "densenet"
READS_RECORD = "optional"
SPEC = {
    "tasks": {
        "gcs": "ordinal",  # ordinal | binary | none
        "age": True,
        "gcs_at_most": [12, 8],  # cuts of ordinal; the last one is that of binary
        "age_at_least_years": 80.0,
        "weights": {"outcome": 0.4, "gcs": 0.3, "age": 0.3},  # of those that are learned; divided by their sum
    },
    "fusion": "gated",  # gated | concat | cross_attention, where the record is read
    "record_width": 32,
    "record_branch": "linear",
    "attention_heads": 4,
    "record": {"features": [], "dropout": 0.2, "scan_dropout": 0.2},
}


def build(spec: dict, channels: int, shape: tuple[int, int, int], outputs: int, record: int = 0) -> nn.Module:
    """Build a DenseNet of several tasks.

    Parameters
    ----------
    spec : dict
        Complete settings of the kind.
    channels, shape
        As for :func:`ichor.models.densenet.build`.
    outputs : int
        Logits per image: the outcome, then those of the tasks.
    record : int
        Columns of the record, if it is read.

    Returns
    -------
    torch.nn.Module
        As of :func:`ichor.models.densenet.build`, with record of :func:`ichor.models.densenet_record.build`.

    Raises
    ------
    ichor.errors.StudyError
        As these.
    """
    if record:
        return densenet_record.build(spec, channels, shape, outputs, record)
    return densenet.build(spec, channels, shape, outputs)
