import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from ichor.report.cases import choose, worst_of_labels


@pytest.fixture
def study(tmp_path):
    masks, scans = [], []
    for number, dice in enumerate([0.2, 0.9, 0.5, 0.7, 0.8]):
        paths = {name: tmp_path / f"{name}{number}.nii.gz" for name in ("image", "mask", "reference_mask")}
        labels = np.zeros((6, 5, 4), np.uint8)
        labels[1, 1, 1], labels[2, 2, 2], labels[3, 3, 3] = 1, 2, 3
        for name, path in paths.items():
            voxels = np.full((6, 5, 4), 30, np.int16) if name == "image" else labels
            nib.save(nib.Nifti1Image(voxels, np.diag([0.5, 0.6, 5.0, 1.0])), path)
        key = dict(patient=f"p{number}", center="aurora", time_point="baseline")
        masks.append(
            key | dict(split="external", dice_iph=dice, mask=str(paths["mask"]), iph_ml=3.0, reference_iph_ml=4.0)
        )
        scans.append(key | dict(image=str(paths["image"]), reference_mask=str(paths["reference_mask"])))
    return pd.DataFrame(masks), pd.DataFrame(scans)


def test_cases_run_from_the_best_to_the_worst(study):
    cases = choose(*study, "external")
    assert [case.detail.split("Dice ")[1][:4] for case in cases] == ["0.90", "0.80", "0.70", "0.50", "0.20"]
    assert cases[0].title == "Best Dice" and cases[-1].title == "Worst Dice"
    assert cases[0].spacing_mm == pytest.approx((0.5, 0.6))


def test_with_many_scans_the_two_worst_are_shown(study):
    masks, scans = (pd.concat([table, table.assign(patient=table["patient"] + "x")]) for table in study)
    masks["dice_iph"] = np.linspace(0.95, 0.05, len(masks))
    cases = choose(masks, scans, "external")
    assert [case.title for case in cases[-2:]] == ["Second worst Dice", "Worst Dice"] and len(cases) == 6
    assert [case.detail.split("Dice ")[1][:4] for case in cases[-2:]] == ["0.15", "0.05"]


def test_outlines_are_of_blood_alone_not_of_edema(study):
    case = choose(*study, "external")[0]
    assert case.predicted.sum() == 2 and case.predicted[1, 1, 1] and case.predicted[2, 2, 2]


def test_no_reference_no_cases(study):
    masks, scans = study
    assert choose(masks, scans, "loco-aurora") == []
    assert choose(masks.assign(dice_iph=np.nan), scans, "external") == []


def test_the_worst_scan_of_every_other_label_is_shown_with_that_label_alone(study):
    masks, scans = study
    key = dict(center="aurora", time_point="baseline", split="external")
    rows = [
        key | dict(patient=f"p{number}", label=label, dice=dice, reference_ml=reference, predicted_ml=2.0)
        for number, (ivh, edema, reference) in enumerate([(0.4, 0.9, 3.0), (0.1, 0.6, 3.0), (0.0, 0.7, 0.0)])
        for label, dice in (("iph", 0.0), ("ivh", ivh), ("edema", edema))
    ]
    cases = worst_of_labels(pd.DataFrame(rows), masks, scans, "external")
    assert [case.title for case in cases] == ["Worst Dice: IVH", "Worst Dice: edema"]
    assert [case.detail for case in cases] == ["aurora, Dice 0.10, 2.0 of 3.0 mL", "aurora, Dice 0.60, 2.0 of 3.0 mL"]
    assert cases[0].predicted[2, 2, 2] and cases[1].reference[3, 3, 3] and cases[0].predicted.sum() == 1
    assert worst_of_labels(pd.DataFrame(rows), masks, scans, "loco-a") == []
