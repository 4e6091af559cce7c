import dataclasses
import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from ichor import disk_space, tables
from ichor.disk_space import DiskFullError
from ichor.imaging.voxels import voxel_sha256
from ichor.reasons import Reason
from ichor.segmentation.agreement import dice
from ichor.segmentation.bundle import load_model, save_model
from ichor.segmentation.inference_profile import PROFILES
from ichor.segmentation.intracranial import drop_outside_skull, inside_skull
from ichor.segmentation.labels import to_study
from ichor.segmentation.predict import _segment, segment_scan, segment_shard
from ichor.segmentation.preprocess import prepare_image, restore
from ichor.segmentation.scan import read_scan
from ichor.segmentation.sliding_window import predict_probabilities
from ichor.segmentation.train import train_fold

from .conftest import BUDGET

GOOD = BUDGET | {"epochs": 12, "iterations_per_epoch": 20, "initial_lr": 0.02, "oversample_foreground": 1.0}


@pytest.fixture(scope="module")
def models(planned, tmp_path_factory):
    """Both fold models, trained enough to find the phantoms' bleeds."""
    work, out = planned[0], tmp_path_factory.mktemp("models")
    for fold in (0, 1):
        train_fold(
            work / "plans.json",
            work,
            fold,
            budget=GOOD,
            seed=1,
            device="cpu",
            checkpoint_every_epochs=100,
            out_dir=out / f"fold-{fold}",
        )
    return [out / "fold-0", out / "fold-1"]


def save_pair(plan, network, labels, folder):
    """Write `network` as the model of either fold."""
    description = {key: plan[key] for key in ("architecture", "grid", "patch_size")} | {"labels": labels}
    for fold in (0, 1):
        save_model(folder / f"fold-{fold}", network, description | {"fold": fold}, [])
    return [folder / "fold-0", folder / "fold-1"]


@pytest.fixture(scope="module")
def segmented(cohort, fitting, models, tmp_path_factory):
    out = tmp_path_factory.mktemp("masks")
    masks, status = segment_shard(cohort[0], fitting, "external", models, out)
    return masks.set_index(["patient", "time_point"]), status


def test_each_patient_is_segmented_by_models_that_never_saw_it(segmented, fitting):
    masks, _ = segmented
    for row in fitting.itertuples():
        assert set(masks.loc[row.patient]["model"]) == {f"fold-{row.fold}"}
    assert set(masks.loc[["p08", "p09"]]["model"]) == {"folds-0-1"}


def test_bleeds_are_found_in_the_scans_own_grid(segmented, cohort):
    masks, _ = segmented
    assert masks["dice_iph"].median() > 0.8
    for row in cohort[0].itertuples():
        image = nib.load(row.image)
        mask = nib.load(masks.loc[(row.patient, row.time_point), "mask"])
        assert mask.shape == image.shape and np.allclose(mask.affine, image.affine)
        volume = (np.asarray(mask.dataobj) == 1).sum() * 0.128
        assert masks.loc[(row.patient, row.time_point), "iph_ml"] == pytest.approx(volume)


def test_agreement_needs_a_reference(segmented):
    masks, _ = segmented
    with_reference, without = masks.loc[("p08", "baseline")], masks.loc[("p09", "baseline")]
    assert with_reference["reference_iph_ml"] > 0 and 0 <= with_reference["dice_iph"] <= 1
    assert pd.isna(without["reference_iph_ml"]) and pd.isna(without["dice_iph"]) and without["iph_ml"] > 0


def test_two_runs_give_the_same_masks(segmented, cohort, fitting, models, tmp_path):
    again, _ = segment_shard(cohort[0].head(2), fitting, "external", models, tmp_path)
    for row in again.itertuples():
        first = segmented[0].loc[(row.patient, row.time_point)]
        assert nib.load(first["mask"]).get_fdata().tobytes() == nib.load(row.mask).get_fdata().tobytes()
        assert first["iph_ml"] == row.iph_ml


