"""A table of visits in which sickness wanders and sets the chance of death."""

import numpy as np
import pandas as pd


def made_visits(size=160, seed=4) -> pd.DataFrame:
    """Sickness changes from visit to visit and sets the daily chance of death until the next one."""
    rng = np.random.default_rng(seed)
    rows = []
    for name in range(size):
        day, sick, age, lost = 0, rng.normal(), rng.normal(60, 8), rng.uniform(50, 600)
        visits, end, status = [], lost, "lost"
        while day < lost:
            visits.append((day, sick, rng.normal()))
            died = day + rng.exponential(1 / (0.0015 * np.exp(1.5 * sick)))
            if died < min(day + 60, lost):
                end, status = died, "dead"
                break
            day, sick = day + 60, sick + rng.normal(0, 0.6)
        rows += [(f"p{name}", *visit, end, status, age) for visit in visits]
    table = pd.DataFrame(rows, columns=["id", "day", "sick", "noise", "last", "status", "age"])
    table.loc[rng.random(len(table)) < 0.2, "noise"] = np.nan
    return table.sample(frac=1, random_state=1)
