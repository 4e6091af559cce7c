"""Patients who are kept together: groups of the sheet, and no split that parts them."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.cohort.test_splits import ROLES, SCHEMES, SETTINGS, people, scans

from ichor import tables
from ichor.cohort.splits import make_splits
from ichor.cohort.together import groups
from ichor.errors import StudyError

COLUMNS = ("center", "patient", "other_center", "other_patient", "treatment")
SIZES = {"aurora": 7, "boreal": 5, "cedar": 9, "delta": 4}
PEOPLE = [(row.center, row.patient) for row in people(SIZES).itertuples()]


def sheet_of(*pairs, treatment="together"):
    return tables.frame("duplicates", [dict(zip(COLUMNS, (*a, *b, treatment), strict=True)) for a, b in pairs])


def splits_with(sheet, **changed):
    patients = people(SIZES)
    return make_splits(patients, scans(patients), **SETTINGS | changed, together=groups(sheet, ROLES))


def test_pairs_of_pairs_join_in_whatever_order():
    (a, b, c, d, e, f) = (("aurora", name) for name in "abcdef")
    for pairs in ([(a, b), (c, d), (d, b), (f, e)], [(e, f), (b, d), (b, a), (d, c)]):
        assert groups(sheet_of(*pairs), ROLES) == {"a": "a", "b": "a", "c": "a", "d": "a", "e": "e", "f": "e"}


@pytest.mark.parametrize("treatment", ["first", "neither", "different"])
def test_other_treatments_part_nobody_and_keep_nobody_together(treatment):
    sheet = sheet_of(PEOPLE[:2], treatment=treatment)
    assert groups(sheet, ROLES) == {}
    pd.testing.assert_frame_equal(splits_with(sheet), splits_with(sheet.iloc[:0]))


def test_a_center_that_the_study_does_not_have_is_named_with_its_row():
    sheet = sheet_of(PEOPLE[:2], (PEOPLE[0], ("auroro", "a")))
    with pytest.raises(StudyError, match="row 3: together with a patient of 'auroro'.*aurora, boreal, cedar, delta"):
        groups(sheet, ROLES)


pairs = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)).filter(lambda pair: pair[0] != pair[1]),
    max_size=8,
    unique_by=frozenset,
)


@settings(max_examples=25, deadline=None)
@given(pairs, st.integers(0, 10_000), st.sampled_from([0.0, 0.25, 0.5]))
def test_no_split_ever_parts_a_pair(pairs, seed, fraction):
    """Whatever the sheet says: one role, one fold; and nobody but partners of test patients is missing."""
    patients = people(SIZES)
    changed = dict(seed=seed, tune_fraction=fraction, folds=2)
    alone = splits_with(sheet_of(), **changed)
    try:
        found = splits_with(sheet_of(*pairs), **changed)
    except StudyError as error:  # long chains leave nobody to learn from, or fewer groups than folds
        assert "kept together" in str(error)
        return
    tables.validate("splits", found, "made")
    assert not found.duplicated(["split", "patient"]).any()
    place = found.set_index(["split", "patient"])[["role", "fold"]].fillna(-1).T.to_dict("list")
    for (_, first), (_, second) in pairs:
        for split in found["split"].unique():
            if (split, first) in place and (split, second) in place:
                assert place[split, first] == place[split, second]
    tested = alone[alone["role"] == "test"].groupby("split")["patient"].agg(set)
    linked = groups(sheet_of(*pairs), ROLES)
    of = {patient: linked.get(patient, patient) for patient in patients["patient"]}
    for split, own in found.groupby("split"):
        assert {"train"} <= set(own["role"])
        if not split.startswith("cv"):
            assert set(own.loc[own["role"] == "test", "patient"]) == tested.get(split, set())
        learned, test = own[own["role"] != "test"], own[own["role"] == "test"]
        everybody = set(alone.loc[alone["split"] == split, "patient"])
        assert set(learned["fold"]) == {0, 1}
        assert not {of[p] for p in learned["patient"]} & {of[p] for p in test["patient"]}
        assert {of[p] for p in everybody - set(own["patient"])} <= {of[p] for p in test["patient"]}


def test_who_is_together_with_an_external_patient_is_learned_from_in_other_splits_only():
    inside, outside = ("aurora", "aurora0003"), ("delta", "delta0001")
    found = splits_with(sheet_of((inside, outside)))
    where = found[found["patient"] == inside[1]].set_index("split")["role"].to_dict()
    assert "external" not in where and set(where) == {f"loco-{c}" for c in ("aurora", "boreal", "cedar")} | {
        f"cv-{fold}" for fold in range(3)
    }
    assert where["loco-aurora"] == "test"
    tested = found[(found["split"] == "external") & (found["role"] == "test")]
    assert len(tested) == SIZES["delta"]


def test_who_is_together_across_development_centers_is_tested_and_learned_from_apart():
    first, second = ("aurora", "aurora0000"), ("boreal", "boreal0000")
    found = splits_with(sheet_of((first, second))).set_index(["split", "patient"])["role"]
    assert found["loco-aurora", "aurora0000"] == "test" and ("loco-aurora", "boreal0000") not in found
    assert found["loco-boreal", "boreal0000"] == "test" and ("loco-boreal", "aurora0000") not in found
    for split in ("external", "loco-cedar", "cv-0", "cv-1", "cv-2"):
        assert found[split, "aurora0000"] == found[split, "boreal0000"]


def test_a_group_that_is_everybody_is_told():
    everyone = [(PEOPLE[0], other) for other in PEOPLE[1:]]
    with pytest.raises(StudyError, match="split external: no patient to train on.*kept together"):
        splits_with(sheet_of(*everyone), schemes=SCHEMES[:1])
    with pytest.raises(StudyError, match="3 folds need at least 3 patients.*found 1 .21 patients.*kept together"):
        splits_with(sheet_of(*everyone[:-4]), schemes=["cv"])
