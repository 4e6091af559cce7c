import math

import numpy as np
import pandas as pd
import pytest
import torch

from ichor.cohort.fences import LeakError
from ichor.errors import StudyError
from ichor.training import bundle
from ichor.training.balance import Balance, events_to_add, plan
from ichor.training.examples import batches_of
from ichor.training.fit import fit_model
from ichor.training.job import Job
from ichor.training.losses import summed_loss
from ichor.training.synthetic import shortage

LABELS = np.array([1] * 5 + [0] * 40, np.float32)


def balance(arm="none", generator="", ratio="", focal_gamma=2.0, correct_prior=True):
    return Balance(arm, generator, ratio, focal_gamma, correct_prior)


def test_events_that_a_ratio_misses():
    assert [events_to_add(5, 40, ratio) for ratio in ("none", "1:2", "1:1")] == [0, 15, 35]
    assert events_to_add(5, 41, "1:2") == 15, "never more than the ratio"
    assert events_to_add(50, 40, "1:1") == 0


@pytest.mark.parametrize(("ratio", "events"), [("1:2", 20), ("1:1", 40)])
def test_oversampling_reaches_the_ratio_with_events_alone_and_is_seeded(ratio, events):
    seen = plan(LABELS, 45, balance("oversample", ratio=ratio), ratio, seed=3)
    assert LABELS[seen.rows].sum() == events and (seen.rows[:45] == np.arange(45)).all()
    assert seen.prior_logit == pytest.approx(math.log(5 / 40))
    assert seen.prior_logit_seen == pytest.approx(math.log(events / 40))
    again, other = (plan(LABELS, 45, balance("oversample", ratio=ratio), ratio, seed) for seed in (3, 4))
    assert (again.rows == seen.rows).all() and (other.rows != seen.rows).any()


def test_synthetic_cases_are_seen_up_to_the_ratio_and_as_far_as_there_are_any():
    many = np.concatenate([LABELS, np.ones(60, np.float32)])
    how = balance("synthetic", "transplant", "tune")
    assert how.candidates() == ["none", "1:2", "1:1"]
    for ratio, added in {"none": 0, "1:2": 15, "1:1": 35}.items():
        seen = plan(many, 45, how, ratio, 0)
        assert list(seen.rows) == list(range(45 + added))
        assert seen.prior_logit_seen == pytest.approx(math.log((5 + added) / 40))
        assert seen.prior_logit == pytest.approx(math.log(5 / 40))
    assert len(plan(many[:50], 45, how, "1:1", 0).rows) == 50


def test_weights_and_focal_loss_leave_the_rows_alone():
    weighted = plan(LABELS, 45, balance("class_weights"), "none", 0)
    assert weighted.positive_weight == pytest.approx(8) and weighted.prior_logit_seen == 0
    focal = plan(LABELS, 45, balance("focal", focal_gamma=1.5), "none", 0)
    assert focal.focal_gamma == 1.5 and focal.prior_logit_seen == focal.prior_logit
    assert len(weighted.rows) == len(focal.rows) == 45
    uncorrected = plan(LABELS, 45, balance("class_weights", correct_prior=False), "none", 0)
    assert uncorrected.prediction_logit == 0 and weighted.prediction_logit == pytest.approx(math.log(1 / 8))