def test_a_scan_that_fails_is_empty_with_a_reason_and_the_others_go_on(cohort, fitting, models, tmp_path):
    scans = cohort[0].head(4).reset_index(drop=True).copy()
    (tmp_path / "text.nii.gz").write_text("not an image")
    whole = (tmp_path / "cut.nii.gz", open(scans.loc[1, "image"], "rb").read())
    whole[0].write_bytes(whole[1][: len(whole[1]) // 2])
    scans.loc[0, "image"], scans.loc[1, "image"] = str(tmp_path / "text.nii.gz"), str(whole[0])
    scans.loc[2, "image"] = str(tmp_path / "absent.nii.gz")
    masks, status = segment_shard(scans, fitting, "external", models, tmp_path / "out", log="logs/x.log")
    assert masks["reason"].tolist() == [Reason.SEGMENTATION_FAILED] * 3 + [None]
    failed = masks.head(3)
    assert failed[["mask", "iph_ml", "ivh_ml", "reference_iph_ml", "dice_iph"]].isna().all(axis=None)
    assert masks.loc[3, "iph_ml"] > 0
    assert status["outcome"].tolist() == ["set_aside"] * 3 and status["log"].eq("logs/x.log").all()
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_nothing_found_is_zero_with_a_flag_of_its_own(cohort, fitting, planned, models, tmp_path):
    network = load_model(models[0]).network
    with torch.no_grad():  # a network that says background everywhere
        network.decoder.seg_layers[-1].weight.zero_()
        network.decoder.seg_layers[-1].bias.copy_(torch.tensor([1.0, 0.0, 0.0]))
    folders = save_pair(planned[1], network, ["iph", "ivh"], tmp_path)
    masks, status = segment_shard(cohort[0].head(1), fitting, "external", folders, tmp_path / "out")
    row = masks.iloc[0]
    assert (row["iph_ml"], row["ivh_ml"], row["dice_iph"]) == (0.0, 0.0, 0.0)
    assert pd.isna(row["iph_fold_sd_ml"])  # one model
    assert row["reason"] == Reason.EMPTY_MASK and status["outcome"].tolist() == ["flagged"]
    assert not nib.load(row["mask"]).get_fdata().any()


def uncleaned(scan, model):
    """What a network says of a scan by the profile default, step by step, pieces outside the skull included."""
    image, box = prepare_image(scan.hu, scan.spacing_mm, model.grid)
    probabilities = predict_probabilities([model.network], image, model.patch_size, step_size=0.5)
    return to_study(restore(probabilities, box, scan.hu.shape), model.labels)


def test_the_folds_disagreement_is_that_of_the_volumes_which_each_finds_alone(segmented, cohort, models):
    masks, _ = segmented
    pair, spreads = [load_model(folder) for folder in models], []
    for row in cohort[0].itertuples():
        found = masks.loc[(row.patient, row.time_point)]
        if row.center == "aurora":  # one model made it: there is nothing to disagree with
            assert pd.isna(found["iph_fold_sd_ml"]) and pd.isna(found["ivh_fold_sd_ml"])
            continue
        # the network's grid is nearly the scan's own here, so each model's own mask is nearly what it counted there
        scan = read_scan(row.image)
        inside = inside_skull(scan.hu, scan.affine)  # what lies outside is in no mask, whoever finds it
        assert inside.any()
        alone = [((uncleaned(scan, model) == 1) & inside).sum() * 0.128 for model in pair]
        assert found["iph_fold_sd_ml"] == pytest.approx(abs(alone[0] - alone[1]) / 2, abs=0.5)
        spreads.append(found["iph_fold_sd_ml"])
    assert max(spreads) > 0


class Everywhere(torch.nn.Module):
    """A network that finds one label in every voxel it is shown."""

    def __init__(self, label, labels):
        super().__init__()
        self.label, self.labels = label, labels
        self.certain = torch.nn.Parameter(torch.tensor(9.0))

    def forward(self, image):
        found = torch.full((len(image), *image.shape[2:]), self.label)
        return torch.nn.functional.one_hot(found, 1 + self.labels).movedim(-1, 1) * self.certain


def test_networks_that_disagree_outside_the_skull_alone_agree(cohort, models):
    scan, model = read_scan(cohort[0]["image"].iloc[0]), load_model(models[0])
    pair = [dataclasses.replace(model, network=Everywhere(label, len(model.labels))) for label in (0, 1)]
    image, box = prepare_image(scan.hu, scan.spacing_mm, model.grid)
    counted = torch.zeros(image.shape[1:], dtype=torch.bool)
    counted[2:4, 5:9, 5:10] = True
    for where, voxels in ((None, counted.numel()), (counted, 40), (torch.zeros_like(counted), 0)):
        alone = []
        _segment(image, box, scan.hu.shape, pair, PROFILES["fast"], alone, where)
        assert [found[:2] for found in alone] == [[voxels, 0], [0, voxels]]


def at_the_edge(scan_row, folder, keep):
    """A phantom's scan and reference of the slices `keep` only."""
    row = dict(scan_row)
    for key in ("image", "reference_mask"):
        image = nib.load(row[key])
        row[key] = str(folder / f"{key}_{keep.start}_{keep.stop}.nii.gz")
        nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj)[:, :, keep], image.affine), row[key])
    return row


