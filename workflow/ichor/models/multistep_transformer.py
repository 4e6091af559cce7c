"""MultiStep Transformer: chances of three outcomes at every time point of a course, from what is known up to then.

After Wang et al. (JMIR Med Inform 2026;14:e86327): a transformer on the time points surgery, days 1, 3, 7
and 14 and drain removal, with the outcomes survival at 30 and at 180 days and mRS 0-3 at 180 days. Only its abstract
was read: layers, embedding, what is done about gaps, the loss and its weights are our choice
(docs/explanation/trajectory.md).
"""

from ichor.models.causal_encoder import CausalEncoder
from ichor.models.sequence_network import SequenceNetwork
from ichor.models.step_tokens import StepSizes, StepTokens

FAMILY = "sequence"
SPEC = {"heads": 4}  # of the attention


def build(spec: dict, sizes: StepSizes) -> SequenceNetwork:
    """The network: tokens of values, their kinds, the step's kind and time; causal attention over them."""
    encoder = CausalEncoder(spec["width"], spec["heads"], spec["layers"], spec["dropout"])
    return SequenceNetwork(StepTokens(sizes, spec["width"]), encoder, spec["width"], sizes.targets, spec["dropout"])
