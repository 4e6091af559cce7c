"""The report's section on time courses: what is found at each step, in short, and where the rest stands."""

import pandas as pd
from markupsafe import Markup

from ichor.report import names, numbers, performance
from ichor.report import trajectory_frames as frames
from ichor.report.palette import Look
from ichor.report.step_figures import draw_by_step
from ichor.report.trajectory_page import counts_of, shown_splits
from ichor.report.trajectory_sentences import of_target

WIDTH = 300.0
HEADING = names.TASKS[names.COURSES]


def section(
    data: dict[str, pd.DataFrame], looks: dict[tuple[str, str], Look], page: str | None, *, simulated: bool
) -> dict | None:
    """What the template needs; None where no time course was evaluated.

    Parameters
    ----------
    data : dict
        Tables of the report: ``trajectory_performance``, ``trajectory_counts``, ``comparisons``.
    looks : dict
        Appearance of the models.
    page : str, optional
        The page of the time courses, relative to the report.
    simulated : bool
        Whether to stamp the figures.
    """
    table = data["trajectory_performance"]
    own = {key: look for key, look in looks.items() if key[0] == names.COURSES and key[1] in set(table["model"])}
    splits = shown_splits(table)
    if not splits:
        return None
    split = splits[0]
    rows, counts = table[table["split"] == split], counts_of(data["trajectory_counts"], split)
    pairs = data["comparisons"]
    pairs = pairs[(pairs["task"] == names.COURSES) & (pairs["split"] == split) & (pairs["center"] == "all")]
    targets = []
    for target in frames.target_order(rows):
        of_this = rows[rows["target"] == target]
        steps = list(of_this.sort_values("position")["step"].drop_duplicates())
        heading = names.event(target).removeprefix("a ")
        heading = heading[:1].upper() + heading[1:]
        drawn = draw_by_step(
            of_this[of_this["quantity"] == "auc"], steps, own, title=heading, simulated=simulated, width=WIDTH
        )
        targets.append(
            {
                "heading": heading,
                "sentences": of_target(of_this, pairs, counts[counts["target"] == target], own),
                "figure": Markup(drawn.render()),
                "table": frames.by_step(of_this, own),
                "reachable": frames.tables_of(of_this.assign(task=names.COURSES), own)["reachable"],
            }
        )
    first = next(iter(own.values())).label
    key = [
        f"{target['heading']}. {line}" for target in targets for line in target["sentences"] if line.startswith(first)
    ]
    return {
        "heading": HEADING,
        "key": {
            "heading": HEADING,
            "where": f"Test patients: {performance.describe(performance.scheme(split))[0].lower()}",
            "sentences": [[line] for line in key],
            "alarms": [],
        },
        "scheme": performance.describe(performance.scheme(split))[0],
        "looks": list(own.values()),
        "steps": numbers.count(rows["step"].nunique()),
        "at_risk": frames.at_risk(counts) if len(counts) else None,
        "targets": targets,
        "page": page,
    }
