"""A bundle from elsewhere segments everybody but those it was trained on; what it does not know is unknown, not 0."""

import dataclasses

import nibabel as nib
import numpy as np
import pytest
import torch

from ichor.segmentation.bundle import load_models, save_model
from ichor.segmentation.choose import load_networks
from ichor.segmentation.network import build_network
from ichor.segmentation.predict import segment_shard


@pytest.fixture
def bundle(planned, tmp_path):
    """A network of iph and edema, of no fold, that saw p00 by name and the scan of p01 by its voxels."""
    _, plan = planned
    torch.manual_seed(2)
    description = {key: plan[key] for key in ("architecture", "grid", "patch_size")}
    description |= {"labels": ["iph", "edema"], "fold": None, "about": {"name": "tiny"}}
    network = build_network(plan["architecture"], 1, 3)
    save_model(tmp_path / "bundle", network, description, [("aurora", "p00")], [f"{1:064x}"])
    return tmp_path / "bundle"


def test_a_bundle_segments_all_but_those_it_was_trained_on(bundle, cohort, fitting, tmp_path):
    scans = cohort[0].head(4)  # p00; p01 baseline (voxels that were seen) and follow-up; p02
    masks, status = segment_shard(scans, fitting, "external", [bundle], tmp_path / "out")
    assert masks["model"].eq("tiny").all()
    refused = masks["reason"].eq("seen_in_training")
    assert refused.tolist() == [True, True, False, False]
    assert masks.loc[refused, ["mask", "iph_ml"]].isna().all(axis=None)
    rows = status[status["reason"] == "seen_in_training"]
    assert rows["subject"].tolist() == ["p00", "p01"] and rows["outcome"].eq("set_aside").all()
    assert rows["detail"].str.contains("the segmentation bundle tiny was trained on").all()
    segmented = masks[~refused]
    assert segmented["mask"].notna().all() and segmented["ivh_ml"].isna().all()
    found = [np.unique(np.asarray(nib.load(mask).dataobj)) for mask in segmented["mask"]]
    assert all(set(values) <= {0, 1, 3} for values in found)
    assert segmented["dice_ivh"].isna().all()  # the reference has some, the network cannot know


def test_networks_must_be_the_folds_of_one_plan_or_one_bundle(bundle, planned, tmp_path):
    assert [model.fold for model in load_networks([bundle], "cpu")] == [None]
    with pytest.raises(ValueError, match="one model per fold"):
        load_networks([bundle, bundle], "cpu")


def test_a_bundle_that_does_not_say_whom_it_saw_segments_everybody(bundle, cohort, fitting, tmp_path):
    text = (bundle / "model.json").read_text()
    start, end = text.index('"trained_on": ['), text.index('"networks"')
    (bundle / "model.json").write_text(text[:start] + '"trained_on": null, ' + text[end:])
    assert load_models(bundle)[0].trained_on == frozenset()
    masks, _ = segment_shard(cohort[0].head(1), fitting, "external", [bundle], tmp_path / "out")
    assert masks["mask"].notna().all()


def test_a_scan_without_a_voxel_hash_is_known_by_its_patient_alone(bundle):
    model = load_models(bundle)[0]
    assert not model.has_seen("aurora", "p01", None) and not model.has_seen("aurora", "p01", float("nan"))
    assert dataclasses.replace(model, trained_on=frozenset()).has_seen("aurora", "p00") is False
