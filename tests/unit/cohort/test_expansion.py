import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ichor.cohort.dictionary import variables
from ichor.cohort.expansion import DEFINITIONS, definition, expanded
from ichor.cohort.scan_pairs import TABLE_LABELS
from ichor.errors import StudyError

EPS = 1e-4


def is_expansion(name, baseline, growth, ivh=(0.0, 0.0)):
    return expanded(
        definition(name),
        baseline_iph_ml=baseline,
        followup_iph_ml=baseline + growth,
        baseline_ivh_ml=ivh[0],
        followup_ivh_ml=ivh[1],
    )


# At each edge of each definition: below, at and above the limit. Baselines are such that no other rule is met there.
EDGES = {
    "6 mL": (6.0, [20.1, 30.0, 40.7, 100.3]),
    "3 mL": (3.0, [20.1, 40.7, 100.3]),
    "12.5 mL": (12.5, [50.1, 77.7, 100.3]),
    "33 %": (0.33, [1.0, 3.3, 10.0, 17.7]),
    "30 %": (0.30, [1.0, 3.3, 9.9]),
    "26 %": (0.26, [1.0, 3.3, 9.9]),
}
AT_LEAST, MORE, NEVER, ALWAYS = (False, True, True), (False, False, True), (False,) * 3, (True,) * 3
DECISIONS = {
    "6 mL": dict(
        standard=AT_LEAST, strict=MORE, brain=AT_LEAST, revised_1=AT_LEAST, revised_2=AT_LEAST, over_6_ml=MORE,
        over_3_ml=ALWAYS,
    ),
    "3 mL": dict(over_3_ml=MORE),
    "12.5 mL": {"absolute_12.5": AT_LEAST, "over_12.5_ml": MORE}
    | dict.fromkeys(("standard", "strict", "brain", "revised_1", "revised_2", "over_6_ml", "over_3_ml"), ALWAYS),
    "33 %": dict(
        standard=AT_LEAST, strict=MORE, revised_1=AT_LEAST, revised_2=AT_LEAST, over_33_percent=MORE,
        percent_30=ALWAYS, over_26_percent=ALWAYS,
    ),
    "30 %": dict(percent_30=AT_LEAST, over_26_percent=ALWAYS),
    "26 %": dict(over_26_percent=MORE),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
@pytest.mark.parametrize("edge", EDGES)
def test_every_definition_at_every_edge(edge, name):
    limit, baselines = EDGES[edge]
    for baseline in baselines:
        growth = limit * baseline if limit < 1 else limit
        if growth > 3.0 - EPS and edge.endswith("%") and name == "over_3_ml":
            continue  # its own limit is met on the way
        if edge.endswith("mL") and growth >= 0.26 * baseline - EPS and "percent" in name:
            continue
        found = tuple(is_expansion(name, baseline, value) for value in (growth - EPS, growth, growth + EPS))
        assert found == DECISIONS[edge].get(name, NEVER), baseline


@pytest.mark.parametrize(
    ("name", "at_least"), [("revised_1", None), ("revised_2", AT_LEAST), ("ivh_over_1_ml", MORE), ("standard", NEVER)]
)
@pytest.mark.parametrize("before", [0.0, 0.7, 4.1, 33.3])
def test_one_milliliter_in_the_ventricles(name, at_least, before):
    found = tuple(is_expansion(name, 20.0, 1.0, (before, before + 1.0 + step)) for step in (-EPS, 0.0, EPS))
    assert found == (at_least or ALWAYS)


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_volumes_counted_in_voxels_keep_the_edge(name):
    """6.0 mL as the difference of two sums of voxels is rarely 6.0 in floating point."""
    voxel_ml = 0.45 * 0.45 * 5.0 / 1000
    for voxels in np.arange(7_000, 300_000, 13_337):
        baseline = voxels * voxel_ml
        followup = baseline + 6.0
        rebuilt = sum([followup / 7] * 7)
        found = expanded(definition(name), baseline_iph_ml=baseline, followup_iph_ml=rebuilt)
        assert found == (
            name in ("standard", "brain", "revised_1", "revised_2", "over_3_ml")
            or (name in ("strict", "over_33_percent") and 0.33 * baseline < 6)
            or (name == "percent_30" and 0.30 * baseline < 6)
            or (name == "over_26_percent" and 0.26 * baseline < 6)
        )


@pytest.mark.parametrize(
    ("name", "ivh", "expansion"),
    [
        ("standard", (0.0, 30.0), False),
        ("strict", (0.0, 30.0), False),
        ("brain", (0.0, 30.0), False),
        ("absolute_12.5", (0.0, 30.0), False),
        ("revised_1", (0.0, 0.0), False),
        ("revised_1", (5.0, 5.0), False),
        ("revised_1", (5.0, 4.0), False),
        ("revised_1", (0.0, 0.01), True),
        ("revised_1", (5.0, 5.2), True),
        ("revised_2", (0.0, 0.99), False),
        ("revised_2", (0.0, 1.0), True),
        ("revised_2", (4.1, 5.1), True),
        ("revised_2", (5.0, 4.0), False),
    ],
)
def test_ventricles(name, ivh, expansion):
    assert is_expansion(name, 20.0, 1.0, ivh) is expansion


def test_shrinking_is_no_expansion():
    assert not any(is_expansion(name, 30.0, -12.0) for name in DEFINITIONS)


def test_without_the_rule_in_percent():
    volumes = dict(baseline_iph_ml=0.2, followup_iph_ml=2.0)
    assert expanded(definition("standard"), **volumes)
    assert not expanded(definition("standard"), **volumes, use_relative=False)
    assert expanded(definition("standard"), baseline_iph_ml=0.2, followup_iph_ml=6.2, use_relative=False)


@given(st.floats(0.1, 200), st.floats(-50, 100), st.floats(0, 50), st.floats(0, 50))
def test_definitions_are_ordered(baseline, growth, ivh, later_ivh):
    found = {name: is_expansion(name, baseline, max(growth, -baseline), (ivh, later_ivh)) for name in DEFINITIONS}
    assert found["strict"] <= found["standard"] <= found["revised_2"] <= found["revised_1"]
    assert found["absolute_12.5"] <= found["brain"] <= found["standard"]
    assert found["over_12.5_ml"] <= found["over_6_ml"] <= found["over_3_ml"]
    assert found["over_6_ml"] <= found["brain"] and found["over_12.5_ml"] <= found["absolute_12.5"]
    assert found["over_33_percent"] <= found["percent_30"] <= found["over_26_percent"]
    assert found["ivh_over_1_ml"] <= found["revised_2"]


def test_a_definition_in_percent_alone_has_no_other_rule():
    alone = {name for name, rule in DEFINITIONS.items() if rule.only_relative}
    assert alone == {"percent_30", "over_26_percent", "over_33_percent"}


def test_config_data_dictionary_and_code_know_the_same_definitions(repository):
    schema = yaml.safe_load((repository / "workflow/schemas/config.schema.yaml").read_text())
    rule = schema["properties"]["cohort"]["properties"]["expansion"]["properties"]["definition"]
    assert rule["enum"] == list(DEFINITIONS)
    given = [name for name in variables() if name.startswith("table_expansion_")]
    assert given == list(TABLE_LABELS.values())
    page = (repository / "docs/reference/expansion-labels.md").read_text()
    assert all(f"| `{name}` |" in page for name in DEFINITIONS)


def test_unknown_definition():
    with pytest.raises(StudyError, match="'revised-1'; expected one of standard, strict"):
        definition("revised-1")
