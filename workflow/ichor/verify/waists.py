"""By how much two tables of one kind differ: predictions, metrics, masks.

Rows are matched by what they are about, never by their place in the file. Each function returns one dict per figure,
``quantity here other difference``; a figure without a difference has 0.
"""

from pathlib import Path

import pandas as pd

from ichor import tables
from ichor.errors import StudyError

PREDICTION = ["target", "patient", "center", "role", "time", "seed"]
METRIC = ["task", "target", "model", "split", "center", "quantity"]
MASK = ["split", "patient", "center", "time_point"]
RANKED = ["target", "role", "time", "seed"]  # probabilities are ranked among the rows of one of these
VOLUMES = ["iph_ml", "ivh_ml"]


def predictions(here: Path, other: Path) -> list[dict]:
    """Differences of two prediction tables of one task, model and split.

    Returns
    -------
    list of dict
        ``rows`` (of each; ``difference`` counts rows that only one has), and for the rows that both have
        ``labels_changed``, ``max_abs_difference`` and ``median_abs_difference`` of the probabilities, and
        ``ranks_changed``: rows whose rank among the same target, role, time and seed is another (ties share the mean
        of their ranks). Without a row in common only ``rows``.
    """
    both, counts = _matched("predictions", here, other, PREDICTION)
    if both.empty:
        return [counts]
    gap = (both["probability_here"] - both["probability_other"]).abs()
    groups = both.groupby(RANKED, sort=False)
    ranks = [groups[f"probability_{side}"].rank() for side in ("here", "other")]
    return [
        counts,
        _figure("labels_changed", int((both["label_here"] != both["label_other"]).sum())),
        _figure("max_abs_difference", float(gap.max())),
        _figure("median_abs_difference", float(gap.median())),
        _figure("ranks_changed", int((ranks[0] != ranks[1]).sum())),
    ]


def metrics(here: Path, other: Path) -> list[dict]:
    """Differences of two metrics tables: ``rows``, then each estimate that is another, with its ``name``.

    An estimate that is undefined in one table only has no difference in numbers, and is listed.
    """
    both, counts = _matched("metrics", here, other, METRIC)
    found = [counts]
    for row in both.itertuples(index=False):
        mine, theirs = row.estimate_here, row.estimate_other
        if mine == theirs or (pd.isna(mine) and pd.isna(theirs)):
            continue
        name = "/".join([row.task, row.target, row.model, row.split, row.center])
        difference = None if pd.isna(mine) or pd.isna(theirs) else float(mine - theirs)
        found.append(dict(name=name, quantity=row.quantity, here=mine, other=theirs, difference=difference))
    return found


def masks(here: Path, other: Path) -> dict[str, list[dict]]:
    """Differences of two masks tables, by split.

    Returns
    -------
    dict
        Split -> ``rows``, and for ``iph_ml`` and ``ivh_ml`` the sum over the scans that both have (mL),
        ``<volume>_max_abs_difference`` and ``<volume>_median_abs_difference`` (mL), and ``<volume>_scans_changed``.
        A volume that only one has counts as changed, and in no difference.
    """
    read = {side: tables.read("masks", path) for side, path in (("here", here), ("other", other))}
    splits = list(dict.fromkeys([*read["here"]["split"], *read["other"]["split"]]))
    return {split: _masks_of(*(data[data["split"] == split] for data in read.values())) for split in splits}


def _masks_of(here: pd.DataFrame, other: pd.DataFrame) -> list[dict]:
    both, counts = _merged(here, other, MASK)
    found = [counts]
    for volume in VOLUMES if len(both) else []:
        mine, theirs = both[f"{volume}_here"], both[f"{volume}_other"]
        gap = (mine - theirs).abs().dropna()
        changed = int((gap > 0).sum() + (mine.isna() != theirs.isna()).sum())
        total = [float(side.sum()) for side in (mine, theirs)]
        found += [
            dict(quantity=f"{volume}_sum", here=total[0], other=total[1], difference=total[0] - total[1]),
            _figure(f"{volume}_scans_changed", changed),
            _figure(f"{volume}_max_abs_difference", float(gap.max()) if len(gap) else 0.0),
            _figure(f"{volume}_median_abs_difference", float(gap.median()) if len(gap) else 0.0),
        ]
    return found


def _matched(table: str, here: Path, other: Path, keys: list[str]) -> tuple[pd.DataFrame, dict]:
    return _merged(tables.read(table, here), tables.read(table, other), keys)


def _merged(here: pd.DataFrame, other: pd.DataFrame, keys: list[str]) -> tuple[pd.DataFrame, dict]:
    """Rows that both tables have, and how many rows each has (difference: rows that only one has)."""
    for data in (here, other):
        if data.duplicated(keys).any():
            raise StudyError(f"cannot compare: a table has two rows with the same {', '.join(keys)}.")
    both = here.merge(other, on=keys, suffixes=("_here", "_other"), how="inner")
    alone = len(here) + len(other) - 2 * len(both)
    return both, dict(quantity="rows", here=len(here), other=len(other), difference=alone)


def _figure(quantity: str, difference: float | None) -> dict:
    return dict(quantity=quantity, here=None, other=None, difference=difference)


def equal(found: list[dict]) -> bool:
    """Whether none of the figures shows a difference."""
    return all(row["difference"] == 0 for row in found)
