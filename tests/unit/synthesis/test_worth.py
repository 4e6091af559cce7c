"""Synthetic cases against a small cohort of real NIfTI files: who is refused, what is stated, what the fences stop."""

import numpy as np
import pandas as pd
import pytest

from ichor import tables
from ichor.cohort.fences import LeakError
from ichor.dicom.write import write_nifti
from ichor.reasons import Reason
from ichor.synthesis import nearest
from ichor.synthesis.cases import SyntheticCase, write_cases
from ichor.synthesis.worth import _median, check_synthetic, columns_read

ROLES = ["train"] * 14 + ["tune"] * 8 + ["test"] * 2
COPIED = 3


@pytest.fixture(scope="module")
def study(tmp_path_factory, bleed):
    """Cohort with NIfTI files, the crops it was made from, and candidates."""
    folder = tmp_path_factory.mktemp("worth")
    affine, rows = np.diag([*nearest.GRID.spacing_mm, 1.0]), []
    for number, role in enumerate(ROLES):
        image, mask = bleed(number)
        paths = {name: folder / f"{name}-{number}.nii.gz" for name in ("image", "mask")}
        write_nifti(image, affine, paths["image"])
        write_nifti(mask.astype(np.uint8), affine, paths["mask"])
        rows.append({"split": "external", "patient": f"p{number}", "center": "one", "role": role})
        rows[-1] |= {name: str(path) for name, path in paths.items()}
    cohort = pd.DataFrame(rows).assign(image_sha256=None, mask_sha256=None)
    cohort["label_expansion"] = pd.array([1] * 10 + [0, None] * 7, "Int64")
    return cohort, write_cases(_made(bleed), folder / "cases", "external", "trial")


def _made(bleed):
    """A mirrored copy of a train patient with noise, nine independent cases, and one without a hematoma."""
    image, mask = bleed(COPIED)
    noisy = image + np.random.default_rng(0).normal(0, 2, image.shape)
    arrays = [(noisy[::-1], mask[::-1]), *(bleed(200 + seed) for seed in range(9)), (image, 0 * mask)]
    for seed, (made, shape) in enumerate(arrays):
        hu = np.rint(made).astype(np.int16)
        parents = ("p1", f"p{COPIED}")
        yield SyntheticCase(hu, shape.astype(np.uint8), nearest.GRID.spacing_mm, 1, parents, seed)


def check(cohort, candidates, **changed):
    given = {"split": "external", "generator": "trial", "region": "lesion", "quantile": 0.01, "seed": 1}
    return check_synthetic(candidates, cohort, **(given | changed))


@pytest.fixture(scope="module")
def checked(study):
    return check(*study)


def test_the_copy_is_refused_and_the_independent_cases_are_accepted(checked):
    cases = checked.cases
    assert cases["outcome"].tolist() == ["refused", *["accepted"] * 9, "refused"]
    assert cases["reason"].tolist() == [Reason.TOO_CLOSE_TO_REAL, *[None] * 9, Reason.EMPTY_MASK]
    assert cases["nearest_distance"].iloc[0] < 0.15 < cases["nearest_distance"].iloc[1:10].min()
    assert pd.isna(cases["nearest_distance"].iloc[10])


def test_figures_of_the_accepted_cases(checked):
    worth = tables.validate("worth", checked.worth, "test").set_index("quantity")
    estimate = worth["estimate"]
    assert estimate[["n_train", "n_candidates", "n_accepted", "n_refused"]].tolist() == [14, 11, 9, 2]
    accepted = checked.cases["nearest_distance"].iloc[1:10]
    assert estimate["nearest_synthetic"] == pytest.approx(accepted.median())
    assert accepted.min() <= worth["low"]["nearest_synthetic"] <= worth["high"]["nearest_synthetic"] <= accepted.max()
    assert worth["low"]["membership_auc"] < 0.5 < worth["high"]["membership_auc"]
    assert worth["n"]["membership_auc"] == 22
    assert 0 <= estimate["nearest_is_parent"] <= 0.5  # two of fourteen are named, whoever is nearest
    assert worth["n"]["nearest_is_parent"] == 9
    assert worth["n"]["radiomic_frechet"] == worth["n"]["radiomic_mmd_halves"] == 5
    assert worth["low"]["radiomic_mmd"] < 0 < worth["high"]["radiomic_mmd"]
    assert 0 < estimate["hu_mean_ks"] < 1
    assert 52 < estimate["hu_mean_real"] < 68
    assert "classifier_frechet" not in estimate


