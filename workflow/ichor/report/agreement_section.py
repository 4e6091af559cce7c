"""What the report says of the agreement of predicted with reference masks: figures of each label, tables."""

import pandas as pd
from markupsafe import Markup

from ichor.report import agreement, names, palette, volume_plots
from ichor.report import table_frames as frames


def section(data: dict[str, pd.DataFrame], simulated: bool) -> dict | None:
    """Figures and tables of one split, tables of the others; None when no center brought reference masks.

    Parameters
    ----------
    data : dict
        Of `ichor.report.inputs.load`.
    simulated : bool
        Whether to stamp the figures.
    """
    cases, summary, groups = data["agreement_cases"], data["agreement"], data["agreement_groups"]
    split = agreement.main_split(summary)
    if split is None or not (summary["n"] > 0).any():
        return None
    cases, own, groups = (table[table["split"] == split] for table in (cases, summary, groups))
    others = sorted((s for s in summary["split"].unique() if s != split), key=names.split_order)
    return {
        "split": split,
        "figures": [_figures(cases, own, label, simulated) for label in _labels(cases, own)],
        "table": frames.agreement(own),
        "groups": frames.agreement_groups(groups) if len(groups) else None,
        "others": [(s, frames.agreement(summary[summary["split"] == s])) for s in others],
    }


def _labels(cases: pd.DataFrame, summary: pd.DataFrame) -> list[str]:
    """Labels with a case, in the order of the summary."""
    present = set(cases["label"])
    return [label for label in summary["label"].drop_duplicates() if label in present]


def _figures(cases: pd.DataFrame, summary: pd.DataFrame, label: str, simulated: bool) -> dict:
    centers = sorted(cases["center"].unique())
    return {
        "label": label,
        "name": names.LABELS.get(label, label),
        "dice": Markup(agreement.draw_dice(cases, summary, label, simulated=simulated).render()),
        "volumes": Markup(volume_plots.draw_volumes(cases, summary, label, simulated=simulated).render()),
        "bland_altman": Markup(volume_plots.draw_bland_altman(cases, label, simulated=simulated).render()),
        "centers": [{"name": center, "color": palette.center_color(i)} for i, center in enumerate(centers)],
    }
