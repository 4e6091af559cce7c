"""The cut points of a decision tree, as a table and in words."""

from collections.abc import Iterator, Sequence

from ichor.models.node_arrays import NodeArrays

Columns = Sequence[tuple[str, str | None]]
"""Predictor and level of each coded column, see `ichor.models.level_coding`."""


def cut_points(nodes: NodeArrays, columns: Columns) -> list[dict]:
    """Questions of a tree in the order of its nodes.

    Parameters
    ----------
    nodes : NodeArrays
        A single tree.
    columns : sequence of (str, str or None)
        What the tree's columns are.

    Returns
    -------
    list of dict
        Per question ``node`` (place in the tree), ``depth`` (0 = root), ``feature``, ``cut`` (values up to it go to
        ``yes``; None for a level), ``level`` (of a named predictor; then ``no`` is this level), ``unknown`` (``yes`` or
        ``no``: where a missing value goes), ``rows`` and ``events`` (train rows there and those with label 1), ``yes``
        and ``no`` (the next nodes).
    """
    made = []
    for node, depth in _walk(nodes):
        if nodes.column[node] < 0:
            continue
        feature, level = columns[nodes.column[node]]
        question = {"node": int(node), "depth": depth, "feature": feature}
        question |= {"cut": float(nodes.cut[node]) if level is None else None, "level": level}
        question |= {"unknown": "yes" if nodes.gap_left[node] else "no", **_counts(nodes, node)}
        made.append(question | {"yes": int(nodes.left[node]), "no": int(nodes.right[node])})
    return sorted(made, key=lambda row: row["node"])


def in_words(nodes: NodeArrays, columns: Columns) -> list[str]:
    """Each leaf of a tree as a sentence, from the lowest to the highest risk.

    Returns
    -------
    list of str
        For example ``"gcs <= 8.5 or unknown, and age_years > 69.5: 24 of 30 train rows have the outcome (80 %)"``.
    """
    leaves = sorted(_leaves(nodes, columns, 0, []))
    return [sentence for _, sentence in leaves]


def _leaves(nodes: NodeArrays, columns: Columns, node: int, path: list[str]) -> Iterator[tuple[float, str]]:
    if nodes.column[node] < 0:
        found = _counts(nodes, node)
        share = f"{found['events']} of {found['rows']} train rows have the outcome ({100 * nodes.share[node]:.0f} %)"
        yield float(nodes.share[node]), f"{', and '.join(path) or 'all'}: {share}"
        return
    for left, child in ((True, nodes.left[node]), (False, nodes.right[node])):
        yield from _leaves(nodes, columns, child, [*path, _answer(nodes, columns, node, left)])


def _answer(nodes: NodeArrays, columns: Columns, node: int, left: bool) -> str:
    feature, level = columns[nodes.column[node]]
    if level is None:
        said = f"{feature} {'<=' if left else '>'} {nodes.cut[node]:.6g}"
    else:
        said = f"{feature} is {'not ' if left else ''}{level}"
    return said + (" or unknown" if bool(nodes.gap_left[node]) == left else "")


def _counts(nodes: NodeArrays, node: int) -> dict[str, int]:
    rows = nodes.rows[node]
    return {"rows": round(float(rows)), "events": round(float(rows * nodes.share[node]))}


def _walk(nodes: NodeArrays, node: int = 0, depth: int = 0) -> Iterator[tuple[int, int]]:
    yield node, depth
    if nodes.column[node] >= 0:
        for child in (nodes.left[node], nodes.right[node]):
            yield from _walk(nodes, child, depth + 1)