def test_a_bleed_that_the_scan_cuts_off_has_no_volume_and_a_reason(cohort, fitting, models, tmp_path):
    scans = cohort[0]
    row = scans[scans["patient"] == "p08"].iloc[0]
    reference = np.asarray(nib.load(row.reference_mask).dataobj) == 1
    middle = int(np.flatnonzero(reference.any(axis=(0, 1))).mean())
    cut = pd.DataFrame([at_the_edge(row, tmp_path, slice(0, middle + 1)), dict(row)])
    masks, status = segment_shard(cut.assign(time_point=["baseline", "followup"]), fitting, "x", models, tmp_path / "m")
    first, whole = masks.iloc[0], masks.iloc[1]
    assert pd.isna(first["iph_ml"]) and pd.isna(first["reference_iph_ml"]) and first["reason"] == "mask_at_scan_edge"
    assert isinstance(first["mask"], str) and first["dice_iph"] > 0.5  # what was seen is there, and can be compared
    assert whole["iph_ml"] > 0 and whole["reference_iph_ml"] > 0 and pd.isna(whole["reason"])
    assert not len(status)  # measuring says it, label by label


def test_pieces_below_the_limit_are_in_no_mask_and_no_volume(segmented, cohort, fitting, models, tmp_path):
    plain = segmented[0].loc[("p08", "baseline")]
    one = cohort[0][cohort[0]["patient"] == "p08"]
    masks, status = segment_shard(one, fitting, "external", models, tmp_path, smallest_ml={"iph": 0.0, "ivh": 1000.0})
    row, voxels = masks.iloc[0], np.asarray(nib.load(masks.loc[0, "mask"]).dataobj)
    assert plain["ivh_ml"] > 0 and row["ivh_ml"] == 0.0 and not (voxels == 2).any() and row["dice_ivh"] == 0.0
    assert row["iph_ml"] == plain["iph_ml"] and pd.isna(row["reason"]) and not len(status)
    both, status = segment_shard(one, fitting, "external", models, tmp_path, smallest_ml={"iph": 1000.0, "ivh": 1000.0})
    assert both.loc[0, "iph_ml"] == 0.0 and both.loc[0, "reason"] == Reason.EMPTY_MASK == status.loc[0, "reason"]


def test_a_reference_on_another_grid_is_not_compared(cohort, fitting, models, tmp_path):
    scans = cohort[0].head(1).copy()
    reference = nib.load(scans["reference_mask"].iloc[0])
    shifted = reference.affine.copy()
    shifted[0, 3] += 3
    nib.save(nib.Nifti1Image(np.asarray(reference.dataobj), shifted), tmp_path / "shifted.nii.gz")
    masks, status = segment_shard(
        scans.assign(reference_mask=str(tmp_path / "shifted.nii.gz")), fitting, "external", models, tmp_path / "out"
    )
    assert pd.isna(masks.loc[0, "dice_iph"]) and masks.loc[0, "iph_ml"] > 0
    assert status["reason"].tolist() == [Reason.REFERENCE_MISMATCH]


def test_a_model_that_saw_the_patient_is_refused(cohort, fitting, models, tmp_path):
    swapped = fitting.assign(fold=1 - fitting["fold"])
    with pytest.raises(ValueError, match="which it must not see"):
        segment_shard(cohort[0], swapped, "external", models, tmp_path)
    with pytest.raises(ValueError, match="which it must not see"):  # a training patient forgotten in the rows
        segment_shard(cohort[0], fitting.iloc[1:], "external", models, tmp_path)


def test_two_models_of_one_fold_are_refused(cohort, fitting, models, tmp_path):
    copy = shutil.copytree(models[0], tmp_path / "copy")
    with pytest.raises(ValueError, match="one model per fold"):
        segment_shard(cohort[0], fitting, "external", [models[0], copy], tmp_path)


def test_an_unlearned_label_has_no_volume(cohort, fitting, planned, models, tmp_path):
    folders = save_pair(planned[1], load_model(models[0]).network, ["iph", "edema"], tmp_path)
    masks, _ = segment_shard(cohort[0].head(1), fitting, "external", folders, tmp_path / "out")
    assert (
        pd.isna(masks.loc[0, "ivh_ml"]) and pd.isna(masks.loc[0, "dice_ivh"]) and masks.loc[0, "reference_ivh_ml"] > 0
    )
    assert set(np.unique(nib.load(masks.loc[0, "mask"]).get_fdata())) <= {0, 1, 3}


def test_the_result_is_a_masks_table(segmented, tmp_path):
    masks, status = segmented
    tables.write("masks", masks.reset_index(), tmp_path / "masks.tsv")
    tables.write("status", status, tmp_path / "status.tsv")
    assert len(tables.read("masks", tmp_path / "masks.tsv")) == len(masks)


