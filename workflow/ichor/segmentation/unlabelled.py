"""Labels that a center's readers did not draw: what they left blank is not background.

Imports nothing, because the rules read it.
"""

from collections.abc import Iterable, Mapping


def unlabelled(mask_labels: Mapping[str, str | None], labels: Iterable[str]) -> dict[str, list[str]]:
    """Say which of some labels a center's masks cannot hold.

    Parameters
    ----------
    mask_labels : mapping of str to str
        Column ``mask_labels`` of the centers sheet by center, for example ``1=iph;2=ivh``; empty: no masks.
    labels : iterable of str
        Labels of interest.

    Returns
    -------
    dict of str to list of str
        Center to labels, in the order of `labels`; centers whose masks can hold all of them are left out.
    """
    labels = list(labels)
    named = {
        center: {part.partition("=")[2].strip() for part in text.split(";")}
        for center, text in mask_labels.items()
        if text
    }
    absent = {center: [label for label in labels if label not in names] for center, names in named.items()}
    return {center: missing for center, missing in sorted(absent.items()) if missing}
