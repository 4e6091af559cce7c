"""How each model is drawn: networks solid with filled points, the clinical floor dashed with open points.

The hues keep their distance under red-green color blindness and have a contrast of at least 3:1 on paper, in the light
and in the dark theme; line style and symbol say the same thing once more, so nothing depends on color alone.
"""

from dataclasses import dataclass

import pandas as pd

from ichor.report import names

NETWORK_MARKERS = ("circle", "square")
FLOOR_MARKERS = ("diamond", "triangle", "ring")
HUES = 4
CENTER_HUES = 8


@dataclass(frozen=True)
class Look:
    """Name and appearance of one model of one task."""

    model: str
    label: str
    network: bool
    color: str
    dash: str
    marker: str

    @property
    def group(self) -> str:
        """What kind of model it is, in words."""
        return "network" if self.network else "clinical floor"


def is_network(model: str, kind: str | None = None) -> bool:
    """Whether a model is a network (has learned from images or sequences) and not part of the clinical floor."""
    return (kind or model) not in names.FLOOR


def looks(metrics: pd.DataFrame, models: dict | None = None) -> dict[tuple[str, str], Look]:
    """Appearance of every model of every task.

    Parameters
    ----------
    metrics : DataFrame
        Metrics table; its (task, model) pairs are drawn.
    models : dict, optional
        Section ``models`` of the config: task -> name -> {kind, label, ...}. Its order is kept.

    Returns
    -------
    dict
        (task, model) -> Look, networks first within each task. The label of a model that reads what is known only after
        admission says so.
    """
    out: dict[tuple[str, str], Look] = {}
    for task in metrics["task"].drop_duplicates():
        settings = (models or {}).get(task, {})
        present = list(metrics.loc[metrics["task"] == task, "model"].drop_duplicates())
        order = [m for m in settings if m in present] + sorted(m for m in present if m not in settings)
        kinds = {m: (settings.get(m) or {}).get("kind") for m in order}
        for network in (True, False):
            group = [m for m in order if is_network(m, kinds[m]) == network]
            for i, model in enumerate(group):
                own = settings.get(model) or {}
                label = own.get("label") or names.MODELS.get(model) or names.words(model)
                record = own.get("record")  # settings of a network on scans; a list of columns for time courses
                late = own.get("post_baseline") or (isinstance(record, dict) and record.get("post_baseline"))
                label += f" (knows {', '.join(names.variable(name) for name in late).lower()})" if late else ""
                out[task, model] = _look(model, label, network, i)
    return out


def _look(model: str, label: str, network: bool, index: int) -> Look:
    family, markers = ("net", NETWORK_MARKERS) if network else ("floor", FLOOR_MARKERS)
    dashes = ("", "10 3 2 3") if network else ("6 3", "2 3", "9 3 2 3")
    turn = index // HUES
    return Look(
        model=model,
        label=label,
        network=network,
        color=f"var(--{family}-{index % HUES})",
        dash=dashes[turn % len(dashes)] if network else dashes[index % len(dashes)],
        marker=markers[(turn if network else index) % len(markers)],
    )


def center_color(index: int) -> str:
    """Color of the center at a place of the sorted list of centers."""
    return f"var(--center-{index % CENTER_HUES})"
