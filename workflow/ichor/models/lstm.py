"""LSTM (Hochreiter and Schmidhuber, Neural Computation 1997;9:1735) on the time points of a course.

It reads the tokens of the MultiStep Transformer. Of the comparators that Wang et al. (JMIR Med Inform 2026;14:e86327)
call mainstream, only the word is known; this one and its size are our choice.
"""

from torch import nn

from ichor.models.sequence_network import RecurrentEncoder, SequenceNetwork
from ichor.models.step_tokens import StepSizes, StepTokens

FAMILY = "sequence"
SPEC = {"layers": 1}


def build(spec: dict, sizes: StepSizes) -> SequenceNetwork:
    """The network: tokens of values, their kinds, the step's kind and time; a recurrent layer over them."""
    width, dropout = spec["width"], spec["dropout"] if spec["layers"] > 1 else 0.0
    layer = nn.LSTM(width, width, num_layers=spec["layers"], dropout=dropout, batch_first=True)
    encoder = RecurrentEncoder(layer, width)
    return SequenceNetwork(StepTokens(sizes, width), encoder, width, sizes.targets, spec["dropout"])
