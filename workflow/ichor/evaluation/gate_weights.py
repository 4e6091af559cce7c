"""How much gated models look at the image, and how much at the record."""

import numpy as np
import pandas as pd


def gate_weights(details: pd.DataFrame | None) -> pd.DataFrame:
    """Mean weight of the image in each gated model, by center of the test rows and together.

    Parameters
    ----------
    details : DataFrame or None
        Table ``prediction_details``; quantity ``gate_image_mean`` (0: the record alone, 1: the image alone).

    Returns
    -------
    DataFrame
        Columns model, center (a center or ``all``), n, median, q1, q3.
    """
    columns = ["model", "center", "n", "median", "q1", "q3"]
    if details is None or details.empty:
        return pd.DataFrame(columns=columns)
    own = details[(details["quantity"] == "gate_image_mean") & (details["role"] == "test")]
    out = []
    for model, rows in own.groupby("model", sort=False):
        for center, part in [*rows.groupby("center"), ("all", rows)]:
            q1, median, q3 = np.percentile(part["value"], [25, 50, 75])
            out.append((model, center, len(part), median, q1, q3))
    return pd.DataFrame(out, columns=columns)
