"""Hematoma expansion: the published definitions, and the rule of each applied to a pair of volumes."""

from dataclasses import dataclass

from ichor.errors import StudyError

# Volumes are floating point: 26.1 - 20.1 is not 6.0. A millionth of a milliliter (0.001 mm3) is below any voxel.
TOLERANCE_ML = 1e-6


@dataclass(frozen=True)
class Definition:
    """What growth from baseline to follow-up counts as expansion; any one rule suffices.

    Attributes
    ----------
    name : str
        Value of the config key ``cohort.expansion.definition``.
    absolute_ml : float or None
        Growth of the parenchymal hematoma, mL.
    relative : float or None
        Growth of the parenchymal hematoma as a part of its baseline volume (0.33 = 33 %).
    strict : bool
        Whether growth must exceed both limits (>) or may equal them (>=).
    ivh_ml : float or None
        Growth of intraventricular hemorrhage, mL, that suffices (>=); 0.0 = any growth at all (>), new hemorrhage
        included; None = ventricles are not looked at.
    source : str
        Where the definition comes from.
    """

    name: str
    absolute_ml: float | None
    relative: float | None
    strict: bool
    ivh_ml: float | None
    source: str


_YOGENDRAKUMAR = "Yogendrakumar et al., Stroke 2020 (PREDICT, n = 256); abstract and public record"
DEFINITIONS = {
    one.name: one
    for one in (
        Definition(
            "standard", 6.0, 0.33, False, None,
            "Growth >= 6 mL or >= 33 %: Yogendrakumar et al., abstract; Sci Rep 2025, s41598-025-17393-4",
        ),
        Definition(
            "strict", 6.0, 0.33, True, None,
            "Growth > 6 mL or > 33 %: Brouwers et al. 2014 (PMC4131760); NAG (PMID 29958849)",
        ),
        Definition("brain", 6.0, None, False, None, "Growth >= 6 mL at 24 h: Wang et al., BRAIN (PMID 25503550)"),
        Definition("revised_1", 6.0, 0.33, False, 0.0, f"Standard or any new or growing IVH: {_YOGENDRAKUMAR}"),
        Definition("revised_2", 6.0, 0.33, False, 1.0, f"Standard or IVH growth >= 1 mL: {_YOGENDRAKUMAR}"),
        Definition("absolute_12.5", 12.5, None, False, None, "Growth >= 12.5 mL: J Clin Med 2025;14:4404"),
    )
}  # fmt: skip


def definition(name: str) -> Definition:
    """Look up a definition by its name in the config.

    Raises
    ------
    StudyError
        If there is no such definition.
    """
    if name not in DEFINITIONS:
        raise StudyError(
            f"config key cohort.expansion.definition: unknown definition {name!r}; "
            f"expected one of {', '.join(DEFINITIONS)}."
        )
    return DEFINITIONS[name]


def expanded(
    rule: Definition,
    *,
    baseline_iph_ml: float,
    followup_iph_ml: float,
    baseline_ivh_ml: float = 0.0,
    followup_ivh_ml: float = 0.0,
    use_relative: bool = True,
) -> bool:
    """Whether a pair of volumes is an expansion.

    Parameters
    ----------
    rule : Definition
        One of `DEFINITIONS`.
    baseline_iph_ml, followup_iph_ml : float
        Parenchymal hemorrhage on both scans, mL, at least 0, measured in the same way.
    baseline_ivh_ml, followup_ivh_ml : float
        Intraventricular hemorrhage on both scans, mL.
    use_relative : bool
        False leaves the rule in percent out (a tiny baseline makes any growth a large percentage).

    Returns
    -------
    bool
        True if one of the definition's rules is met. Differences below `TOLERANCE_ML` are none.
    """
    growth_ml = followup_iph_ml - baseline_iph_ml
    met = []
    if rule.absolute_ml is not None:
        met.append(_reaches(growth_ml, rule.absolute_ml, rule.strict))
    if rule.relative is not None and use_relative:
        # compared in mL: no division by the baseline
        met.append(_reaches(growth_ml, rule.relative * baseline_iph_ml, rule.strict))
    if rule.ivh_ml is not None:
        met.append(_reaches(followup_ivh_ml - baseline_ivh_ml, rule.ivh_ml, strict=rule.ivh_ml == 0.0))
    return any(met)


def _reaches(growth_ml: float, limit_ml: float, strict: bool) -> bool:
    return growth_ml > limit_ml + TOLERANCE_ML if strict else growth_ml >= limit_ml - TOLERANCE_ML
