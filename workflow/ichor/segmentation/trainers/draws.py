"""What nnU-Net's loader draws, from the number of the batch and of the sample alone.

nnU-Net draws cases, places and changes from generators that run on from sample to sample. Here each batch and each of
its samples has a seed of its own, so that a process which makes only its share of a batch makes the very samples that
one process alone would have made.
"""

import numpy as np
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader

from ichor.seeds import seed_for
from ichor.training.group import Group, seed_everything


class NumberedDraws:
    """Takes over the draws of a loader.

    Parameters
    ----------
    loader : nnUNetDataLoader
        Made for whole batches; it gives this process's share of each afterwards.
    group : Group
        The processes.
    seed : int
        Of these draws.
    """

    def __init__(self, loader: nnUNetDataLoader, group: Group, seed: int) -> None:
        self.cases, self.batch_size, self.seed = list(loader.indices), loader.batch_size, seed
        self.mine = group.share(self.batch_size)
        self.random_places = round(self.batch_size * (1 - loader.oversample_foreground_percent))
        self.batch: tuple[int, ...] = (-1, 0)
        loader.batch_size = self.mine.stop - self.mine.start
        loader.get_indices, loader.get_do_oversample = self.next_cases, self.begin_sample

    def begin_epoch(self, epoch: int) -> None:
        """Number the batches to come: those of one epoch do not depend on how many were drawn before."""
        self.batch = (epoch, 0)

    def next_cases(self) -> list[str]:
        """Cases of this process's share of the next batch, drawn with replacement like nnU-Net's."""
        self.batch = (self.batch[0], self.batch[1] + 1)
        rng = np.random.default_rng(seed_for(self.seed, *self.batch, "cases"))
        return [self.cases[number] for number in rng.integers(len(self.cases), size=self.batch_size)][self.mine]

    def begin_sample(self, number: int) -> bool:
        """Seed all that is drawn for a sample of the share; say whether it must show a label, like the last ones."""
        number += self.mine.start
        seed_everything(seed_for(self.seed, *self.batch, "sample", number))
        return number >= self.random_places
