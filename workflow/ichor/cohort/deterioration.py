"""Early neurological deterioration: published definitions, and labels from serial scores."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ichor.cohort.follow_up import follow_up
from ichor.errors import StudyError
from ichor.reasons import Reason

DEFINITIONS = {
    "ich": {"nihss": 4.0, "gcs": 2.0},
    "ischemic": {"nihss": 2.0, "nihss_motor": 1.0},
}
"""Name -> score -> points by which it gets worse. ``ich``: NIHSS 4 up or GCS 2 down (Diagnostics 2024;14:308);
``ischemic``: NIHSS 2 up or its motor part 1 up (Front Neurol 2026, 10.3389/fneur.2026.1787921)."""
WORSE = {"nihss": 1, "nihss_motor": 1, "gcs": -1}
"""Scores that a definition may look at -> direction in which they get worse."""
LONGEST_RISE = {"nihss": 42, "nihss_motor": 16, "gcs": 12}
AT_ADMISSION_H = 6.0
"""A first score of the course that is no later than this after the baseline scan stands for admission. Our choice."""
WHOLE, EARLY, LATE = "deterioration_7d", "deterioration_early", "deterioration_late"
OWN, OWN_TIME = "table_deterioration", "table_deterioration_h"  # what a center's table may say itself
COLUMNS = ("deterioration_h", "deterioration_free_h", "deterioration_source")


@dataclass(frozen=True)
class Deterioration:
    """What counts as a deterioration.

    Attributes
    ----------
    points : dict
        Score -> points by which it gets worse, against admission; any one of them is enough.
    window_h : float
        End of the window, hours since onset.
    early_h : float
        What is seen until then is early, what is seen later is late.
    covered : float
        Share of the window, from 0 to 1, that scores must reach before their being good says "no deterioration".
    death_counts : bool
        Whether a death inside the window is a deterioration although no score showed it.
    at_risk_from_ct_h : float
        Who is seen worse until then after the baseline scan, hours, is not at risk when the prediction is made, and has
        no label; reports are read until then (config ``reports.hours_after_ct``).
    """

    points: Mapping[str, float]
    window_h: float = 168.0
    early_h: float = 48.0
    covered: float = 0.5
    death_counts: bool = False
    at_risk_from_ct_h: float = 6.0

    @classmethod
    def of(cls, settings: Mapping) -> "Deterioration":
        """From the config's ``cohort.deterioration``.

        Raises
        ------
        StudyError
            If the definition is unknown, points are not on a score's scale, or the early part is not inside the window.
        """
        chosen = settings["definition"]
        if isinstance(chosen, str):
            if chosen not in DEFINITIONS:
                raise StudyError(
                    f"config: cohort.deterioration.definition: found {chosen!r}, expected {', '.join(DEFINITIONS)} or "
                    "scores with their points, such as {nihss: 4, gcs: 2}."
                )
            chosen = DEFINITIONS[chosen]
        wrong = [name for name, points in chosen.items() if not 0 < points <= LONGEST_RISE.get(name, 0)]
        if wrong or not chosen:
            raise StudyError(
                f"config: cohort.deterioration.definition: found {dict(chosen)}, expected points by which a score gets "
                f"worse, more than 0 and on its scale, of {', '.join(WORSE)}."
            )
        window_h, early_h = float(settings["window_h"]), float(settings["early_h"])
        if not 0 < early_h < window_h:
            raise StudyError(
                f"config: cohort.deterioration: early_h is {early_h:g}, window_h {window_h:g}; "
                "the early part ends inside the window."
            )
        points = {name: float(value) for name, value in chosen.items()}
        rest = float(settings["covered"]), bool(settings["death_counts"]), float(settings["at_risk_from_ct_h"])
        return cls(points, window_h, early_h, *rest)


def label_deterioration(people: pd.DataFrame, courses: pd.DataFrame, rule: Deterioration) -> pd.DataFrame:
    """Label each patient's deterioration: in the whole window, in its early part, and in its late part.

    Scores are held against admission: the record's score, else the first one of the course up to `AT_ADMISSION_H`
    after the baseline scan. What happened before the scan is no prediction and does not count; if the time of the scan
    is not known, it is that of the first score of the course.

    "No deterioration" needs to have been looked for: a good score at `covered` of the window (of its early part, for
    the early label) or later. Early and late: who got worse early is not at risk of a first deterioration later and
    has no late label, and who got worse before the prediction is made (`Deterioration.at_risk_from_ct_h`) has none at
    all: a report may tell of it. Who was first seen worse late counts as late only if a good score in the second half
    of the early part, or later, says that it was not earlier. Where scores decide nothing, the center's own label is
    taken.

    Parameters
    ----------
    people : DataFrame
        Table ``patients`` or ``cohort``.
    courses : DataFrame
        Table ``time_courses``.
    rule : Deterioration
        The definition.

    Returns
    -------
    DataFrame
        Index of `people`. Per target (`WHOLE`, `EARLY`, `LATE`) ``label_<target>`` (Int64) and
        ``label_<target>_reason``; ``deterioration_h`` (hours since onset when it was first seen),
        ``deterioration_free_h`` (hours since onset of the last good score before, or of the last one at all),
        ``deterioration_source`` (``scores``, ``death``, ``table``).
    """
    seen = _seen(people, courses, rule)
    event, free = seen["event_h"], seen["free_h"]
    came = event.notna()
    covers_window, covers_early = free >= rule.covered * rule.window_h, free >= rule.covered * rule.early_h
    whole = _label(came, ~came & covers_window)
    early = _label(event <= rule.early_h, ~(event <= rule.early_h) & covers_early)
    late = _label((event > rule.early_h) & (early == 0), ~came & covers_window)
    known = pd.DataFrame({WHOLE: whole, EARLY: early, LATE: late})
    known[seen["at_once"]] = np.nan
    source = seen["source"].where(whole.notna())
    own = _of_table(people, rule)
    taken = whole.isna() & own[WHOLE].notna()
    known[taken], source[taken] = own.loc[taken, list(known)], "table"
    found = pd.DataFrame(
        {
            "deterioration_h": event.mask(taken, own["event_h"]),
            "deterioration_free_h": free.mask(taken),
            "deterioration_source": source,
        },
        index=people.index,
    )
    unscored = np.where(seen["scored"], str(Reason.SCORES_END_EARLY), str(Reason.NO_SERIAL_SCORES))
    for target in (WHOLE, EARLY, LATE):
        why = pd.Series(unscored, index=people.index, dtype=object)
        why = why.mask(seen["at_once"], str(Reason.DETERIORATED_AT_ONCE))
        if target == LATE:
            why = why.mask(known[EARLY] == 1, str(Reason.DETERIORATED_EARLY))
        why = why.mask(
            taken & known[target].isna() & (why != str(Reason.DETERIORATED_EARLY)), str(Reason.LABEL_MISSING)
        )
        found[f"label_{target}"] = known[target].astype("Int64")
        found[f"label_{target}_reason"] = why.where(known[target].isna(), None)
    return found


def _label(yes: pd.Series, no: pd.Series) -> pd.Series:
    return pd.Series(np.where(yes, 1.0, np.where(no, 0.0, np.nan)), index=yes.index)


def _seen(people: pd.DataFrame, courses: pd.DataFrame, rule: Deterioration) -> pd.DataFrame:
    """When each patient was first seen worse and last seen no worse before.

    ``scored``: whether there is any score; ``at_once``: whether it was before the prediction is made.
    """
    scores = _against_admission(people, courses, rule)
    points = scores["variable"].map(dict(rule.points)).astype(float)
    bad = scores["worse_by"] >= points
    event = scores[bad].groupby("patient")["time_h"].min().reindex(people["patient"])
    since_h = scores[bad].groupby("patient")["since_ct_h"].min().reindex(people["patient"])
    before = scores["patient"].map(event).fillna(np.inf) > scores["time_h"]
    free = scores[~bad & before].groupby("patient")["time_h"].max().reindex(people["patient"])
    source = pd.Series(np.full(len(people), "scores", dtype=object), index=event.index)
    if rule.death_counts:
        death = follow_up(people)["death_h"].set_axis(event.index)
        died = event.isna() & (death <= rule.window_h)
        event, source = event.mask(died, death), source.mask(died, "death")
    found = pd.DataFrame({"event_h": event, "free_h": free, "source": source})
    found["scored"] = found.index.isin(set(scores["patient"]))
    found["at_once"] = since_h <= rule.at_risk_from_ct_h
    return found.set_axis(people.index)


def _against_admission(people: pd.DataFrame, courses: pd.DataFrame, rule: Deterioration) -> pd.DataFrame:
    """Scores after the baseline scan and inside the window: ``worse_by``, points, and ``since_ct_h``."""
    scores = courses[courses["variable"].isin(list(rule.points)) & courses["patient"].isin(set(people["patient"]))]
    scores = scores[["patient", "time_h", "variable", "value"]].sort_values(["patient", "time_h"], kind="stable")
    first_h = scores.groupby("patient")["time_h"].min().reindex(people["patient"])
    scanned = pd.to_numeric(people["onset_to_ct_h"]).astype(float).set_axis(first_h.index)
    start = scores["patient"].map(scanned.fillna(first_h)).astype(float)
    early = scores[scores["time_h"] <= start + AT_ADMISSION_H]
    reference = early.groupby(["patient", "variable"])["value"].first()
    recorded = _recorded(people, rule)
    reference = pd.concat([recorded, reference[~reference.index.isin(recorded.index)]])
    keys = pd.MultiIndex.from_frame(scores[["patient", "variable"]])
    change = scores["value"].to_numpy(dtype=float) - reference.reindex(keys).to_numpy(dtype=float)
    worse_by = change * scores["variable"].map(WORSE).to_numpy()
    scores = scores.assign(worse_by=worse_by, since_ct_h=scores["time_h"] - start)
    return scores[(scores["time_h"] > start) & (scores["time_h"] <= rule.window_h) & scores["worse_by"].notna()]


def _recorded(people: pd.DataFrame, rule: Deterioration) -> pd.Series:
    """Scores at admission by the record; index (patient, variable)."""
    wide = people.set_index("patient")[[name for name in rule.points if name in people]]
    return wide.apply(pd.to_numeric).astype(float).rename_axis(columns="variable").stack().dropna()


def _of_table(people: pd.DataFrame, rule: Deterioration) -> pd.DataFrame:
    """Labels that the center's table gives; a time says which part of the window, and whether inside at all."""
    given = [pd.to_numeric(people[name]).astype(float) if name in people else np.nan for name in (OWN, OWN_TIME)]
    whole, time = (pd.Series(values, index=people.index, dtype=float) for values in given)
    time = time.where(whole == 1)
    whole = whole.mask(time > rule.window_h, 0.0)
    time = time.where(whole == 1)
    early = _label(time <= rule.early_h, (time > rule.early_h) | (whole == 0))
    late = _label(time > rule.early_h, whole == 0)
    return pd.DataFrame({WHOLE: whole, EARLY: early, LATE: late, "event_h": time})
