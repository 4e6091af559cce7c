"""What the attributions to time courses and reports take from the config."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CourseSettings:
    """Keys of part ``explanations`` of the config that attributions to time courses and to reports need.

    Attributes
    ----------
    similarity_limit : float
        Of the gate, see `ichor.explain.gate.passes`.
    gate_patients, patients, pictures_per_group : int
        How many patients the gate, the means and each group of pages look at.
    cascade_steps : int
        Networks of the cascade.
    steps : int
        Points of the path of integrated gradients.
    permuted_epochs : float
        Share of the epochs that a network on permuted labels is trained for; 0 = there is none.
    """

    similarity_limit: float
    gate_patients: int
    patients: int
    pictures_per_group: int
    cascade_steps: int
    steps: int
    permuted_epochs: float = 0.0
