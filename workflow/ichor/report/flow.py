"""Cohort flow: how many patients and scans reach each step, and for what reason the others leave."""

from dataclasses import dataclass, field

import pandas as pd

from ichor.reasons import Reason
from ichor.report import names, numbers

ALL = "all"
IMAGE_STAGES = ("index", "select", "convert", "check", "segmentation")
UNITS = {"file": "files", "series": "series", "patient": "patients", "center": "centers"}


@dataclass(frozen=True)
class Loss:
    """Those who left at one place for one reason: a code, how many of what, and center -> how many."""

    reason: str
    count: int
    unit: str
    by_center: dict[str, int]


@dataclass
class Box:
    """One box of the chart: who is counted, how many, small print, and those who left here."""

    title: str
    count: int | None
    lines: list[str] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)


@dataclass
class Flow:
    """The chart: two sources that are joined, the split, and one branch per target."""

    sources: list[Box]
    joined: Box
    name: str | None
    split: Box | None
    targets: list[Box]

    @property
    def boxes(self) -> list[Box]:
        """All boxes in reading order."""
        return [*self.sources, self.joined, *([self.split] if self.split else []), *self.targets]


def arrange(frame: pd.DataFrame, scans: pd.DataFrame) -> Flow | None:
    """Arrange the flow table for drawing; None when it has no patients.

    Parameters
    ----------
    frame : DataFrame
        Columns step, split, target, center, kind, reason, unit, count, events, as the cohort's flow counts them.
    scans : DataFrame
        The scans table.
    """
    frame = frame.assign(**{c: frame[c].fillna("").astype(str) for c in ("split", "target", "reason", "center")})
    if not (frame["step"] == "patients").any():
        return None
    patients, baseline, followup = (_kept(frame, step) for step in ("patients", "baseline_scan", "followup_scan"))
    merge = _losses(frame[(frame["step"] == "merge") & (frame["unit"] == "patient")])
    no_record = [loss for loss in merge if loss.reason == Reason.NO_RECORD]
    left = [loss for loss in merge if loss not in no_record]
    left += _unexplained(patients, baseline, left)
    images = sorted(_losses(frame[frame["step"].isin(IMAGE_STAGES)]) + no_record, key=_order)
    joined = Box("Patients with an accepted baseline scan", baseline.get(ALL), [_where(baseline)], left)
    if followup:
        joined.lines.append(f"With an accepted follow-up scan: {numbers.count(followup.get(ALL))}")
    records = _losses(frame[(frame["step"] == "harmonise") & (frame["unit"] == "patient")])
    counts = scans["center"].value_counts().sort_index()
    return Flow(
        sources=[
            Box("Patients", patients.get(ALL), [_where(patients)], records),
            Box("Accepted head CT scans", len(scans), [_where(counts.to_dict())], images),
        ],
        joined=joined,
        **_split(frame),
    )


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Every exclusion: step, split and target, reason, unit and count by center, in the order of the flow."""
    out = frame[(frame["kind"] == "set_aside") & (frame["count"] > 0)]
    keys = ["step", "split", "target", "reason", "unit"]
    out = out.assign(**{c: out[c].fillna("").astype(str) for c in keys})
    wide = out.pivot_table(index=keys, columns="center", values="count", aggfunc="sum", sort=False, dropna=False)
    order = dict.fromkeys([*_kept(frame, "patients"), *wide.columns])  # as in the other tables, not of first appearance
    return wide[[center for center in order if center in wide]].dropna(how="all").reset_index()


def _split(frame: pd.DataFrame) -> dict:
    found = sorted({s for s in frame["split"].unique() if s}, key=names.split_order)
    if not found:
        return {"name": None, "split": None, "targets": []}
    own = frame[frame["split"] == found[0]]
    roles = {role: _kept(own, role) for role in ("train", "tune", "test")}
    box = Box(
        f"Split “{found[0]}”",
        sum(role.get(ALL, 0) for role in roles.values()),
        [f"{words}: {numbers.count(roles[role].get(ALL))} ({_where(roles[role])})" for role, words in
         (("train", "Train"), ("tune", "Tune"), ("test", "Test")) if roles[role].get(ALL)],
    )  # fmt: skip
    targets = []
    labelled = own[own["step"] == "labelled"]
    for target in labelled["target"].drop_duplicates():
        part = labelled[labelled["target"] == target]
        kept = part[(part["kind"] == "accepted") & (part["center"] == ALL)]
        n = int(kept["count"].sum())
        events = kept["events"].sum(min_count=1)
        what = names.event(target)
        known = f"With the event: {numbers.count(events)} ({numbers.percent(events, n)})" if n else "Nobody is labelled"
        title = f"{what[0].upper()}{what[1:]}: known"
        targets.append(Box(title, n, [known, _where(_kept(part, "labelled"))], _losses(part)))
    return {"name": found[0], "split": box, "targets": targets}


def _kept(frame: pd.DataFrame, step: str) -> dict[str, int]:
    own = frame[(frame["step"] == step) & (frame["kind"] == "accepted")]
    return {str(row.center): int(row.count) for row in own[["center", "count"]].itertuples(index=False, name="Row")}


def _losses(frame: pd.DataFrame) -> list[Loss]:
    out = []
    own = frame[(frame["kind"] == "set_aside") & (frame["count"] > 0)]
    for (reason, unit), part in own.groupby(["reason", "unit"], sort=False):
        by_center = part.groupby("center", sort=False)["count"].sum()
        total = int(by_center.get(ALL, by_center.sum()))
        out.append(Loss(reason, total, unit, {str(c): int(n) for c, n in by_center.items() if c not in (ALL, "")}))
    return sorted(out, key=_order)


def _order(loss: Loss) -> tuple:
    units = list(UNITS)
    return units.index(loss.unit) if loss.unit in units else len(units), -loss.count, loss.reason


def _unexplained(before: dict[str, int], after: dict[str, int], losses: list[Loss]) -> list[Loss]:
    """Patients that vanish without a reason: shown as such, so that a hole in the bookkeeping is seen."""
    gap = before.get(ALL, 0) - after.get(ALL, 0) - sum(loss.count for loss in losses)
    return [Loss("", gap, "patient", {})] if gap > 0 else []


def _where(by_center: dict[str, int]) -> str:
    return ", ".join(f"{center} {numbers.count(n)}" for center, n in by_center.items() if center != ALL and n)
