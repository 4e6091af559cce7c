from collections import Counter

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ichor import tables
from ichor.cohort.splits import make_splits, split_names
from ichor.errors import StudyError

SCHEMES = ["external", "loco", "cv"]
SETTINGS = dict(schemes=SCHEMES, folds=3, tune_fraction=0.25, segmentation_folds=2, seed=7)
ROLES = {"aurora": "development", "boreal": "development", "cedar": "development", "delta": "external"}


def people(sizes, roles=ROLES):
    rows = [
        dict(patient=f"{center}{number:04d}", center=center, center_role=roles[center])
        for center, size in sizes.items()
        for number in range(size)
    ]
    return tables.frame("patients", rows)


def scans(patients, time_point="baseline"):
    return pd.DataFrame(dict(patient=patients["patient"], center=patients["center"], time_point=time_point))


def splits(sizes, roles=ROLES, **changed):
    patients = people(sizes, roles)
    return make_splits(patients, scans(patients), **{**SETTINGS, **changed})


SIZES = {"aurora": 12, "boreal": 9, "cedar": 20, "delta": 7}


def test_external():
    found = splits(SIZES).query("split == 'external'")
    assert set(found.loc[found["role"] == "test", "center"]) == {"delta"}
    assert len(found) == sum(SIZES.values())
    tuned = found[found["role"] == "tune"]["center"].value_counts().to_dict()
    assert tuned == {"aurora": 3, "boreal": 2, "cedar": 5}  # a quarter of each center


def test_leave_one_center_out():
    found = splits(SIZES)
    for center in ("aurora", "boreal", "cedar"):
        own = found[found["split"] == f"loco-{center}"]
        assert set(own.loc[own["role"] == "test", "center"]) == {center}
        assert set(own["center"]) == {"aurora", "boreal", "cedar"}


def test_cross_validation_tests_every_development_patient_once():
    found = splits(SIZES)
    tested = found[found["split"].str.startswith("cv-") & (found["role"] == "test")]
    assert Counter(tested["patient"]) == Counter(people(SIZES).query("center != 'delta'")["patient"])
    assert tested.groupby("split").size().tolist() == pytest.approx([41 / 3] * 3, abs=3)


def test_segmentation_folds_are_dealt_evenly():
    for _, own in splits(SIZES, segmentation_folds=4).groupby("split"):
        fitting = own[own["role"] != "test"]
        assert sorted(fitting["fold"].unique()) == [0, 1, 2, 3]
        assert fitting["fold"].value_counts().max() - fitting["fold"].value_counts().min() <= 3
        assert own.loc[own["role"] == "test", "fold"].isna().all()


def test_names_are_those_of_the_sheet_before_any_data():
    sheet = pd.DataFrame({"center": list(ROLES), "role": list(ROLES.values())})
    assert split_names(sheet, SCHEMES, 3) == list(dict.fromkeys(splits(SIZES)["split"]))
    assert split_names(sheet, ["cv"], 2) == ["cv-0", "cv-1"]


def test_a_center_without_any_scan_keeps_its_split():
    patients = people({"aurora": 8, "cedar": 8, "delta": 4})
    found = make_splits(patients, scans(patients), **SETTINGS, roles=ROLES)
    own = found[found["split"] == "loco-boreal"]
    assert set(own["role"]) == {"train", "tune"}


def test_external_center_without_any_scan_does_not_stop_the_others():
    patients = people({"aurora": 8, "boreal": 8})
    found = make_splits(patients, scans(patients), **SETTINGS, roles=ROLES | {"cedar": "external"})
    assert "test" not in set(found.query("split == 'external'")["role"])


def test_only_patients_with_a_baseline_scan():
    patients = people(SIZES)
    rows = pd.concat([scans(patients.iloc[3:]), scans(patients.iloc[:1], "followup")])
    found = make_splits(patients, rows, **SETTINGS)
    assert set(patients["patient"].iloc[:3]).isdisjoint(found["patient"])


def test_same_in_same_out_whatever_the_order():
    patients = people(SIZES)
    shuffled = patients.sample(frac=1, random_state=3)
    first = make_splits(patients, scans(patients), **SETTINGS)
    second = make_splits(shuffled, scans(shuffled).iloc[::-1], **SETTINGS)
    pd.testing.assert_frame_equal(first, second)
    assert not first.equals(splits(SIZES, seed=8))


