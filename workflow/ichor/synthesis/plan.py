"""What a study's config asks of synthesis: generators, who uses them, how many cases are made."""

import math
from collections.abc import Mapping

import pandas as pd

from ichor.errors import StudyError
from ichor.models import registry as models_registry
from ichor.settings import hint
from ichor.synthesis import registry
from ichor.training.balance import RATIOS, Balance, events_to_add

SPARE = 0.25
"""So many more cases are made than the largest ratio needs, as a part of them, because some may be refused. Our choice:
the refusal limit of the check is itself a low quantile of the distances between real cases."""


def resolve_generators(config: Mapping) -> dict[str, dict]:
    """Settings of every generator of a config by name, checked and complete; null takes one out.

    Raises
    ------
    ichor.errors.StudyError
        On an unknown kind or setting.
    """
    named = config["synthesis"]["generators"]
    return {
        name: registry.resolve(spec, f"synthesis.generators.{name}") for name, spec in named.items() if spec is not None
    }


def used_generators(models: Mapping[str, Mapping[str, dict]], generators: Mapping[str, dict]) -> list[str]:
    """Names of the generators that models train on.

    Parameters
    ----------
    models : mapping
        Complete settings of every model: task -> name -> spec.
    generators : mapping
        As of `resolve_generators`.

    Raises
    ------
    ichor.errors.StudyError
        On wrong settings ``balance`` of a model, or a generator that the config does not have.
    """
    used = {}
    for task, named in models.items():
        for name, spec in named.items():
            if (generator := generator_of(spec, f"models.{task}.{name}")) is None:
                continue
            if generator not in generators:
                known = ", ".join(generators) or "none"
                raise StudyError(
                    f"models.{task}.{name}.balance.generator: synthesis.generators has no {generator!r}"
                    f"{hint(generator, generators)}; there are: {known}"
                )
            used[generator] = None
    return list(used)


def generator_of(spec: Mapping, where: str = "models") -> str | None:
    """Name of the generator that a model trains on, None for most; the model's ``balance`` is checked.

    Raises
    ------
    ichor.errors.StudyError
        On wrong settings.
    """
    if "balance" not in spec:
        return None
    try:
        balance = Balance.of(spec)
    except StudyError as error:
        raise StudyError(f"{where}.{error}") from error
    return balance.generator or None


def candidates_wanted(labels: pd.Series) -> int:
    """How many cases of label 1 are made for a split: for the largest ratio there is, and `SPARE` more.

    Parameters
    ----------
    labels : pandas.Series
        Labels 0, 1 or missing of the train rows.
    """
    events, others = int((labels == 1).sum()), int((labels == 0).sum())
    return math.ceil(max(events_to_add(events, others, ratio) for ratio in RATIOS) * (1 + SPARE))


def feature_network(models: Mapping[str, Mapping[str, dict]]) -> tuple[str, str] | None:
    """Task and name of the network in whose features synthetic cases are compared with real ones.

    The first network that reads the scan alone and trains on no synthetic case; one that trains on some can only be
    fitted after they were checked.

    Parameters
    ----------
    models : mapping
        Complete settings of every model: task -> name -> spec.
    """
    for task, named in models.items():
        for name, spec in named.items():
            image_only = models_registry.family(spec["kind"]) == "network" and not models_registry.reads_record(spec)
            if image_only and generator_of(spec, f"models.{task}.{name}") is None:
                return task, name
    return None
