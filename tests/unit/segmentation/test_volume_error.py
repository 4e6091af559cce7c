"""Uncertainty of a volume: by hand, without test references, and of the right size in simulated studies."""

import numpy as np
import pandas as pd
import pytest

from ichor import tables
from ichor.segmentation.volume_error import LEAST_PATIENTS, add_errors, few_patients_factor, fold_spread_ml

T_OF_5 = 2.5706 / 1.95996  # a table of Student's t


def study(volumes, errors, role, fold_sd_ml=None, split="external"):
    """Measures, cases, splits and masks of patients with these predicted volumes and errors of volume (iph)."""
    keys = [dict(split=split, center="a", patient=f"{role}{i}", time_point="baseline") for i in range(len(errors))]
    volumes = np.broadcast_to(np.asarray(volumes, float), len(errors))
    measures = [key | {"found": 1, "iph_ml": v, "ivh_ml": 0.0} for key, v in zip(keys, volumes, strict=True)]
    cases = [
        key | dict(label="iph", predicted_ml=v, reference_ml=v - d, difference_ml=d)
        for key, v, d in zip(keys, volumes, errors, strict=True)
    ]
    splits = [dict(split=split, center="a", patient=key["patient"], role=role) for key in keys]
    spread = [None] * len(keys) if fold_sd_ml is None else np.broadcast_to(fold_sd_ml, len(keys))
    masks = [key | {"model": "m", "iph_fold_sd_ml": s} for key, s in zip(keys, spread, strict=True)]
    return measures, cases, splits, masks


def together(*studies):
    """The tables of some studies below each other."""
    measures, cases, splits, masks = (sum(rows, []) for rows in zip(*studies, strict=True))
    return [
        pd.DataFrame(measures).reindex(columns=tables.columns("measures")),
        pd.DataFrame(cases),
        pd.DataFrame(splits),
        pd.DataFrame(masks).reindex(columns=tables.columns("masks")),
    ]


def test_the_error_of_a_volume_comes_from_development_scans_of_its_size():
    train, large = study(20.0, [3.0, -4.0, 3.0, -4.0, 0.0], "train"), study(60.0, [10.0] * 5, "tune")
    found = add_errors(*together(train, large, study(20.0, [50.0] * 9, "test")))
    by_role = found.groupby(found["patient"].str.rstrip("0123456789"))["iph_error_ml"].unique()
    assert by_role["train"] == pytest.approx([T_OF_5 * np.sqrt(50 / 5)], rel=1e-4)
    assert by_role["test"] == pytest.approx(by_role["train"])  # not the test patients' own 50 mL
    assert by_role["tune"] == pytest.approx([T_OF_5 * 10], rel=1e-4)
    assert found[["edema_error_ml", "ivh_error_ml", "extraaxial_error_ml"]].isna().all(axis=None)


def test_what_the_folds_disagree_about_is_added_as_a_variance():
    found = add_errors(*together(study(20.0, [3.0] * 5, "train"), study(20.0, [0.0], "test", fold_sd_ml=4.0)))
    single = T_OF_5 * 3
    assert found["iph_error_ml"].tolist() == pytest.approx([single] * 5 + [np.hypot(single, 4)], rel=1e-4)


def test_a_size_with_few_patients_takes_the_error_of_all_sizes():
    few, many = study(40.0, [12.0] * (LEAST_PATIENTS - 1), "tune"), study(20.0, [3.0] * 20, "train")
    found = add_errors(*together(few, many))
    whole = few_patients_factor(24) * np.sqrt((4 * 144 + 20 * 9) / 24)
    assert found["iph_error_ml"].iloc[0] == pytest.approx(whole)
    assert found["iph_error_ml"].iloc[-1] == pytest.approx(few_patients_factor(20) * 3)


def test_too_few_patients_give_no_error_and_two_scans_are_one_patient():
    tables_of = together(study(20.0, [3.0] * (LEAST_PATIENTS - 1), "train"))
    assert add_errors(*tables_of)["iph_error_ml"].isna().all()
    twice = [
        pd.concat([t, t.assign(time_point="followup")], ignore_index=True) if "time_point" in t else t
        for t in tables_of
    ]
    assert add_errors(*twice)["iph_error_ml"].isna().all()


