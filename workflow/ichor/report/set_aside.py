"""What was flagged or set aside: counts by stage and reason, and the single rows."""

import pandas as pd

from ichor.report import names, numbers
from ichor.tables import STAGES

MOST_ROWS = 1500  # rows in the page; the rest is in the status table

COLUMNS = ("center", "subject", "stage", "outcome", "reason", "detail")


def summary(status: pd.DataFrame) -> dict:
    """Counts of flagged and set-aside rows by stage and reason, one column per center.

    Returns
    -------
    dict
        ``centers`` (names), ``rows`` (stage, outcome, reason, meaning, counts, total).
    """
    rows = status[status["outcome"] != "accepted"]
    centers = sorted(rows["center"].dropna().unique())
    out = []
    for (stage, outcome, reason), part in rows.fillna({"reason": ""}).groupby(
        ["stage", "outcome", "reason"], sort=False
    ):
        counts = part["center"].value_counts()
        out.append(
            {
                "stage": names.STAGES.get(stage, stage),
                "order": (
                    STAGES.index(stage) if stage in STAGES else len(STAGES),
                    outcome != "set_aside",
                    -len(part),
                    reason,
                ),
                "outcome": names.OUTCOMES.get(outcome, outcome),
                "aside": outcome == "set_aside",
                "reason": reason,
                "meaning": numbers.why(reason),
                "counts": [int(counts.get(center, 0)) for center in centers],
                "total": len(part),
            }
        )
    return {"centers": centers, "rows": sorted(out, key=lambda row: row["order"])}


def rows(status: pd.DataFrame) -> dict:
    """Flagged and set-aside rows for the list that can be filtered: those set aside first.

    Returns
    -------
    dict
        ``rows`` (at most `MOST_ROWS`), ``total``, and the values of each filter.
    """
    own = status[status["outcome"] != "accepted"].reset_index(drop=True)
    order = own["stage"].map(lambda s: STAGES.index(s) if s in STAGES else len(STAGES))
    own = own.assign(_aside=own["outcome"] != "set_aside", _stage=order)
    own = own.sort_values(["_aside", "_stage", "center", "subject"], kind="stable", na_position="first")
    shown = own.head(MOST_ROWS)
    return {
        "rows": [
            {c: "" if numbers.missing(getattr(row, c)) else getattr(row, c) for c in COLUMNS}
            for row in shown.itertuples()
        ],
        "total": len(own),
        "filters": {
            c: sorted(v for v in own[c].dropna().unique() if v) for c in ("center", "stage", "outcome", "reason")
        },
    }
