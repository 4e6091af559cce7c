import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ichor.cohort.expansion import DEFINITIONS, definition, expanded
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


@pytest.mark.parametrize(
    ("name", "below", "at", "above"),
    [("standard", 0, 1, 1), ("strict", 0, 0, 1), ("brain", 0, 1, 1), ("revised_1", 0, 1, 1), ("revised_2", 0, 1, 1)],
)
@pytest.mark.parametrize("baseline", [20.1, 30.0, 40.7, 100.3])
def test_exactly_6_ml(name, below, at, above, baseline):
    found = [is_expansion(name, baseline, growth) for growth in (6.0 - EPS, 6.0, 6.0 + EPS)]
    assert found == [bool(below), bool(at), bool(above)]


@pytest.mark.parametrize(
    ("name", "below", "at", "above"),
    [
        ("standard", 0, 1, 1),
        ("strict", 0, 0, 1),
        ("brain", 0, 0, 0),
        ("revised_1", 0, 1, 1),
        ("absolute_12.5", 0, 0, 0),
    ],
)
@pytest.mark.parametrize("baseline", [1.0, 3.3, 10.0, 17.7])
def test_exactly_33_percent(name, below, at, above, baseline):
    found = [
        is_expansion(name, baseline, growth)
        for growth in (0.33 * baseline - EPS, 0.33 * baseline, 0.33 * baseline + EPS)
    ]
    assert found == [bool(below), bool(at), bool(above)]


def test_exactly_12_5_ml():
    assert [is_expansion("absolute_12.5", 20.1, g) for g in (12.5 - EPS, 12.5, 12.5 + EPS)] == [False, True, True]
    assert not is_expansion("absolute_12.5", 2.0, 12.0)


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
            name in ("standard", "brain", "revised_1", "revised_2") or (name == "strict" and 0.33 * baseline < 6)
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


def test_unknown_definition():
    with pytest.raises(StudyError, match="'revised-1'; expected one of standard, strict"):
        definition("revised-1")