def test_a_volume_that_is_not_known_has_no_error_and_zero_has_one():
    measures, *rest = together(study(20.0, [3.0] * 5, "train"), study(0.0, [-2.0] * 5, "tune"))
    measures.loc[0, "iph_ml"] = np.nan  # cut off at the scan's edge
    found = add_errors(measures, *rest)["iph_error_ml"]
    assert np.isnan(found[0]) and found[9] == pytest.approx(T_OF_5 * 2, rel=1e-4)


def test_the_spread_of_two_folds_is_half_their_difference():
    assert fold_spread_ml([[90, 6, 4], [80, 10, 10]], 0.5, ["iph", "ivh"]) == {"iph": 1.0, "ivh": 1.5}
    assert fold_spread_ml([[5, 1, 3]], 0.5, ["iph", "ivh"]) == {}


def test_a_spread_is_that_of_numpy_over_n():
    voxels = np.random.default_rng(0).integers(0, 99, (5, 3))
    assert fold_spread_ml(voxels, 0.02, ["iph", "edema"])["edema"] == pytest.approx(np.std(voxels[:, 2]) * 0.02)


def shares_held(draw, repeats=100):
    """Share of new volumes within 1.96 errors of the truth, over simulated studies (a split each).

    ``draw(rng)`` gives the errors of development volumes, the errors of new ones, and the new ones' spread of folds.
    """
    rng, parts, wrong = np.random.default_rng(1), [], []
    for repeat in range(repeats):
        fitted, new, spread = draw(rng)
        parts += [study(20.0, fitted, "train", split=f"s{repeat}"), study(20.0, new, "test", spread, f"s{repeat}")]
        wrong.append(np.concatenate([np.full(len(fitted), np.nan), new]))
    error, wrong = add_errors(*together(*parts))["iph_error_ml"].to_numpy(), np.concatenate(wrong)
    new = np.isfinite(wrong)
    return error[new], wrong[new]


@pytest.mark.parametrize("n_patients", [5, 10, 40])
def test_volumes_hold_the_reference_in_95_of_100_scans(n_patients):
    """New patients of the same kind, also where R comes from five patients only."""
    error, wrong = shares_held(lambda rng: (rng.normal(0, 3, n_patients), rng.normal(0, 3, 30), None))
    assert np.mean(np.abs(wrong) <= 1.96 * error) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    ("shared_ml", "own_ml", "at_least", "at_most"),
    [
        (3.0, 0.5, 0.935, 0.965),  # folds err alike: right
        (2.0, 1.0, 0.94, 0.99),
        (0.0, 2.0, 0.97, 1.0),  # folds err independently: their mean is better than is said, never worse
    ],
)
@pytest.mark.parametrize("folds", [2, 5])
def test_external_volumes_hold_the_reference_in_at_least_95_of_100_scans(shared_ml, own_ml, at_least, at_most, folds):
    """One part of the error is shared by the folds, the other is each fold's own."""

    def draw(rng):
        one = rng.normal(0, shared_ml, 40) + rng.normal(0, own_ml, 40)
        several = rng.normal(0, shared_ml, 40)[:, None] + rng.normal(0, own_ml, (40, folds))
        return one, several.mean(axis=1), several.std(axis=1)

    error, wrong = shares_held(draw, repeats=50)
    assert at_least <= np.mean(np.abs(wrong) <= 1.96 * error) <= at_most


def test_a_patients_growth_has_the_error_of_both_volumes():
    """What a probability of expansion stands on: 95 of 100 true growths are within 1.96 root of the summed squares."""
    error, wrong = shares_held(lambda rng: (rng.normal(0, 3, 40), rng.normal(0, 3, 40), None))
    growth, both = np.diff(wrong.reshape(-1, 2)), np.hypot(*error.reshape(-1, 2).T)[:, None]
    assert np.mean(np.abs(growth) <= 1.96 * both) == pytest.approx(0.95, abs=0.02)
