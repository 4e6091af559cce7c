from collections import Counter
from types import SimpleNamespace

import numpy as np

from ichor.segmentation.trainers.draws import NumberedDraws
from ichor.training.group import Group

CASES = [f"c{number}" for number in range(6)]


def batches(group, epoch, number, batch_size=5, foreground=0.33):
    """Cases of the first batches of an epoch; for each whether it must show a label, and a number drawn for it."""
    loader = SimpleNamespace(indices=CASES, batch_size=batch_size, oversample_foreground_percent=foreground)
    draws = NumberedDraws(loader, group, seed=3)
    draws.begin_epoch(epoch)
    found = []
    for _ in range(number):
        cases = loader.get_indices()
        assert len(cases) == loader.batch_size
        found.append([(case, loader.get_do_oversample(i), np.random.random()) for i, case in enumerate(cases)])
    return found


def test_shares_put_together_are_the_batches_of_one_process():
    whole = batches(Group(), 2, 4)
    shares = [batches(Group(rank, 3), 2, 4) for rank in range(3)]
    assert [sum((share[number] for share in shares), []) for number in range(4)] == whole


def test_epochs_batches_and_samples_differ_and_each_is_the_same_again():
    assert batches(Group(), 1, 2) == batches(Group(), 1, 2)
    drawn = [value for epoch in (1, 2) for batch in batches(Group(), epoch, 3) for _, _, value in batch]
    assert len(set(drawn)) == len(drawn)


def test_cases_are_drawn_evenly_and_the_last_of_a_batch_show_a_label_as_nnunets():
    batch = [sample for batch in batches(Group(), 0, 200) for sample in batch]
    counts = Counter(case for case, _, _ in batch)
    assert set(counts) == set(CASES) and max(counts.values()) < 1.5 * min(counts.values())
    assert [must for _, must, _ in batch[:5]] == [False, False, False, True, True]  # round(5 * 0.67) are anywhere
