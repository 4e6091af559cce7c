"""Centers that draw fewer labels: what they left blank is not background."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from nnunetv2.training.loss.compound_losses import DC_and_CE_loss
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss

from ichor.segmentation.bundle import load_model
from ichor.segmentation.case_store import CaseStore
from ichor.segmentation.dataset import plan_segmentation
from ichor.segmentation.folders import preprocessed
from ichor.segmentation.predict import segment_shard
from ichor.segmentation.sliding_window import predict_probabilities
from ichor.segmentation.train import train_fold
from ichor.segmentation.trainers.partial_labels import counts_where_drawn, spare_unlabelled

from .conftest import PLAN

SETS = [[2], [1, 2]]  # of two labels: values 3 and 4 of a target
SHAPE = (2, 1, 4, 5, 6)


def nnunets_loss():
    kwargs = {"batch_dice": False, "smooth": 1e-5, "do_bg": False, "ddp": False}
    return DC_and_CE_loss(kwargs, {}, ignore_label=None, dice_class=MemoryEfficientSoftDiceLoss)


def drawn(seed=0):
    """Logits of background and two labels, and a target with every value."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(SHAPE[0], 3, *SHAPE[2:], generator=generator, dtype=torch.float64, requires_grad=True)
    return logits, torch.randint(0, 5, SHAPE, generator=generator).float()


def test_a_fully_drawn_target_costs_what_nnunet_says():
    logits, target = drawn()
    target = target.clamp(max=2)
    loss = spare_unlabelled(nnunets_loss(), SETS, 2)
    assert torch.allclose(loss(logits, target), nnunets_loss()(logits, target))
    assert isinstance(spare_unlabelled(nnunets_loss(), [], 2), DC_and_CE_loss)


def test_cross_entropy_is_that_of_background_or_the_undrawn_labels():
    logits, target = drawn()
    loss = nnunets_loss()
    loss.weight_dice = 0
    p = logits.softmax(dim=1)
    allowed = {0: [0], 1: [1], 2: [2], 3: [0, 2], 4: [0, 1, 2]}
    expected = torch.zeros(SHAPE[0], *SHAPE[2:], dtype=torch.float64)
    for value, channels in allowed.items():
        expected += (target[:, 0] == value) * -p[:, channels].sum(dim=1).log()
    assert torch.allclose(spare_unlabelled(loss, SETS, 2)(logits, target), expected.mean(), rtol=1e-5)


def test_a_guess_of_an_undrawn_label_costs_nothing_and_of_a_drawn_one_does():
    _, target = drawn()
    loss = spare_unlabelled(nnunets_loss(), SETS, 2)
    blank = torch.full_like(target, 3.0)
    blank[:, :, 0] = 1.0  # some of the drawn label

    def cost(channel):
        logits = torch.zeros(SHAPE[0], 3, *SHAPE[2:])
        logits[:, 1, 0] = 9.0
        logits[:, channel, 1:] = 9.0
        return float(loss(logits, blank))

    assert cost(0) == pytest.approx(cost(2), abs=1e-6)
    assert cost(1) > cost(0) + 1


def test_gradients_are_finite_in_half_precision_and_with_deep_supervision():
    logits, target = drawn()
    half = logits.detach().to(torch.bfloat16).requires_grad_()
    loss = spare_unlabelled(DeepSupervisionWrapper(nnunets_loss(), [0.7, 0.3]), SETS, 2)
    loss([half, half], [target, target]).backward()
    assert torch.isfinite(half.grad).all() and half.grad.any()


def test_counts_leave_out_what_is_not_known():
    target = torch.tensor([0, 1, 2, 3, 3, 4, 1]).float().reshape(1, 1, 7)
    found = torch.tensor([2, 1, 0, 2, 1, 1, 2])
    logits = torch.nn.functional.one_hot(found, 3).T[None].float()
    counts = counts_where_drawn(logits, target, SETS)
    assert counts["tp_hard"].tolist() == [1, 0]
    assert counts["fp_hard"].tolist() == [1, 2]  # label 1 at a 3; label 2 at the first and the last voxel
    assert counts["fn_hard"].tolist() == [1, 1]


