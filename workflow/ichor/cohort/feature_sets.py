"""Named sets of predictors, such as the record of a paper, that stand for their columns wherever features are named.

They are written once, in ``workflow/schemas/feature_sets.schema.yaml``, beside the tables: so a job counts them among
what it depends on (`ichor.reruns`).
"""

from collections.abc import Sequence
from functools import cache

from ichor import tables


@cache
def feature_sets() -> dict[str, tuple[str, ...]]:
    """Each set's name with its columns, in order."""
    return {name: tuple(written["features"]) for name, written in tables.schema("feature_sets").items()}


def expand(features: Sequence[str]) -> list[str]:
    """Turn names of sets into their columns.

    Parameters
    ----------
    features : sequence of str
        Columns of the cohort table and names of sets, in any mixture. What is neither is left as it is: whoever reads
        the columns says that there is no such one.

    Returns
    -------
    list of str
        Columns, in the order in which they are first named.
    """
    sets = feature_sets()
    return list(dict.fromkeys(column for name in features for column in sets.get(name, (name,))))


def only_by_set(features: Sequence[str]) -> list[str]:
    """Columns of `expand` that no feature names singly: those that a center may lack without a model being wrong.

    Parameters
    ----------
    features : sequence of str
        As in `expand`.
    """
    named = set(features)
    return [column for column in expand(features) if column not in named]
