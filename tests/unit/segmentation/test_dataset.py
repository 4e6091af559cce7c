import json

import numpy as np
import pandas as pd
import pytest

from ichor.errors import StudyError
from ichor.segmentation.case_store import CaseStore
from ichor.segmentation.dataset import nnunet_folds, plan_segmentation, training_cases
from ichor.segmentation.folders import preprocessed

from .conftest import PLAN


def test_patients_stay_together_and_out_of_their_own_fold(planned, fitting):
    work, plan = planned
    folds = json.loads((preprocessed(work) / "splits_final.json").read_text())
    patient = {case["case"]: case["patient"] for case in plan["cases"]}
    fold_of = dict(zip(fitting["patient"], fitting["fold"], strict=True))
    assert len(folds) == 2 and len(plan["cases"]) == 9  # eight baseline scans and one follow-up scan
    for fold, cases in enumerate(folds):
        assert {fold_of[patient[case]] for case in cases["val"]} == {fold}
        assert fold not in {fold_of[patient[case]] for case in cases["train"]}
        assert len(cases["train"]) + len(cases["val"]) == 9


def test_test_patients_touch_nothing(planned, cohort, fitting, tmp_path):
    _, plan = planned
    assert not {"p08", "p09"} & {case["patient"] for case in plan["cases"]}
    without = cohort[0][~cohort[0]["patient"].isin(["p08", "p09"])]
    again = plan_segmentation(
        fitting, without, labels=["iph", "ivh"], plan=PLAN, work_dir=tmp_path, out_plans=tmp_path / "plans.json"
    )
    assert again["sha256"] == plan["sha256"]


def test_preprocessed_cases_are_the_scans(planned):
    work, plan = planned
    store = CaseStore(str(preprocessed(work) / "nnUNetPlans_3d_fullres"))
    assert sorted(store.identifiers) == [case["case"] for case in plan["cases"]]
    image, labels, _, properties = store.load_case("case-00000")
    image, labels = image[:], labels[:]
    assert image.shape == labels.shape and image.shape[1] == 12
    assert image.min() == 0.0 and image.max() == 4.0  # air and bone: the ends of the window
    assert np.median(image[labels == 1]) == pytest.approx(75 / 25, abs=0.1)
    assert sorted(properties["class_locations"]) == [1, 2]


def test_a_label_that_is_not_asked_for_is_background(cohort, fitting, tmp_path):
    plan = plan_segmentation(
        fitting, cohort[0], labels=["ivh"], plan=PLAN, work_dir=tmp_path, out_plans=tmp_path / "plans.json"
    )
    assert plan["dataset"]["labels"] == {"background": 0, "ivh": 1}
    image, labels, _, _ = CaseStore(str(preprocessed(tmp_path) / "nnUNetPlans_3d_fullres")).load_case("case-00000")
    assert sorted(np.unique(labels[:])) == [0, 1]
    assert np.median(image[:][labels[:] == 1]) == pytest.approx(60 / 25, abs=0.1)


def test_a_label_without_a_single_voxel_stops(cohort, fitting, tmp_path):
    with pytest.raises(StudyError, match=r"holds edema \(voxel value 3\)"):
        plan_segmentation(
            fitting, cohort[0], labels=["edema"], plan=PLAN, work_dir=tmp_path, out_plans=tmp_path / "plans.json"
        )


def test_no_reference_masks_stop_and_say_where_to_give_them(cohort, fitting):
    with pytest.raises(StudyError, match="0 scans of train and tune patients.*sheet centers"):
        training_cases(fitting, cohort[0].assign(reference_mask=None))


def test_one_fold_stops(cohort, fitting):
    with pytest.raises(StudyError, match="at least 2 folds"):
        training_cases(fitting.assign(fold=0), cohort[0])


def test_a_row_without_fold_stops(cohort, fitting):
    with pytest.raises(StudyError, match="has no fold"):
        training_cases(fitting.assign(fold=pd.NA), cohort[0])


def test_a_fold_without_reference_watches_its_training_cases():
    folds = nnunet_folds([{"case": "a", "fold": 0}, {"case": "b", "fold": 2}])
    assert folds[1] == {"train": ["a", "b"], "val": ["a", "b"]}
    assert folds[2] == {"train": ["a"], "val": ["b"]}
