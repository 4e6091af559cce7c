"""Settings that every sequence network of a time course shares, with their defaults; all defaults are our choice."""

from ichor.errors import StudyError

SEQUENCE_SPEC = {
    "variables": None,  # variables of the course that are read; null = all that train rows have a value of
    "record": [],  # columns of the cohort table that are read too, known at admission
    "width": 32,  # numbers that stand for a time point inside the network
    "layers": 2,
    "dropout": 0.3,  # of the network's inner numbers, in training
    "value_dropout": 0.15,  # share of the measured values that an epoch of training hides, so that gaps are learned
    "rarity": 0.5,  # how much the rarer answer weighs more in the loss: 0 = not at all, 1 = until both weigh the same
    "training": {
        "epochs": 60,
        "batch_size": 32,  # patients
        "learning_rate": 0.006,
        "weight_decay": 0.05,
        "warmup_epochs": 3,
        "keep": "best",  # best (by the loss of the tune rows) | last epoch
        "patience": 15,  # epochs without a better tune loss before training stops; 0 = never
        "checkpoint_every_epochs": 20,
        "seeds": 5,  # networks whose probabilities are averaged, and whose spread is the interval
    },
}
"""Settings of the family ``sequence``; a kind's own ``SPEC`` adds to them and may change defaults."""


def check_sequence(spec: dict, where: str) -> None:
    """Refuse settings that no sequence network can have.

    Parameters
    ----------
    spec : dict
        Complete settings.
    where : str
        What a message calls the entry, for example ``"models.trajectory.gru"``.

    Raises
    ------
    ichor.errors.StudyError
        Names the setting, what was found and what to write instead.
    """
    for name, least in (("width", 2), ("layers", 1), ("heads", 1)):
        if spec.get(name, least) < least:
            raise StudyError(f"{where}.{name}: found {spec[name]}; write {least} or more")
    for name in ("dropout", "value_dropout"):
        if not 0 <= spec[name] < 1:
            raise StudyError(f"{where}.{name}: found {spec[name]}; write 0 to less than 1")
    if not 0 <= spec["rarity"] <= 1:
        raise StudyError(f"{where}.rarity: found {spec['rarity']}; write 0 to 1")
    if spec["width"] % (2 * spec.get("heads", 1)):
        raise StudyError(f"{where}.width: found {spec['width']}; write a multiple of {2 * spec.get('heads', 1)}")
    if spec["variables"] is not None and not isinstance(spec["variables"], list):
        raise StudyError(f"{where}.variables: found {spec['variables']!r}; write a list of names, or null for all")
