"""Several tasks in one training: the weighted loss, what is unknown, and defects of published training loops."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from ichor.errors import StudyError
from ichor.imaging.augment import AugmentRanges
from ichor.imaging.crops import Grid
from ichor.models import registry
from ichor.models.auxiliary_tasks import AuxiliaryTasks
from ichor.training import bundle
from ichor.training.data import InputSpec, Views
from ichor.training.example_files import add_targets, examples_folder, make_examples, read_examples
from ichor.training.examples import Examples, refuse_empty_shares
from ichor.training.fit import fit_model
from ichor.training.learning_rate import learning_rate_factor
from ichor.training.loop import Training, train
from ichor.training.loop_settings import LoopSettings
from ichor.training.losses import auxiliary_loss
from ichor.training.predict import predict_model
from ichor.training.recorded import without_unrecorded
from ichor.training.rows import columns_read

INPUTS = InputSpec("head", Grid((4, 4, 2), (2.0, 2.0, 5.0)), ((0.0, 100.0),), ())
TASKS = AuxiliaryTasks.of(registry.resolve({"kind": "densenet_multitask"}))
SETTINGS = LoopSettings(**registry.resolve({"kind": "densenet"})["training"] | {"epochs": 3, "warmup_epochs": 1})


def network(outputs=1):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(32, 6), torch.nn.Tanh(), torch.nn.Linear(6, outputs))


def examples(n=19, targets=None):
    rng = np.random.default_rng(1)
    labels = (np.arange(n) % 3 == 0).astype(np.float32)
    images = rng.normal(40 + 20 * labels[:, None, None, None], 20, size=(n, 4, 4, 2))
    return Examples(Views(images.astype(np.int16), np.zeros((n, 0, 4, 4, 2), np.uint8)), labels, targets)


def trained(folder, sets, tasks=None, **changes):
    training = Training(INPUTS, AugmentRanges(), replace(SETTINGS, **changes), torch.device("cpu"), "32", 3)
    training.tasks = tasks or AuxiliaryTasks()
    path = folder / f"{len(list(folder.iterdir()))}"
    return train(network(1 + training.tasks.outputs), training, sets, examples(0), path, "mark")


def test_the_loss_of_each_task_is_its_mean_over_known_targets():
    rng = np.random.default_rng(0)
    logits = torch.tensor(rng.normal(size=(5, 4)), dtype=torch.float32, requires_grad=True)
    targets = rng.integers(0, 2, size=(5, 3)).astype(np.float32)
    targets[1, :2], targets[[0, 3, 4], 2] = np.nan, np.nan
    loss = auxiliary_loss(logits, torch.from_numpy(targets), TASKS, targets)
    known, aged = [0, 2, 3, 4], [1, 2]
    expected = 0.3 * binary_cross_entropy_with_logits(logits[known, 1:3], torch.from_numpy(targets[known, :2]))
    expected = expected + 0.3 * binary_cross_entropy_with_logits(logits[aged, 3], torch.from_numpy(targets[aged, 2]))
    torch.testing.assert_close(loss, expected)
    parts = [
        auxiliary_loss(logits[part], torch.from_numpy(targets[part]), TASKS, targets) for part in ([0, 1], [2, 3, 4])
    ]
    torch.testing.assert_close(sum(parts), loss)
    loss.backward()
    assert logits.grad.isfinite().all()
    assert (logits.grad[1, :3] == 0).all() and (logits.grad[[0, 3, 4], 3] == 0).all()
    nothing = np.full((5, 3), np.nan, np.float32)
    assert auxiliary_loss(logits, torch.from_numpy(nothing), TASKS, nothing) == 0


def test_known_targets_are_learned_and_unknown_ones_change_nothing(tmp_path):
    rng = np.random.default_rng(2)
    targets = rng.integers(0, 2, size=(19, 3)).astype(np.float32)
    targets[:5] = np.nan
    first = trained(tmp_path, examples(targets=targets), TASKS)
    other = trained(tmp_path, examples(targets=1 - targets), TASKS)
    assert all(tensor.isfinite().all() for tensor in first.values())
    assert not torch.equal(first["1.weight"], other["1.weight"])  # the shared layer learns from the tasks
    nothing = trained(tmp_path, examples(targets=np.full((19, 3), np.nan, np.float32)), TASKS)
    assert torch.equal(nothing["3.bias"][1:], network(4)[3].bias[1:])
    assert not torch.equal(nothing["3.bias"][0], network(4)[3].bias[0])


def test_accumulated_parts_are_the_whole_batch_and_drop_no_row(tmp_path, monkeypatch):
    """Defect of a published loop: steps after 2, 5, 8 ... batches, and the rows after the last step never counted."""
    steps, step = [], torch.optim.AdamW.step
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda own, *given: (steps.append(1), step(own, *given))[1])
    targets = np.random.default_rng(2).integers(0, 2, size=(19, 3)).astype(np.float32)
    targets[::2, 2] = np.nan
    whole = trained(tmp_path, examples(targets=targets), TASKS, batch_size=7)
    assert len(steps) == 3 * 3  # 19 rows are 3 batches of 7, 6 and 6
    parts = trained(tmp_path, examples(targets=targets), TASKS, batch_size=7, accumulate=3)
    assert len(steps) == 2 * 3 * 3
    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor, rtol=0, atol=1e-5)
    with pytest.raises(StudyError, match="part of a batch .*accumulate 4.* has 1 images"):
        refuse_empty_shares(19, replace(SETTINGS, batch_size=7, accumulate=4), 2)


def test_the_learning_rate_depends_on_the_step_and_on_no_loss(tmp_path, monkeypatch):
    """Defect of a published loop: the schedule was moved at every step by the loss of a mini-batch."""
    rates, step = [], torch.optim.AdamW.step

    def recorded(own, *given):
        rates.append(own.param_groups[0]["lr"])
        return step(own, *given)

    monkeypatch.setattr(torch.optim.AdamW, "step", recorded)
    sets = examples()
    for labels in (sets.labels, 1 - sets.labels):
        trained(tmp_path, replace(sets, labels=labels), batch_size=5)
    n = len(rates) // 2
    assert rates[:n] == rates[n:] == [SETTINGS.learning_rate * learning_rate_factor(at, n // 3, n) for at in range(n)]


SMALL = {
    "kind": "densenet_multitask",
    "init_features": 4,
    "growth_rate": 4,
    "blocks": [1, 1, 1, 1],
    "input": {"size_mm": [160, 160, 96], "spacing_mm": [5, 5, 3], "mask_labels": []},
    "training": {"epochs": 2, "batch_size": 12, "checkpoint_every_epochs": 2},
}


def fit(cohort, folder, spec):
    names = {"task": "outcome", "target": "poor_outcome", "model": "m", "seed": 7, "device": "cpu"}
    fit_model(cohort, spec=spec, checkpoint_dir=folder / "state", bundle_dir=folder / "bundle", **names)
    return bundle.read(folder / "bundle")[0]


def test_without_tasks_it_is_the_densenet_bit_for_bit(phantoms, tmp_path):
    plain = {name: value for name, value in SMALL.items() if name != "tasks"} | {"kind": "densenet"}
    alone = fit(phantoms, tmp_path / "plain", plain)
    ablated = fit(phantoms, tmp_path / "ablated", SMALL | {"tasks": {"gcs": "none", "age": False}})
    assert alone.keys() == ablated.keys()
    assert all(np.array_equal(alone[name], ablated[name]) for name in alone)


def test_tasks_are_taught_by_the_train_rows_alone_and_answered_for_all(phantoms, tmp_path):
    spec = copy.deepcopy(SMALL) | {"tasks": {"age_at_least_years": 60}}
    assert columns_read(registry.resolve(spec)) == ["image", "image_sha256", "gcs", "age_years"]
    cohort, train = phantoms.copy(), phantoms["role"] == "train"
    cohort.loc[cohort.index[train][:4], "gcs"] = pd.NA
    weights = fit(cohort, tmp_path / "a", spec)
    others = cohort.copy()
    others.loc[~train, "gcs"], others.loc[~train, "age_years"] = 3, 99.0
    again = fit(others, tmp_path / "b", spec)
    assert all(np.array_equal(weights[name], again[name]) for name in weights)
    others.loc[train, "age_years"] = 120 - others["age_years"]
    taught = fit(others, tmp_path / "c", spec)
    assert any(not np.array_equal(weights[name], taught[name]) for name in weights)
    predictions, status, details = predict_model(cohort, tmp_path / "a" / "bundle", device="cpu")
    assert len(predictions) == len(cohort) and status.empty
    assert set(details["quantity"]) == {
        "gcs_ordinal",
        "gcs_low_probability",
        "gcs_12_or_less_probability",
        "age_60_probability",
    }
    assert len(details) == 4 * len(cohort) and set(details["target"]) == {"poor_outcome"}
    classes = details.loc[details["quantity"] == "gcs_ordinal", "value"]
    assert set(classes) <= {0, 1, 2}
    unseen = predict_model(cohort.assign(gcs=pd.NA, age_years=np.nan), tmp_path / "a" / "bundle", device="cpu")
    pd.testing.assert_frame_equal(unseen[0], predictions)
    pd.testing.assert_frame_equal(unseen[2], details)


def test_a_split_without_any_target_of_a_task_does_without_the_task(phantoms):
    spec, train = registry.resolve(SMALL), phantoms["role"] == "train"
    assert without_unrecorded(spec, phantoms, "poor_outcome") == (spec, [])
    gone = phantoms.assign(gcs=phantoms["gcs"].where(~train))
    kept, left_out = without_unrecorded(spec, gone, "poor_outcome")
    assert kept == spec | {"tasks": spec["tasks"] | {"gcs": "none"}} and left_out == ["the task gcs"]
    assert without_unrecorded(kept, gone, "poor_outcome") == (kept, [])


def test_other_processes_find_the_targets_in_the_files(phantoms, tmp_path):
    inputs = InputSpec.from_settings(registry.resolve(SMALL)["input"])
    rows = phantoms[:3].assign(label=0)
    targets = TASKS.targets(rows)
    with examples_folder(tmp_path / "examples") as folder:
        made, _ = make_examples(folder, "train", rows, inputs, "read")
        assert read_examples(folder, "train").targets is None
        assert add_targets(folder, "train", made, targets).targets is targets
        np.testing.assert_array_equal(read_examples(folder, "train").targets, targets)