def test_volumes_are_those_of_the_masks(checked, study, bleed):
    cohort, _ = study
    events = np.flatnonzero(((cohort["role"] == "train") & (cohort["label_expansion"] == 1)).fillna(False))
    volumes_ml = [bleed(number)[1].sum() * 0.02 for number in events]
    worth = checked.worth.set_index("quantity")["estimate"]
    assert worth["volume_ml_real"] == pytest.approx(np.median(volumes_ml), rel=0.03)


def test_a_generator_that_copies_everybody_gives_away_its_train_patients(study, tmp_path, bleed):
    cohort, _ = study
    copies = (
        SyntheticCase(image, mask.astype(np.uint8), nearest.GRID.spacing_mm, 1, (f"p{number}",), number)
        for number in range(14)
        for image, mask in [bleed(number)]
    )
    found = check(cohort, write_cases(copies, tmp_path, "external", "trial"))
    worth = found.worth.set_index("quantity")
    assert set(found.cases["reason"]) == {Reason.TOO_CLOSE_TO_REAL}
    assert worth["estimate"]["membership_auc_candidates"] == 1
    assert worth["reason"]["membership_auc"] == Reason.EMPTY_DENOMINATOR
    assert worth["reason"]["radiomic_frechet"] == Reason.TOO_FEW_EVENTS
    assert {pair.outcome for pair in found.pairs} == {"refused"}


def test_pairs_show_the_refused_case_beside_the_patient_whom_it_copies(checked):
    pair = checked.pairs[0]
    assert (pair.outcome, pair.neighbour, pair.mirrored, pair.parents) == ("refused", COPIED + 1, True, (2, COPIED + 1))
    assert pair.synthetic_hu.shape == pair.real_mask.shape == (96, 96, 3)
    tissue = (pair.real_hu > 0) & (pair.synthetic_hu > 0)
    assert np.abs(pair.synthetic_hu[tissue] - pair.real_hu[tissue].astype(float)).mean() < 3  # drawn alike
    assert (pair.synthetic_mask == pair.real_mask).mean() > 0.99
    distances = [p.distance for p in checked.pairs if p.outcome == "accepted"]
    assert distances == sorted(distances) and len(distances) == 9


def test_nothing_of_a_test_patient_is_read_and_tune_rows_decide_nothing(study, checked):
    cohort, candidates = study
    changed = cohort.copy()
    changed.loc[changed["role"] == "test", ["image", "mask"]] = ["no-such-file", "no-such-file"]
    changed.loc[changed["role"] == "tune", ["image", "mask"]] = changed.loc[[15], ["image", "mask"]].to_numpy()
    found = check(changed, candidates)
    pd.testing.assert_frame_equal(found.cases, checked.cases)
    unlike = found.worth["estimate"].ne(checked.worth["estimate"]) & found.worth["estimate"].notna()
    assert set(found.worth["quantity"][unlike]) <= {"membership_auc", "membership_auc_candidates"}
    read = columns_read(cohort)
    assert read.loc[read["role"] == "test", ["mask", "label_expansion"]].isna().all().all()
    assert read.loc[read["role"] != "test", "mask"].notna().all()


def test_the_interval_of_a_median_is_that_of_order_statistics():
    """Of ten values from the 2nd to the 9th: 97.9 % (tables of the binomial distribution); of five there is none."""
    found = _median(np.arange(10.0)[::-1])
    assert (found.estimate, found.low, found.high, found.n) == (4.5, 1, 8, 10)
    assert np.isnan(_median(np.arange(5.0)).low)


@pytest.mark.parametrize("change", [{"split": "cv-1"}, {"parents": "p1;p15"}, {"parents": "p23"}, {"parents": None}])
def test_cases_of_another_split_or_of_other_patients_stop_the_check(study, change):
    cohort, candidates = study
    with pytest.raises(LeakError):
        check(cohort, candidates.assign(**change))


def test_without_candidates_everything_is_said_to_be_missing(study):
    cohort, _ = study
    found = check(cohort, tables.empty("synthetic"))
    worth = found.worth.set_index("quantity")
    assert worth["estimate"]["n_candidates"] == 0
    assert worth["reason"]["nearest_synthetic"] == Reason.TOO_FEW_EVENTS
    assert not found.pairs and found.cases.empty