def test_focal_loss_is_that_of_the_paper_and_weights_count_events():
    logits, labels = torch.tensor([-2.0, 0.5, 3.0]), torch.tensor([1.0, 0.0, 1.0])
    chance = 1 / (1 + np.exp(-logits.numpy()))
    true = np.where(labels.numpy() == 1, chance, 1 - chance)
    assert float(summed_loss(logits, labels, 1.0, 2.0)) == pytest.approx(
        -((1 - true) ** 2 * np.log(true)).sum(), rel=1e-5
    )
    assert float(summed_loss(logits, labels, 1.0, 0.0)) == pytest.approx(-np.log(true).sum(), rel=1e-5)
    assert float(summed_loss(logits, labels, 4.0, 0.0)) == pytest.approx(
        -(np.array([4, 1, 4]) * np.log(true)).sum(), rel=1e-5
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"arm": "smote"}, "balance.arm: found 'smote'"),
        ({"arm": "oversample"}, "balance.ratio: found ''; write 1:2 or 1:1 or tune"),
        ({"arm": "focal", "ratio": "1:1"}, "balance.ratio: found '1:1'; leave it out"),
        ({"arm": "synthetic", "ratio": "1:1"}, "balance.generator: found ''; write a name"),
        ({"generator": "transplant"}, "balance.generator: found 'transplant'; leave it out"),
        ({"focal_gamma": -1.0}, "balance.focal_gamma"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(StudyError, match=message):
        balance(**wrong)


@pytest.fixture
def fit(phantoms, tmp_path):
    def run(spec, cohort=phantoms, **more):
        folders = {"checkpoint_dir": tmp_path / "c", "bundle_dir": tmp_path / "b"}
        job = {"task": "expansion", "target": "expansion", "model": "m", "seed": 1, "device": "cpu", "spec": spec}
        return fit_model(cohort, **(job | folders | more)), bundle.describe(tmp_path / "b")

    return run


@pytest.fixture
def rare(phantoms):
    """The cohort with a third of the train rows' events."""
    train = phantoms[(phantoms["role"] == "train") & (phantoms["label_expansion"] == 1)]
    return phantoms.drop(index=train.index[:-4])


@pytest.fixture
def cases(rare):
    """Synthetic cases that are train scans under other names; their parents are train patients."""
    events = rare[(rare["role"] == "train") & (rare["label_expansion"] == 1)]
    rows = pd.DataFrame({"image": events["image"], "mask": events["mask"]})
    rows = pd.concat([rows] * 2, ignore_index=True)
    named = {"split": "external", "generator": "twice", "label": 1, "parents": events["patient"].iloc[0]}
    rows = rows.assign(**named, case=[f"case-{number}" for number in range(len(rows))], outcome="accepted")
    return rows.assign(image=[f"./{path}" if not path.startswith("/") else "/" + path for path in rows["image"]],
                       image_sha256=[f"sha-{number}" for number in range(len(rows))])  # fmt: skip


SYNTHETIC = {"arm": "synthetic", "generator": "twice", "ratio": "1:1"}


def test_the_tune_rows_choose_the_ratio_and_all_figures_are_kept(fit, rare, small_vit):
    small_vit |= {"balance": {"arm": "oversample", "ratio": "tune"}}
    small_vit["training"] |= {"epochs": 2}
    _, made = fit(small_vit, rare)
    kept = made["balance"]["candidates"]
    assert list(kept) == ["none", "1:2", "1:1"]
    assert made["balance"]["ratio"] == min(kept, key=lambda ratio: kept[ratio]["tune_loss"])
    assert [kept[ratio]["events"] for ratio in kept] == [4, 6, 12] and kept["1:1"]["others"] == 12
    assert made["prior_logit"] == pytest.approx(math.log(4 / 12))
    assert made["prior_logit_seen"] == pytest.approx(math.log(kept[made["balance"]["ratio"]]["events"] / 12))


def test_synthetic_cases_are_added_to_train_rows_and_a_shortage_is_told(fit, rare, small_vit, cases):
    small_vit |= {"balance": SYNTHETIC}
    small_vit["training"] |= {"epochs": 1}
    status, made = fit(small_vit, rare, synthetic=cases)
    assert made["balance"]["synthetic"] == 8 and made["balance"]["missing"] == 0
    assert made["balance"]["events"] == made["balance"]["others"] == 12 and status.empty
    assert sum(center["train"]["n"] for center in made["fitted_on"].values()) == 16, "real rows alone"
    few = cases.assign(outcome=["accepted"] * 3 + ["refused"] * 5)
    status, made = fit(small_vit, rare, synthetic=few)
    assert list(status["reason"]) == ["synthetic_too_few"] and "5 fewer" in status["detail"][0]
    assert made["prior_logit_seen"] == pytest.approx(math.log(7 / 12))


def test_added_rows_are_strewn_among_the_others_and_do_not_change_their_order():
    plain, more = (np.concatenate(list(batches_of(n, 8, 3, 2, n - 40))) for n in (40, 55))
    assert (more[more < 40] == plain).all() and sorted(more) == list(range(55))
    where = np.flatnonzero(more >= 40)
    assert where.min() < 15 and where.max() > 40 and list(more[where]) != sorted(more[where])


def test_an_arm_starts_from_the_weights_of_its_plain_twin(fit, rare, small_vit, tmp_path):
    """Without a step that changes anything: the weights are the initial ones."""
    small_vit["training"] |= {"epochs": 1, "learning_rate": 0.0, "weight_decay": 0.0}
    arm = small_vit | {"balance": {"arm": "class_weights"}}
    found = {}
    for name, spec, draws in (("vit", small_vit, ""), ("vit_weights", arm, "vit"), ("vit_other", arm, "")):
        _, made = fit(spec, rare, model=name, draws=draws)
        assert made["balance"]["draws"] == (draws or name)
        found[name], _ = bundle.read(tmp_path / "b")
    same = [all((found["vit"][key] == found[name][key]).all() for key in found["vit"]) for name in found]
    assert same == [True, True, False]


def test_a_shortage_says_whether_too_few_were_drawn_or_too_many_were_copies(tmp_path, cases):
    job = Job("expansion", "expansion", "vit", "external", {}, 1, "cpu", "32", 1, tmp_path, tmp_path)
    facts = {"synthetic": 3, "missing": 5, "ratio": "1:1"}
    for learned, made, code in (
        (True, cases[:7], "generator_draws_unfit"),
        (True, cases, "synthetic_too_few"),
        (False, cases[:7], "synthetic_too_few"),
    ):
        assert shortage(job, facts, made, learned=learned)[0]["reason"] == code
    assert shortage(job, facts | {"missing": 0}, cases[:3], learned=True) == []


def test_the_training_refuses_what_is_not_made_of_its_train_rows(fit, rare, small_vit, cases):
    small_vit |= {"balance": SYNTHETIC}
    tune, test = (rare.loc[rare["role"] == role, "patient"].iloc[0] for role in ("tune", "test"))
    train = cases["parents"][0]
    for wrong, message in (
        ({"split": "cv-1"}, "another split"),
        ({"parents": f"{train};{tune}"}, f"{tune} is a tune patient"),
        ({"parents": f"{train};{test}"}, f"{test} is a test patient"),
        ({"parents": "nobody"}, "nobody is no patient"),
        ({"parents": None}, "nobody says which patients"),
        ({"generator": "other"}, "generator other"),
    ):
        with pytest.raises(LeakError, match=message):
            fit(small_vit, rare, synthetic=cases.assign(**wrong))
    for trained_on, message in (([train, tune], "tune patient"), ([test], "test patient")):
        with pytest.raises(LeakError, match=message):
            fit(small_vit, rare, synthetic=cases.assign(parents=None), trained_on=trained_on)


@pytest.mark.parametrize("role", ["tune", "test", "train"])
@pytest.mark.parametrize("by", ["patient", "image", "image_sha256"])
def test_a_synthetic_case_among_the_rows_of_the_cohort_stops_the_run(fit, rare, small_vit, cases, role, by):
    small_vit |= {"balance": SYNTHETIC}
    row = rare[rare["role"] == role].iloc[[0]].assign(patient="x")
    row[by] = cases[{"patient": "case"}.get(by, by)][0]
    with pytest.raises(LeakError, match=f"a synthetic case stands among the {role} rows"):
        fit(small_vit, pd.concat([rare, row], ignore_index=True), synthetic=cases)


def test_a_model_of_another_arm_or_target_takes_no_synthetic_cases(fit, rare, small_vit, cases):
    with pytest.raises(LeakError, match="no arm synthetic"):
        fit(small_vit, rare, synthetic=cases)
    with pytest.raises(StudyError, match="labelled with expansion"):
        fit(small_vit | {"balance": SYNTHETIC}, rare, synthetic=cases, target="poor_outcome")
    with pytest.raises(StudyError, match="no synthetic cases were given"):
        fit(small_vit | {"balance": SYNTHETIC}, rare)


def test_cases_smaller_than_the_networks_view_are_refused(fit, rare, small_vit, cases):
    small_vit |= {"balance": SYNTHETIC, "input": small_vit["input"] | {"size_mm": [300, 80, 64]}}
    with pytest.raises(StudyError, match="180 x 200 x 96 mm, the network reads 300 x 80 x 64 mm"):
        fit(small_vit, rare, synthetic=cases)
