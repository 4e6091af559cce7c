"""Settings of the training loop."""

from dataclasses import dataclass

from ichor.errors import StudyError
from ichor.settings import require_choice


@dataclass(frozen=True)
class LoopSettings:
    """Settings of the loop: the ``training`` part of a network's settings, checked.

    Attributes
    ----------
    epochs, batch_size, warmup_epochs, checkpoint_every_epochs, seeds : int
        Counts.
    learning_rate, weight_decay : float
        Of AdamW; the rate rises linearly over the warm-up and falls along a cosine to 0.
    monitor : {"loss", "auc"}
        Figure of the tune rows that decides which epoch is best.
    keep : {"best", "last"}
        Which epoch's weights are the result.
    patience : int
        Epochs without a better figure before training stops; 0 = never.
    accumulate : int
        Parts that each batch is worked on in; their gradients are added up before the one step of the batch.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup_epochs: int
    monitor: str
    keep: str
    patience: int
    checkpoint_every_epochs: int
    seeds: int
    accumulate: int = 1  # bundles of before do not name it

    def __post_init__(self) -> None:
        """Refuse what no training can use."""
        for name in ("epochs", "batch_size", "checkpoint_every_epochs", "seeds", "accumulate"):
            if getattr(self, name) < 1:
                raise StudyError(f"training.{name}: found {getattr(self, name)}; write 1 or more")
        require_choice("training.monitor", self.monitor, ("loss", "auc"))
        require_choice("training.keep", self.keep, ("best", "last"))
