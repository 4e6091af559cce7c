"""What can be predicted: the targets of each task, and which of them a model of the config asks for."""

from collections.abc import Mapping

from ichor.errors import StudyError

TARGETS = {
    "expansion": ("expansion",),
    "outcome": ("poor_outcome", "death"),
    "deterioration": ("deterioration_7d", "deterioration_early", "deterioration_late"),
}
"""Task -> its targets, the default first. A target's label is the column ``label_<target>`` of the cohort table."""
OUTCOMES = TARGETS["outcome"]
"""Targets that the config defines by a variable and its poor values: ``cohort.poor_outcome``, ``cohort.death``."""

TRAJECTORY = ("survival_30d", "survival_180d", "good_180d")
"""Targets of task ``trajectory``, each of which implies the one before it; their labels are those of the steps of a
course, and every model of the task answers all of them."""


def label_columns() -> dict[str, str]:
    """Each target with the column of the cohort table that holds its label."""
    return {target: f"label_{target}" for targets in TARGETS.values() for target in targets}


def target_of_model(task: str, entry: Mapping, where: str) -> str:
    """Target that a model predicts.

    Parameters
    ----------
    task : str
        Task under which the config lists the model.
    entry : mapping
        The config entry; ``target`` names one of the task's targets, without it the first one is meant.
    where : str
        What a message calls the entry, for example ``models.outcome.densenet``.

    Raises
    ------
    StudyError
        If the task has no such target.
    """
    known = TARGETS[task]
    target = entry.get("target", known[0]) if isinstance(entry, Mapping) else known[0]
    if target not in known:
        raise StudyError(f"{where}.target: found {target!r}; task {task} has the target {' or '.join(known)}")
    return target
