"""How much work is spent on a scan: the profiles ``fast``, ``default`` and ``max``, and what the config changes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from ichor.errors import StudyError

REGIONS = ("brain", "head")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Profile:
    """Settings of inference.

    Attributes
    ----------
    step_size : float
        Distance of tiles as a share of the tile, in (0, 1].
    mirroring : bool
        Average over left-right mirror images as well: twice the time.
    region : str
        What is shown to the network: the box of the ``"head"``, as in training, or that of the ``"brain"`` in it.
    precision : str
        ``"float32"``, or ``"bfloat16"`` where the processor computes in it (AVX-512 BF16, AMX). On a GPU, networks
        run mixed with float16 whatever stands here, as nnU-Net's do.
    """

    step_size: float
    mirroring: bool
    region: str
    precision: str


PROFILES = {
    "fast": Profile(step_size=0.5, mirroring=False, region="brain", precision="bfloat16"),
    "default": Profile(step_size=0.5, mirroring=False, region="head", precision="float32"),
    "max": Profile(step_size=0.5, mirroring=True, region="head", precision="float32"),
}
"""What each costs and how good it is: docs/explanation/segmentation-networks.md. None has larger steps or tiles: the
norms of a U-Net are taken over a tile, so what it finds depends on where tiles lie, and few tiles average little out.
"""
OVERRIDES = ("mirroring", "step_size", "region", "precision")


def profile_of(options: Mapping[str, object]) -> Profile:
    """Profile that the config's ``segmentation.inference`` asks for.

    Parameters
    ----------
    options : mapping
        ``profile``, a word of `PROFILES` (absent: ``default``), and keys `OVERRIDES`; one that is absent or None keeps
        the profile's value.

    Raises
    ------
    StudyError
        If a word is not known or a number is out of range.
    """
    name = options.get("profile", "default")
    if name not in PROFILES:
        raise StudyError(f"segmentation.inference.profile: found {name!r}; write one of {', '.join(PROFILES)}.")
    unknown = [key for key in options if key not in ("profile", *OVERRIDES)]
    if unknown:
        raise StudyError(
            f"segmentation.inference: unknown key {unknown[0]!r}; known: {', '.join(('profile', *OVERRIDES))}."
        )
    changes = {key: options[key] for key in OVERRIDES if options.get(key) is not None}
    for key, words in (("region", REGIONS), ("precision", PRECISIONS)):
        if key in changes and changes[key] not in words:
            raise StudyError(f"segmentation.inference.{key}: found {changes[key]!r}; write one of {', '.join(words)}.")
    if not 0 < changes.get("step_size", 1.0) <= 1:
        raise StudyError(
            f"segmentation.inference.step_size: found {changes['step_size']!r}; write a number above 0, at most 1."
        )
    return replace(PROFILES[name], **changes)


def inference_settings(options: Mapping[str, object]) -> dict[str, object]:
    """Give every setting of `profile_of` by its name: what a rule depends on, however the config says it."""
    return asdict(profile_of(options))
