"""Report text alone: a small encoder from scratch, or a transformer of a local folder, and one linear layer."""

from torch import nn

from ichor.models.report_network import ReportNetwork, encoder_of

FAMILY = "text"
SPEC = {
    "encoder": "",  # empty = from scratch, on train rows; or a local transformers folder (nothing is downloaded)
    "fine_tune": False,  # whether training changes the weights of that folder
    "width": 64,  # length of a token's vector; this and the next two are of the encoder from scratch
    "windows": [1, 3, 5],  # tokens that a feature looks at
    "channels": 32,  # features per window
    "dropout": 0.3,
    "word_dropout": 0.1,  # share of the tokens that training hides
    "training": {
        "epochs": 40,
        "batch_size": 16,
        "learning_rate": 0.003,
        "weight_decay": 0.05,
        "warmup_epochs": 2,
        "patience": 10,  # epochs without a smaller tune loss before training stops; 0 = never
        "checkpoint_every_epochs": 10,
        "seeds": 3,  # networks whose probabilities are averaged
    },
}


def build(spec: dict, tokens: int, record: int, description: dict | None) -> nn.Module:
    """Build the network.

    Parameters
    ----------
    spec : dict
        Complete settings.
    tokens : int
        Size of the vocabulary.
    record : int
        Columns of the record; not read.
    description : dict or None
        ``config.json`` of the folder that ``encoder`` names.
    """
    return ReportNetwork(encoder_of(spec, tokens, description), spec)