@pytest.mark.parametrize("grown", ["aurora", "boreal", "delta"])
def test_a_new_patient_moves_nobody_in_another_center(grown):
    before = splits(SIZES)
    after = splits(SIZES | {grown: SIZES[grown] + 1})
    both = before.merge(after, on=["split", "patient", "center"], suffixes=("", "_after"))
    assert len(both) == len(before)
    moved = both[(both["role"] != both["role_after"]) | (both["fold"].fillna(-1) != both["fold_after"].fillna(-1))]
    assert set(moved["center"]) <= {grown}


def test_a_new_patient_moves_few_in_its_own_center():
    before, after = splits({"aurora": 200, "boreal": 50, "cedar": 50, "delta": 5}), None
    after = splits({"aurora": 201, "boreal": 50, "cedar": 50, "delta": 5})
    both = before.merge(after, on=["split", "patient"], suffixes=("", "_after"))
    one = both[(both["split"] == "external") & (both["center"] == "aurora")]
    assert (one["role"] != one["role_after"]).sum() <= 1
    assert (one["fold"] != one["fold_after"]).sum() <= 2


sizes = st.fixed_dictionaries({center: st.integers(2, 14) for center in ROLES})


@settings(max_examples=40, deadline=None)
@given(sizes, st.integers(0, 10_000), st.integers(2, 4), st.floats(0, 0.6))
def test_properties_of_every_split(sizes, seed, folds, fraction):
    found = splits(sizes, seed=seed, folds=folds, segmentation_folds=2, tune_fraction=fraction)
    roles = found.groupby(["split", "patient"])["role"].nunique()
    assert (roles == 1).all() and not found.duplicated(["split", "patient"]).any()
    external = found[found["center"] == "delta"]
    assert set(external["split"]) == {"external"} and set(external["role"]) == {"test"}
    loco = found[found["split"].str.startswith("loco-") & (found["role"] == "test")]
    assert (loco["split"] == "loco-" + loco["center"]).all()
    assert not loco["patient"].duplicated().any()
    assert set(loco["patient"]) == set(people(sizes).query("center_role == 'development'")["patient"])
    for _, own in found.groupby("split"):
        fitting = own[own["role"] != "test"]
        assert (own["role"] == "train").any()
        assert (own["role"] == "tune").any() or fraction == 0
        assert set(fitting["fold"]) == {0, 1}


def test_folds_are_never_empty_in_tiny_centers():
    roles = {f"c{number}": "development" for number in range(5)}
    found = splits({center: 1 for center in roles}, roles, schemes=["cv"], folds=5, segmentation_folds=4)
    tested = found[found["role"] == "test"].groupby("split").size()
    assert tested.tolist() == [1] * 5


@pytest.mark.parametrize(
    ("roles", "schemes", "says"),
    [
        (
            {"aurora": "development"},
            ["external"],
            "centers sheet .* has no center with role external.*Write external in",
        ),
        ({"aurora": "development"}, ["loco"], "one development center only .aurora.. Write cv"),
        ({"delta": "external"}, ["cv"], "no center with role development"),
        ({"aurora": "development"}, ["external", "nested"], "unknown 'nested'; expected external, loco, cv"),
    ],
)
def test_schemes_that_these_centers_cannot_carry(roles, schemes, says):
    sheet = pd.DataFrame({"center": list(roles), "role": list(roles.values())})
    with pytest.raises(StudyError, match=says):
        split_names(sheet, schemes, 2)
    with pytest.raises(StudyError, match=says):
        splits({center: 9 for center in roles}, roles, schemes=schemes)


def test_fewer_patients_than_folds():
    with pytest.raises(
        StudyError, match="scheme cv .*validation.folds.*: 30 folds need at least 30 patients .* found 6"
    ):
        splits({"aurora": 3, "boreal": 3}, schemes=["cv"], folds=30)
    with pytest.raises(StudyError, match="split external .*segmentation.folds.*: 5 folds need at least 5 .* found 2"):
        splits({"aurora": 2, "delta": 3}, schemes=["external"], segmentation_folds=5)


def test_nobody_to_train_on():
    with pytest.raises(StudyError, match="split external: no patient to train on"):
        patients = people({"delta": 4})
        make_splits(patients, scans(patients), **SETTINGS | {"schemes": ["external"]}, roles=ROLES)


def test_a_patient_in_two_centers_is_refused():
    patients = people(SIZES)
    patients.loc[0, "patient"] = patients.loc[40, "patient"]
    with pytest.raises(StudyError, match="stands twice in the patients table .centers aurora, cedar."):
        make_splits(patients, scans(patients), **SETTINGS)


def test_table_is_valid(tmp_path):
    tables.write("splits", splits(SIZES), tmp_path / "splits.tsv")
    pd.testing.assert_frame_equal(tables.read("splits", tmp_path / "splits.tsv"), splits(SIZES))
