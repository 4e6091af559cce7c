"""What explains that an output of two runs differs: the first thing that differed on the way to it.

With a record of every job, an output's causes are what differs among its own job's ingredients (parameters, code,
package versions, Python, seed) and the causes of those of its inputs that differ. A job whose ingredients are all equal
and whose output still differs is explained by another machine, or by nothing. Without records of jobs, whatever differs
between the two runs as a whole may be the cause, and is named.
"""

from collections.abc import Callable, Mapping

from ichor.provenance import maker_of
from ichor.verify.runs import Run

MACHINE = ("system", "release", "architecture", "processor", "accelerators")  # what can change a number


UNHASHED = {"index_center"}  # reads an archive that is too large to hash
ASIDE = {"study", "other", "store"}  # parts of the config that change no number
KEY = "key"  # name under which a job's record keeps the digest of the pseudonyms' key


def flat(value: object, prefix: str = "") -> dict[str, object]:
    """Nested mapping as one level, ``{"a.b": 1}``; lists stay whole."""
    if isinstance(value, Mapping) and (value or not prefix):
        return {
            k: v for key, item in value.items() for k, v in flat(item, f"{prefix}.{key}" if prefix else key).items()
        }
    return {prefix: value}


def changed(here: Mapping, other: Mapping) -> dict[str, tuple[object, object]]:
    """Keys whose values differ -> (here, other); `ABSENT` where one has no such key."""
    keys = dict.fromkeys([*here, *other])
    pairs = {key: (here.get(key, ABSENT), other.get(key, ABSENT)) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


class _Absent:
    """Stands for a key that one side does not have."""

    def __repr__(self) -> str:
        return "(none)"


ABSENT = _Absent()


def ingredients(job: Mapping, other: Mapping) -> list[str]:
    """What differs between two records of one job, files apart: ``["parameter spec.c", "code", "packages"]``.

    The digest that a rule carries as parameter ``code`` is left out: the record names the modules.
    """
    params = [{k: v for k, v in side.get("params", {}).items() if k != "code"} for side in (job, other)]
    found = [f"parameter {key}" for key in changed(*map(flat, params))]
    return found + [kind for kind in ("code", "packages", "python") if job.get(kind) != other.get(kind)]


def explainer(here: Run, other: Run) -> Callable[[str], list[str]]:
    """Function that names the causes of an output's difference; an empty list says that nothing explains it."""
    machine = [
        f"machine {key}"
        for key in MACHINE
        if (here.record["machine"].get(key) or None) != (other.record["machine"].get(key) or None)
    ]
    if not here.jobs or not other.jobs:
        known = _of_the_whole_run(here, other) or machine
        return lambda path: known
    makers = {path: identity for identity, job in here.jobs.items() for path in job["outputs"]}
    done: dict[str, list[str]] = {}

    def causes(path: str) -> list[str]:
        if path in done:
            return done[path]
        identity = maker_of(path, makers)
        if identity is None:
            return [f"input {path}"]
        if identity not in other.jobs:
            return [f"the other run has no job {named(identity)}"]
        job, twin = here.jobs[identity], other.jobs[identity]
        own = [f"{kind} of {job['rule']}" for kind in ingredients(job, twin)]
        found = list(dict.fromkeys([*own, *_read(job, twin, causes)]))
        if not found and job["rule"] in UNHASHED:
            found = [f"the files that {job['rule']} reads, which no record hashes"]
        if not found:
            found = machine or ([] if job.get("threads") == twin.get("threads") else [f"threads of {job['rule']}"])
        done[path] = found
        return found

    return causes


def _read(job: Mapping, other: Mapping, causes: Callable[[str], list[str]]) -> list[str]:
    """Causes in what a job reads. A file that differs in a part that the job does not read is none."""
    names = changed(job.get("read", {}), other.get("read", {}))
    if not names and "read" in job and "read" in other:
        return []
    files = changed(job["inputs"], other["inputs"])
    found = [cause for file in files for cause in causes(file)]
    if KEY in names:
        found.append("key of the pseudonyms")
    elif not files:
        found += [f"what {job['rule']} reads ({name})" for name in names]
    return found


def named(identity: tuple) -> str:
    """A job in words: its rule and wildcards."""
    rule, wildcards = identity
    return "/".join([rule, *(str(value) for _, value in wildcards)])


def _of_the_whole_run(here: Run, other: Run) -> list[str]:
    mine, theirs = here.record, other.record
    configs = ({key: value for key, value in side["config"].items() if key not in ASIDE} for side in (mine, theirs))
    found = [f"config {key}" for key in changed(*map(flat, configs))]
    found += [f"package {key}" for key in changed(mine["packages"], theirs["packages"])]
    found += [key for key in ("ichor", "python", "seed") if mine[key] != theirs[key]]
    hashes = ({entry["path"]: entry["sha256"] for entry in side["inputs"]} for side in (mine, theirs))
    return found + [f"input {path}" for path in changed(*hashes)]