def test_turning_the_head_over_and_finer_voxels_change_little(cohort, models):
    scan = read_scan(cohort[0]["image"].iloc[0])
    model = load_model(models[0])
    plain = segment_scan(scan, [model])
    fine = dataclasses.replace(scan, hu=scan.hu.repeat(2, 1).repeat(2, 2), spacing_mm=(8.0, 2.0, 2.0))
    assert (segment_scan(fine, [model]) == 1).sum() / 4 == pytest.approx((plain == 1).sum(), rel=0.15)
    mirrored = dataclasses.replace(scan, hu=np.ascontiguousarray(scan.hu[:, :, ::-1]))
    both = segment_scan(mirrored, [model], profile=PROFILES["max"])[:, :, ::-1]
    assert np.array_equal(both, segment_scan(scan, [model], profile=PROFILES["max"]))


def test_default_is_the_heads_box_in_half_steps_and_fast_finds_the_same_bleeds(cohort, models):
    scan, model = read_scan(cohort[0]["image"].iloc[0]), load_model(models[0])
    by_hand = drop_outside_skull(uncleaned(scan, model), inside_skull(scan.hu, scan.affine))
    default = segment_scan(scan, [model])
    assert default.any() and np.array_equal(default, by_hand)
    fast = segment_scan(scan, [model], profile=PROFILES["fast"])
    assert dice(fast == 1, default == 1) > 0.9


def test_the_hash_is_that_of_the_written_voxels(segmented):
    masks, _ = segmented
    for row in masks.itertuples():
        assert row.mask_sha256 == voxel_sha256(np.asanyarray(nib.load(row.mask).dataobj))
    assert masks["mask_sha256"].nunique() == len(masks)


def test_a_failed_scan_has_no_hash(cohort, fitting, models, tmp_path):
    scans = cohort[0].head(1).assign(image=str(tmp_path / "absent.nii.gz"))
    masks, _ = segment_shard(scans, fitting, "external", models, tmp_path / "out")
    assert pd.isna(masks.loc[0, "mask_sha256"])


def test_scans_one_after_the_other_give_what_the_overlapping_shard_gives(segmented, cohort, fitting, models):
    """The oracle: `segment_scan` alone, in one thread, for each scan."""
    masks, _ = segmented
    by_fold = {fold: load_model(folder) for fold, folder in enumerate(models)}
    folds = dict(zip(fitting["patient"], fitting["fold"], strict=True))
    for row in cohort[0].itertuples():
        chosen = [by_fold[folds[row.patient]]] if row.patient in folds else list(by_fold.values())
        alone = segment_scan(read_scan(row.image), chosen)
        written = np.asanyarray(nib.load(masks.loc[(row.patient, row.time_point), "mask"]).dataobj)
        np.testing.assert_array_equal(written, alone.T)


def test_rows_keep_the_order_of_the_scans(cohort, fitting, models, tmp_path):
    scans = cohort[0].iloc[::-1].reset_index(drop=True)
    masks, _ = segment_shard(scans, fitting, "external", models, tmp_path)
    keys = ["patient", "time_point"]
    pd.testing.assert_frame_equal(masks[keys], scans[keys], check_dtype=False)


def test_masks_that_will_not_fit_stop_the_shard_before_it_starts(cohort, fitting, models, small_disk):
    disk = small_disk("2m")
    with pytest.raises(DiskFullError, match="11 masks: needs about .* 2 MB free"):
        segment_shard(cohort[0], fitting, "external", models, disk / "masks")
    assert not list(disk.rglob("*.nii.gz"))


def test_the_size_of_the_masks_is_foreseen(cohort, fitting, models, tmp_path, monkeypatch):
    monkeypatch.setattr(disk_space, "free_bytes", lambda folder: 50_000_000)
    scans = cohort[0].head(1).assign(columns=512, rows=512, slices=32)
    assert len(segment_shard(scans, fitting, "external", models, tmp_path)[0]) == 1
    with pytest.raises(DiskFullError, match="needs about 0.1 GB"):
        segment_shard(scans.assign(slices=32_000), fitting, "external", models, tmp_path)


def test_a_disk_that_fills_up_stops_the_shard_and_is_no_failed_scan(cohort, fitting, models, small_disk, monkeypatch):
    monkeypatch.setattr(disk_space, "RESERVE_BYTES", 0)
    disk = small_disk("16k")  # four pages: the folder and a few masks of less than one
    with pytest.raises(DiskFullError, match="run the same command again"):
        segment_shard(cohort[0], fitting, "external", models, disk / "masks")
    written = sorted(path for path in disk.rglob("*") if path.is_file())
    assert len(written) < len(cohort[0]) and not [path for path in written if path.name.startswith(".")]
    for path in written:
        assert nib.load(path).get_fdata().shape == nib.load(cohort[0]["image"].iloc[0]).shape