def without_ivh(cohort, tmp_path):
    """The cohort with patients p02 ... p07 at a center whose masks hold no intraventricular blood."""
    scans, splits = cohort[0].copy(), cohort[1].copy()
    for row in scans.itertuples():
        if row.center == "aurora" and row.patient >= "p02":
            mask = nib.load(row.reference_mask)
            values = np.asarray(mask.dataobj) * (np.asarray(mask.dataobj) != 2)
            path = Path(tmp_path, Path(row.reference_mask).name)
            nib.save(nib.Nifti1Image(values, mask.affine), path)
            scans.loc[row.Index, ["center", "reference_mask"]] = ["boreal", str(path)]
            splits.loc[splits["patient"] == row.patient, "center"] = "boreal"
    return scans, splits[splits["role"] != "test"]


def plan(scans, fitting, work, unlabelled):
    return plan_segmentation(
        fitting,
        scans,
        labels=["iph", "ivh"],
        plan=PLAN,
        work_dir=work,
        out_plans=work / "plans.json",
        unlabelled=unlabelled,
    )


def stored(work):
    return CaseStore(str(preprocessed(work) / "nnUNetPlans_3d_fullres"))


def test_blank_voxels_of_such_a_center_are_stored_apart(cohort, tmp_path):
    planned = plan(*without_ivh(cohort, tmp_path), tmp_path, {"boreal": ["ivh", "edema"]})
    assert planned["unlabelled"] == [["ivh"]]
    for case in planned["cases"]:
        _, target, _, properties = stored(tmp_path).load_case(case["case"])
        values = set(np.unique(target[:]))
        assert values == ({1, 3} if case["center"] == "boreal" else {0, 1, 2})
        assert set(properties["class_locations"]) == values - {0, 3}  # patches are centred on labels only


def test_such_a_center_does_not_teach_that_the_label_is_absent(cohort, tmp_path):
    scans, fitting = without_ivh(cohort, tmp_path)
    budget = {"epochs": 10, "iterations_per_epoch": 6, "initial_lr": 0.01, "optimizer": "adamw"}
    found = {}
    for name, unlabelled in (("known", {"boreal": ["ivh"]}), ("taken for background", {})):
        work = tmp_path / name
        cases = plan(scans, fitting, work, unlabelled)["cases"]
        # Fold 1 is left out: of the patients trained on, one shows ivh in its mask and three in their images only.
        train_fold(
            work / "plans.json", work, 1, budget=budget, seed=1, device="cpu", checkpoint_every_epochs=99, out_dir=work
        )
        model = load_model(work)
        scores = []
        for case in cases:
            if case["center"] == "aurora" and case["fold"] == 1:
                image, target, *_ = stored(work).load_case(case["case"])
                volume = torch.from_numpy(image[:]).float()
                probabilities = predict_probabilities([model.network], volume, model.patch_size)
                scores += [float(probabilities[label][torch.from_numpy(target[0] == label)].mean()) for label in (1, 2)]
        found[name] = np.mean(np.reshape(scores, (-1, 2)), axis=0)
    assert found["known"][1] > 1.4 * found["taken for background"][1]
    assert found["known"][0] > 0.5  # while the label that both centers draw is learned from both


def test_agreement_of_a_label_that_was_not_drawn_is_unknown(cohort, planned, tmp_path):
    scans, fitting = without_ivh(cohort, tmp_path)
    for fold in (0, 1):
        train_fold(
            planned[0] / "plans.json",
            planned[0],
            fold,
            budget={"epochs": 1, "iterations_per_epoch": 1, "initial_lr": 0.01},
            seed=1,
            device="cpu",
            checkpoint_every_epochs=1,
            out_dir=tmp_path / f"fold-{fold}",
        )
    one = scans[scans["patient"] == "p02"]
    folders = [tmp_path / "fold-0", tmp_path / "fold-1"]
    known, _ = segment_shard(one, fitting, "external", folders, tmp_path / "a")
    unknown, _ = segment_shard(one, fitting, "external", folders, tmp_path / "b", unlabelled=["ivh"])
    assert known["reference_ivh_ml"].tolist() == [0.0]
    assert unknown[["reference_ivh_ml", "dice_ivh"]].isna().all(axis=None)
    assert unknown["reference_iph_ml"].tolist() == known["reference_iph_ml"].tolist() != [0.0]
