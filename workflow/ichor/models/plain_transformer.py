"""The same transformer without what it knows of courses, to see what that is worth.

A value that was not measured is the train mean; missing values, times, kinds of steps and values that are carried
forward are not told to it, the number of the step is. Encoder, heads, loss and training are those of
`ichor.models.multistep_transformer`.
"""

from ichor.models.causal_encoder import CausalEncoder
from ichor.models.sequence_network import SequenceNetwork
from ichor.models.step_tokens import PlainTokens, StepSizes

FAMILY = "sequence"
SPEC = {"heads": 4}  # of the attention


def build(spec: dict, sizes: StepSizes) -> SequenceNetwork:
    """The network: tokens of values and of the step's number; causal attention over them."""
    encoder = CausalEncoder(spec["width"], spec["heads"], spec["layers"], spec["dropout"])
    return SequenceNetwork(PlainTokens(sizes, spec["width"]), encoder, spec["width"], sizes.targets, spec["dropout"])
