"""Compare two runs: versions, config, seed, machine, code, inputs and outputs, and the tables behind the outputs."""

import re
from collections.abc import Callable, Iterable, Mapping

import pandas as pd

from ichor import tables
from ichor.verify import waists
from ichor.verify.causes import ABSENT, MACHINE, changed, explainer, flat, named
from ichor.verify.runs import Run

PREDICTIONS = re.compile(r"results/predictions/(?P<name>[^/]+/[^/]+/[^/]+)\.parquet")
METRICS = "results/evaluation/metrics.tsv"
MASKS = "results/masks.tsv"
NOT_THERE = "the table is not beside the provenance file, or was changed since"


def compare(here: Run, other: Run) -> pd.DataFrame:
    """Everything in which two runs differ, and how much was equal.

    Parameters
    ----------
    here, other : Run
        The study's own run and the one it is compared with.

    Returns
    -------
    DataFrame
        Table ``verification``. Every subject has one row named ``all`` with the number of things compared on both
        sides and, as ``difference``, how many of them are not equal; then one row per thing that differs. Ingredients
        (versions, config, seed, machine, code, parameters, inputs) are ``different``; results (outputs, predictions,
        metrics, masks) are ``explained`` or ``unexplained``, and ``why`` names what explains them.
    """
    why = explainer(here, other)
    mine, theirs = here.record, other.record
    versions = [dict(ichor=side["ichor"], python=side["python"]) | side["packages"] for side in (mine, theirs)]
    machines = [
        {key: side["machine"].get(key) or None for key in (*MACHINE, "cores", "memory_gb")} for side in (mine, theirs)
    ]
    inputs = [{entry["path"]: entry["sha256"] for entry in side["inputs"]} for side in (mine, theirs)]
    rows = [
        *_ingredients("versions", *versions),
        *_ingredients("seed", {"seed": mine["seed"]}, {"seed": theirs["seed"]}),
        *_ingredients("config", flat(mine["config"]), flat(theirs["config"])),
        *_ingredients("machine", *machines),
        *_ingredients("code", *(_by_rule(run, "code") for run in (here, other)), quantity="sha256"),
        *_ingredients("parameters", *(_by_rule(run, "params") for run in (here, other))),
        *_ingredients("inputs", *inputs, quantity="sha256"),
        *_outputs(here.outputs, other.outputs, why),
        *_predictions(here, other, why),
        *_table("metrics", METRICS, here, other, why),
        *_table("masks", MASKS, here, other, why),
    ]
    return tables.frame("verification", [row | {side: _text(row[side]) for side in ("here", "other")} for row in rows])


def _by_rule(run: Run, kind: str) -> dict[str, object]:
    """Code digests, or parameters, of all jobs: ``{"<rule> <module>": digest}``, ``{"<job> <parameter>": value}``."""
    found = {}
    for identity, job in run.jobs.items():
        owner = job["rule"] if kind == "code" else named(identity)
        values = {key: value for key, value in job.get(kind, {}).items() if (kind, key) != ("params", "code")}
        found |= {f"{owner} {key}": value for key, value in flat(values).items() if values}
    return found


def _ingredients(subject: str, here: Mapping, other: Mapping, quantity: str = "value") -> Iterable[dict]:
    different = changed(here, other)
    yield _all(subject, len(here), len(other), len(different))
    for name, pair in different.items():
        yield _row(subject, name, quantity, *pair, verdict=_verdict(pair, "different"))


def _outputs(here: Mapping, other: Mapping, why: Callable[[str], list[str]]) -> Iterable[dict]:
    different = changed(here, other)
    yield _all("outputs", len(here), len(other), len(different))
    for path, pair in different.items():
        yield _row("outputs", path, "sha256", *pair, **_judged(pair, why(path)))


def _predictions(here: Run, other: Run, why: Callable[[str], list[str]]) -> Iterable[dict]:
    paths = [path for path in dict.fromkeys([*here.outputs, *other.outputs]) if PREDICTIONS.fullmatch(path)]
    rows, unequal = [], 0
    for path in paths:
        name = PREDICTIONS.fullmatch(path)["name"]
        found = _differences("predictions", path, here, other, why, lambda a, b: {"": waists.predictions(a, b)})
        unequal += bool(found)
        rows += [row | {"name": row["name"] or name} for row in found]
    both = [sum(path in run.outputs for path in paths) for run in (here, other)]
    yield _all("predictions", *both, unequal)
    yield from rows


def _table(subject: str, path: str, here: Run, other: Run, why: Callable[[str], list[str]]) -> Iterable[dict]:
    read = {
        "metrics": lambda a, b: {"all": waists.metrics(a, b)},
        "masks": waists.masks,
    }[subject]
    found = _differences(subject, path, here, other, why, read)
    yield _all(subject, int(path in here.outputs), int(path in other.outputs), int(bool(found)))
    yield from ({**row, "name": row["name"] or path} for row in found)


def _differences(
    subject: str,
    path: str,
    here: Run,
    other: Run,
    why: Callable[[str], list[str]],
    read: Callable[..., dict[str, list[dict]]],
) -> list[dict]:
    """Rows on one output table: none when both runs wrote the same, whether in bytes or in content."""
    pair = here.outputs.get(path, ABSENT), other.outputs.get(path, ABSENT)
    if pair[0] == pair[1]:
        return []
    if ABSENT in pair:
        return [_row(subject, "", "table", *pair, verdict=_verdict(pair, "different"))]
    files = here.table(path), other.table(path)
    if None in files:
        return [_row(subject, "", "table", *pair, verdict="not_compared", why=NOT_THERE)]
    rows = []
    for name, figures in read(*files).items():
        if waists.equal(figures):
            continue
        for figure in figures:
            given = {"name": name} | figure
            zero = given["difference"] == 0 and given["quantity"] != "rows"
            judged = dict(verdict="equal") if given["difference"] == 0 else _judged((0, 1), why(path))
            if not (zero and subject == "metrics"):
                rows.append(_row(subject, **given, **judged))
    return rows


def _judged(pair: tuple, causes: list[str]) -> dict:
    if ABSENT in pair:
        return dict(verdict=_verdict(pair, "different"))
    return dict(verdict="explained", why="; ".join(causes)) if causes else dict(verdict="unexplained")


def _verdict(pair: tuple, otherwise: str) -> str:
    return "only_other" if pair[0] is ABSENT else "only_here" if pair[1] is ABSENT else otherwise


def _all(subject: str, here: int, other: int, different: int) -> dict:
    return _row(subject, "all", "count", here, other, different, verdict="different" if different else "equal")


def _row(
    subject: str,
    name: str,
    quantity: str,
    here: object,
    other: object,
    difference: float | None = None,
    verdict: str = "different",
    why: str | None = None,
) -> dict:
    return dict(
        subject=subject,
        name=name,
        quantity=quantity,
        here=here,
        other=other,
        difference=difference,
        verdict=verdict,
        why=why,
    )


def _text(value: object) -> str | None:
    if value is None or value is ABSENT:
        return None
    return f"{value:.6g}" if isinstance(value, float) else str(value)
