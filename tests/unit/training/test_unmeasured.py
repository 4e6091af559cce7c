"""Models of a study whose segmentation does not know a label: without it, or not at all, and never as if it were 0."""

import numpy as np
import pytest

from ichor.training import bundle
from ichor.training.fit import fit_model
from ichor.training.unmeasured import unknown_labels, without


@pytest.fixture
def no_ivh(phantoms):
    """The cohort of a study whose bundle does not know intraventricular blood."""
    return phantoms.assign(ivh_ml=np.nan, location="deep")


def fitted(cohort, folder, spec):
    settings = {"task": "expansion", "target": "expansion", "model": "m", "seed": 7, "device": "cpu"}
    status = fit_model(cohort, spec=spec, checkpoint_dir=folder / "state", bundle_dir=folder / "bundle", **settings)
    return status, bundle.describe(folder / "bundle")


def test_a_label_is_unknown_when_masks_are_there_and_no_volume_is(phantoms, no_ivh):
    assert unknown_labels(no_ivh) == ["ivh"]
    assert unknown_labels(phantoms) == unknown_labels(no_ivh.assign(mask=None)) == []
    some = no_ivh.copy()
    some.loc[some.index[0], "ivh_ml"] = 1.0
    assert unknown_labels(some) == []


def test_a_logistic_model_leaves_the_volume_out_and_says_so(no_ivh, tmp_path):
    status, described = fitted(no_ivh, tmp_path, {"kind": "logistic", "features": ["age_years", "ivh_ml", "iph_ml"]})
    assert described["fitted"] and described["features"] == ["age_years", "iph_ml"]
    assert status[["outcome", "reason"]].to_numpy().tolist() == [["flagged", "label_not_segmented"]]
    assert "fitted without ivh_ml" in status["detail"][0]


def test_a_score_that_needs_the_volume_is_not_fitted_and_says_why(phantoms, no_ivh, tmp_path):
    status, described = fitted(no_ivh, tmp_path, {"kind": "ich_score"})
    assert not described["fitted"] and described["reason"].startswith("label_not_segmented")
    assert status["reason"].tolist() == ["label_not_segmented"] and "it needs ivh_ml" in status["detail"][0]
    status, described = fitted(phantoms, tmp_path / "known", {"kind": "ich_score"})
    assert described["fitted"] and status.empty


def test_a_mask_channel_is_left_out_but_never_the_last_one():
    spec = {"kind": "densenet", "input": {"mask_labels": ["iph", "ivh"], "inside": True}}
    assert without(spec, ["ivh"]) == ({"kind": "densenet", "input": {"mask_labels": ["iph"], "inside": True}}, ["ivh"])
    assert spec["input"]["mask_labels"] == ["iph", "ivh"]  # the given settings stay
    assert without(spec, []) == (spec, [])
    only = {"kind": "logistic", "features": ["ivh_ml"]}
    assert without(only, ["ivh"]) == (only, [])
