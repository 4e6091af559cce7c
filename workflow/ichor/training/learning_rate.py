"""Learning rate over a training."""

import math


def learning_rate_factor(step: int, warmup_steps: int, steps: int) -> float:
    """Share of the highest learning rate at a step: linear rise, then cosine to 0."""
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / max(1, steps - warmup_steps)))
