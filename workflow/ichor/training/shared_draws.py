"""Arms of one experiment start from the same weights and see their rows in the same order.

Networks that differ in how they treat rare events and in nothing else are compared with one another. What is drawn for
each by itself would be part of their difference, so that an arm takes the draws of its plain twin.
"""

from collections.abc import Mapping

PLAIN = "none"


def draws_of(model: str, specs: Mapping[str, Mapping], targets: Mapping[str, str]) -> str:
    """Name of the model whose draws a model takes.

    Parameters
    ----------
    model : str
        Name of a model.
    specs : mapping
        Name -> complete settings of the models of its task, in the order of the config.
    targets : mapping
        Name -> what each predicts.

    Returns
    -------
    str
        The first network without balancing that has the same settings but for ``balance`` and the same target; the
        model's own name where there is none, for a network without balancing, and for what is no network.
    """
    own = specs[model]
    if _plain(own) is not False:
        return model
    twins = (name for name, spec in specs.items() if _plain(spec) and targets[name] == targets[model])
    return next((name for name in twins if _rest(specs[name]) == _rest(own)), model)


def _plain(spec: Mapping) -> bool | None:
    """Whether a network is trained without balancing; None for what is no network."""
    return spec["balance"]["arm"] == PLAIN if "balance" in spec else None


def _rest(spec: Mapping) -> dict:
    return {name: value for name, value in spec.items() if name != "balance"}
