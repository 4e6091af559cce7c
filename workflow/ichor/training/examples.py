"""What a training reads, and the batches that it reads it in."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ichor.errors import StudyError
from ichor.seeds import seed_for
from ichor.training.data import Views
from ichor.training.loop_settings import LoopSettings


@dataclass(frozen=True)
class Examples:
    """Views with their labels, float32 0 or 1.

    ``targets`` are those of the network's further tasks, if it has any: float32 ``(n, outputs)``, NaN where unknown.
    """

    views: Views
    labels: np.ndarray
    targets: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)


def refuse_empty_shares(rows: int, settings: LoopSettings, processes: int) -> None:
    """Stop before a training in which some process would have no row of some batch, or of some part of one.

    Parameters
    ----------
    rows : int
        Train rows.
    settings : LoopSettings
        As configured.
    processes : int
        Processes that train together.

    Raises
    ------
    ichor.errors.StudyError
    """
    parts = settings.accumulate
    smallest = rows // _number_of_batches(rows, settings.batch_size) // parts
    if smallest < processes and processes > 1:
        what = "batch" if parts == 1 else f"part of a batch (training.accumulate {parts})"
        raise StudyError(
            f"compute.gpus_per_training is {processes}, but the smallest {what} of this training has {smallest} images "
            f"({rows} train images, training.batch_size {settings.batch_size}); write at most {max(1, smallest)}"
        )


def batches_of(n: int, batch_size: int, seed: int, epoch: int, added: int = 0) -> Iterator[np.ndarray]:
    """Shuffled batches of an epoch, of near-equal size: no row is dropped, and no batch is left with one row.

    The last `added` rows, which balancing added, are strewn among the others, whose order does not depend on them.
    """
    order = np.random.default_rng(seed_for(seed, "order", epoch)).permutation(n - added)
    if added:
        rng = np.random.default_rng(seed_for(seed, "order of added rows", epoch))
        order = np.insert(order, rng.integers(0, n - added + 1, added), n - added + rng.permutation(added))
    yield from np.array_split(order, _number_of_batches(n, batch_size))


def _number_of_batches(n: int, batch_size: int) -> int:
    return max(1, round(n / batch_size))
