"""Decision trees as plain arrays of their nodes: fitted by scikit-learn, saved and used without it or any pickle."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

PREFIX = "nodes_"


@dataclass(frozen=True)
class NodeArrays:
    """Nodes of one or more trees, tree after tree; a tree's first node is its root.

    Attributes
    ----------
    first : numpy.ndarray
        int64 ``(trees,)``, place of each root.
    left, right : numpy.ndarray
        int64 ``(nodes,)``, places of the children; -1 at a leaf.
    column : numpy.ndarray
        int64 ``(nodes,)``, column that a node asks for; -1 at a leaf.
    cut : numpy.ndarray
        float64 ``(nodes,)``: values up to and including it go left.
    gap_left : numpy.ndarray
        bool ``(nodes,)``: whether a missing value goes left.
    share : numpy.ndarray
        float64 ``(nodes,)``, share of label 1 among the train rows of the node, 0 to 1.
    rows : numpy.ndarray
        float64 ``(nodes,)``, number of train rows of the node, a row counted as often as it was drawn.
    """

    first: np.ndarray
    left: np.ndarray
    right: np.ndarray
    column: np.ndarray
    cut: np.ndarray
    gap_left: np.ndarray
    share: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, fitted: Sequence) -> "NodeArrays":
        """Take over scikit-learn's fitted decision trees of two classes, 0 and 1."""
        trees = [tree.tree_ for tree in fitted]
        counts = np.array([tree.node_count for tree in trees])
        first = np.concatenate([[0], np.cumsum(counts)[:-1]])

        def children(name: str) -> np.ndarray:
            moved = [np.where(kids < 0, -1, kids + at) for kids, at in zip(_each(trees, name), first, strict=True)]
            return np.concatenate(moved).astype(np.int64)

        column = np.concatenate(_each(trees, "feature")).astype(np.int64)
        return cls(
            first=first.astype(np.int64),
            left=children("children_left"),
            right=children("children_right"),
            column=np.where(column < 0, -1, column),
            cut=np.concatenate(_each(trees, "threshold")).astype(np.float64),
            gap_left=np.concatenate(_each(trees, "missing_go_to_left")).astype(bool),
            share=np.concatenate([tree.value[:, 0, 1] for tree in trees]).astype(np.float64),
            rows=np.concatenate(_each(trees, "weighted_n_node_samples")).astype(np.float64),
        )

    @classmethod
    def restored(cls, arrays: dict[str, np.ndarray]) -> "NodeArrays":
        """Take up what :meth:`arrays` gave."""
        own = {name.removeprefix(PREFIX): array for name, array in arrays.items() if name.startswith(PREFIX)}
        return cls(**own)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything, for the bundle."""
        return {PREFIX + name: array for name, array in asdict(self).items()}

    def probability(self, values: np.ndarray) -> np.ndarray:
        """Mean over the trees of the share of label 1 in the leaf that a row falls into.

        Parameters
        ----------
        values : numpy.ndarray
            float32 ``(rows, columns)``, NaN for what is missing; in single precision because the trees were grown so.

        Returns
        -------
        numpy.ndarray
            float64 ``(rows,)``. Equal to the last bit to scikit-learn's ``predict_proba`` in one thread, which adds the
            trees one after the other as is done here.
        """
        at = np.repeat(self.first[:, None], len(values), axis=1)
        row = np.arange(len(values))[None, :]
        while (inner := self.column[at] >= 0).any():
            found = values[row, np.where(inner, self.column[at], 0)]
            left = np.where(np.isnan(found), self.gap_left[at], found <= self.cut[at])
            at = np.where(inner, np.where(left, self.left[at], self.right[at]), at)
        return np.cumsum(self.share[at], axis=0)[-1] / len(self.first)

    def of_tree(self, number: int) -> "NodeArrays":
        """One of the trees alone, with places from 0."""
        start = self.first[number]
        end = self.first[number + 1] if number + 1 < len(self.first) else len(self.left)
        own = {name: array[start:end] for name, array in asdict(self).items() if name != "first"}
        for name in ("left", "right"):
            own[name] = np.where(own[name] < 0, -1, own[name] - start)
        return NodeArrays(first=np.zeros(1, dtype=np.int64), **own)


def _each(trees: list, name: str) -> list[np.ndarray]:
    return [np.asarray(getattr(tree, name)) for tree in trees]
