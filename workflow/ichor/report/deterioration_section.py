"""What the report tells of deterioration beside what it tells of every task: sentences, groups of risk, a link."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from ichor.evaluation.deterioration_study import TASK, WHOLE
from ichor.report.deterioration_page import definition, events_figure
from ichor.report.templates import anchor


def section(
    page: str | None,
    findings: str | Path | None,
    curves: pd.DataFrame | str | Path | None,
    rule: Mapping | None,
    *,
    simulated: bool,
) -> dict | None:
    """Fill in the part of the report; None without a page.

    Parameters
    ----------
    page : str, optional
        Page of the deterioration, relative to the report.
    findings : path, optional
        Its ``findings.txt``: headings, each with its sentences, apart by an empty line.
    curves : DataFrame or path, optional
        Its ``curves.tsv``.
    rule : mapping, optional
        ``cohort.deterioration`` of the config.
    simulated : bool
        Whether to stamp the figure.
    """
    if page is None:
        return None
    blocks = [block.split("\n") for block in Path(findings).read_text(encoding="utf-8").strip().split("\n\n") if block]
    drawn = curves if isinstance(curves, pd.DataFrame) else pd.read_csv(curves, sep="\t")
    return {
        "id": anchor(f"{TASK} {WHOLE}"),
        "page": page,
        "definition": definition(rule),
        "findings": {block[0]: block[1:] for block in blocks},
        "figure": Markup(events_figure(drawn, rule, simulated).render()) if len(drawn) else "",
    }
