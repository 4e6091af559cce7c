"""Why a file is out of date, in words: printed by ``snakemake -n FILE --config explain=true``."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ichor.jobs.hashes import content


@dataclass(frozen=True)
class OutdatedJob:
    """A job that Snakemake plans, and what it says of the reason.

    Attributes
    ----------
    rule : str
        Name of its script.
    wildcards : mapping
        Its wildcards.
    missing, changed : sequence of str
        Outputs that are not there; inputs with other content than last time.
    other_inputs : bool
        Whether the list of its inputs is another one.
    forced : bool
        Whether it was asked for with ``--force``, ``--forcerun`` or the like.
    params, code : mapping
        Its parameters and the digests of its code, now.
    record : mapping or None
        What it wrote when it last ran, see `ichor.jobs.record`.
    """

    rule: str
    wildcards: Mapping[str, str]
    missing: Sequence[str] = ()
    changed: Sequence[str] = ()
    other_inputs: bool = False
    forced: bool = False
    params: Mapping[str, object] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    record: Mapping | None = None

    @property
    def name(self) -> str:
        """Rule and wildcards, for people."""
        return f"{self.rule} {' '.join(map(str, self.wildcards.values()))}".strip()


def explain(jobs: Iterable[OutdatedJob]) -> str:
    """Say which changes make which jobs run.

    Parameters
    ----------
    jobs : iterable of OutdatedJob
        All jobs that are planned, each after those that it depends on.

    Returns
    -------
    str
        The jobs that were never done, counted by rule; those with a reason of their own, each with the reason; and,
        counted, those that run only because what they read is made again.
    """
    causes, new, following = [], Counter(), Counter()
    for job in jobs:
        reasons = own_reasons(job)
        if job.record is None:
            new[job.rule] += 1
        elif reasons:
            about = f"{job.name} (last run {job.record['started']})"
            causes.append(f"  {about}\n" + "".join(f"    {reason}\n" for reason in reasons))
        else:
            following[job.rule] += 1
    text = f"Never done here: {_counted(new)}.\n" if new else ""
    text += "Out of date:\n" + "".join(causes) if causes else ""
    if following:
        text += (
            f"What follows from it: {_counted(following)}.\n"
            "  A job that follows keeps its outputs if what it reads turns out to be the same.\n"
        )
    return text or "Nothing is out of date.\n"


def changed_inputs(newer: Iterable[str], record: Mapping | None) -> list[str]:
    """Inputs, of those that are newer than a job's outputs, whose content is not what the job read.

    Snakemake takes every newer input for changed when an output of the job is missing.
    """
    known = record["inputs"] if record else {}
    return [str(path) for path in newer if known.get(str(path)) is None or content(path)[0] != known[str(path)]]


def own_reasons(job: OutdatedJob) -> list[str]:
    """Reasons of a job that was done before which do not come from the jobs before it."""
    if job.record is None:
        return []
    reasons = ["it was asked for on the command line"] if job.forced else []
    reasons += [f"{path} is not there" for path in _short(job.missing)]
    reasons += [f"{path} has other content than when it was last read" for path in _short(job.changed)]
    if job.other_inputs:
        reasons.append("it reads other files than last time")
    reasons += _changed_settings(job.record["params"], job.params)
    return reasons + _changed_code(job.record["code"], job.code)


def _changed_settings(before: Mapping, now: Mapping) -> list[str]:
    old, new = flat(before), flat(now)
    names = [name for name in dict.fromkeys([*old, *new]) if name != "code"]
    return [
        f"setting {name}: {_show(old, name)} before, {_show(new, name)} now"
        for name in names
        if old.get(name, "absent") != new.get(name, "absent")
    ]


def _changed_code(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    if not now:
        return []
    kinds = {
        "changed": [name for name in now if name in before and now[name] != before[name]],
        "new": [name for name in now if name not in before],
        "no longer used": [name for name in before if name not in now],
    }
    return [f"code: {', '.join(names)} {kind}" for kind, names in kinds.items() if names]


def flat(value: object, place: str = "") -> dict[str, object]:
    """Nested settings as one level: ``{"plan.spacing_mm.0": 2.4}``."""
    if isinstance(value, Mapping):
        items = [(f"{place}.{key}" if place else str(key), item) for key, item in value.items()]
    elif isinstance(value, list | tuple) and value:
        items = [(f"{place}.{number}", item) for number, item in enumerate(value)]
    else:
        return {place: value}
    return {name: found for key, item in items for name, found in flat(item, key).items()}


def _show(settings: Mapping[str, object], name: str) -> str:
    return repr(settings[name]) if name in settings else "not set"


def _short(paths: Sequence[str], most: int = 3) -> list[str]:
    """At most a few paths, and how many more there are."""
    names = [str(Path(path)) for path in sorted(paths)]
    return names if len(names) <= most else [*names[: most - 1], f"{names[most - 1]} (and {len(names) - most} more)"]


def _counted(rules: Counter) -> str:
    return ", ".join(f"{rule} ({number})" if number > 1 else rule for rule, number in rules.items())
