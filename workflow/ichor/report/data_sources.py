"""Section "Data": what public data sets the centers are, their licence lines and what to cite."""

from collections.abc import Mapping, Sequence


def section(sources: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Centers by data set, each set once.

    Parameters
    ----------
    sources : sequence of mapping
        Of `ichor.presets.sources`.

    Returns
    -------
    list of dict
        ``title``, ``centers`` (names, separated by commas), ``licence``, ``citation``, ``url``, ``remarks`` and
        ``overlaps`` of every set, in the order of the centers; empty when every center brought its own data.
    """
    found: dict[str, dict[str, object]] = {}
    for source in sources:
        same = found.setdefault(str(source["preset"]), dict(source, centers="", overlaps=[]))
        same["centers"] = ", ".join(filter(None, [str(same["centers"]), str(source["center"])]))
        same["overlaps"] = list(dict.fromkeys([*same["overlaps"], *source["overlaps"]]))
    return list(found.values())
