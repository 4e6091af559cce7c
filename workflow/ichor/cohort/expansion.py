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
        Growth of intraventricular hemorrhage, mL, that suffices; 0.0 = any growth at all, new hemorrhage included;
        None = ventricles are not looked at.
    source : str
        Where the definition comes from.
    ivh_strict : bool
        Whether growth in the ventricles must exceed its limit (>) or may equal it (>=).
    """

    name: str
    absolute_ml: float | None
    relative: float | None
    strict: bool
    ivh_ml: float | None
    source: str
    ivh_strict: bool = False

    @property
    def only_relative(self) -> bool:
        """Whether growth in percent is its only rule: it says nothing where that is left out."""
        return self.absolute_ml is None and self.ivh_ml is None


_YOGENDRAKUMAR = "Yogendrakumar et al., Stroke 2020 (PREDICT, n = 256); abstract and public record"
_DOWLATSHAHI = "one of the limits compared by Dowlatshahi et al. 2011 (known from those who cite it)"
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
        Definition("revised_1", 6.0, 0.33, False, 0.0, f"Standard or any new or growing IVH: {_YOGENDRAKUMAR}", True),
        Definition("revised_2", 6.0, 0.33, False, 1.0, f"Standard or IVH growth >= 1 mL: {_YOGENDRAKUMAR}"),
        Definition("absolute_12.5", 12.5, None, False, None, "Growth >= 12.5 mL: J Clin Med 2025;14:4404"),
        Definition("percent_30", None, 0.30, False, None, "Growth >= 30 %: also used by J Clin Med 2025;14:4404"),
        Definition("over_26_percent", None, 0.26, True, None, f"Growth > 26 %: {_DOWLATSHAHI}"),
        Definition("over_33_percent", None, 0.33, True, None, f"Growth > 33 %: {_DOWLATSHAHI}"),
        Definition("over_3_ml", 3.0, None, True, None, f"Growth > 3 mL: {_DOWLATSHAHI}"),
        Definition("over_6_ml", 6.0, None, True, None, f"Growth > 6 mL: {_DOWLATSHAHI}"),
        Definition("over_12.5_ml", 12.5, None, True, None, f"Growth > 12.5 mL: {_DOWLATSHAHI}"),
        Definition("ivh_over_1_ml", None, None, False, 1.0, "IVH growth > 1 mL: CLEAR III (PMC9133068)", True),
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
        False leaves the rule in percent out (a tiny baseline makes any growth a large percentage). A definition that
        has no other rule is then never met: see `Definition.only_relative`.

    Returns
    -------
    bool
        True if one of the definition's rules is met. Differences below `TOLERANCE_ML` are none.
    """
    growth_ml = followup_iph_ml - baseline_iph_ml
    met = []
    if rule.absolute_ml is not None:
        met.append(reaches(growth_ml, rule.absolute_ml, rule.strict))
    if rule.relative is not None and use_relative:
        # compared in mL: no division by the baseline
        met.append(reaches(growth_ml, rule.relative * baseline_iph_ml, rule.strict))
    if rule.ivh_ml is not None:
        met.append(reaches(followup_ivh_ml - baseline_ivh_ml, rule.ivh_ml, rule.ivh_strict))
    return any(met)


def reaches(growth_ml: float, limit_ml: float, strict: bool) -> bool:
    """Whether a growth is above its limit (`strict`) or at least at it; differences below `TOLERANCE_ML` are none."""
    return growth_ml > limit_ml + TOLERANCE_ML if strict else growth_ml >= limit_ml - TOLERANCE_ML
