"""GCS and age learned beside the outcome: targets, weights, answers, and what cannot be."""

import numpy as np
import pandas as pd
import pytest

from ichor.errors import StudyError
from ichor.models import registry
from ichor.models.auxiliary_tasks import AuxiliaryTasks

ABLATIONS = {
    "outcome": {"gcs": "none", "age": False},
    "binary GCS": {"gcs": "binary", "age": False},
    "ordinal GCS": {"gcs": "ordinal", "age": False},
    "age": {"gcs": "none", "age": True},
    "binary GCS and age": {"gcs": "binary", "age": True},
    "ordinal GCS and age": {"gcs": "ordinal", "age": True},
}
"""Figure 2 of Cobo et al., MLMI 2024."""


def resolved(**tasks):
    return registry.resolve({"kind": "densenet_multitask", "tasks": tasks})


def test_targets_are_those_of_the_paper():
    gcs = [3, 8, 9, 12, 13, 15, None]
    rows = pd.DataFrame({"gcs": pd.array(gcs, "Int64"), "age_years": [80.0, 79.9, np.nan, 18, 80.1, 99, 50]})
    ordinal = AuxiliaryTasks.of(resolved()).targets(rows)
    assert ordinal.dtype == np.float32
    assert ordinal[:6, :2].tolist() == [[1, 1], [1, 1], [1, 0], [1, 0], [0, 0], [0, 0]]
    np.testing.assert_array_equal(ordinal[:, 2], [1, 0, np.nan, 0, 1, 1, 0])
    assert np.isnan(ordinal[6, :2]).all()
    binary = AuxiliaryTasks.of(resolved(gcs="binary", age=False)).targets(rows)
    np.testing.assert_array_equal(binary[:, 0], [1, 1, 0, 0, 0, 0, np.nan])


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_changes_tasks_and_nothing_else(name):
    """Defect of the published scripts: their ablations came with other grids, and weights that did not sum alike."""
    spec, plain = resolved(**ABLATIONS[name]), registry.resolve({"kind": "densenet"})
    shared = [key for key in plain if key not in ("kind", "record")]
    assert {key: spec[key] for key in shared} == {key: plain[key] for key in shared}
    tasks = AuxiliaryTasks.of(spec)
    shares = {task.name: task.share for task in tasks}
    assert tasks.outcome_share + sum(shares.values()) == pytest.approx(1)
    assert all(share / tasks.outcome_share == pytest.approx(0.3 / 0.4) for share in shares.values())
    assert tasks.outputs == {"none": 0, "binary": 1, "ordinal": 2}[spec["tasks"]["gcs"]] + spec["tasks"]["age"]
    assert bool(tasks) == (name != "outcome") == bool(tasks.columns)
    places = [place for task in tasks for place in range(task.places.start, task.places.stop)]
    assert places == list(range(1, 1 + tasks.outputs))


def test_weights_of_the_paper_are_the_default_and_other_kinds_have_no_tasks():
    tasks = AuxiliaryTasks.of(resolved())
    assert (tasks.outcome_share, *(task.share for task in tasks)) == pytest.approx((0.4, 0.3, 0.3))
    assert not AuxiliaryTasks.of(registry.resolve({"kind": "densenet"}))


def test_an_ordinal_answer_ends_at_the_first_no():
    tasks = AuxiliaryTasks.of(resolved(age_at_least_years=75))
    found = tasks.answers(np.array([[0.9, 0.6, 0.1], [0.9, 0.4, 0.2], [0.4, 0.9, 0.3], [0.1, 0.0, 0.4]]))
    assert found["gcs_ordinal"].tolist() == [2, 1, 0, 0]
    assert found["gcs_low_probability"].tolist() == [0.6, 0.4, 0.9, 0.0]
    assert found["gcs_12_or_less_probability"].tolist() == [0.9, 0.9, 0.4, 0.1]
    assert found["age_75_probability"].tolist() == [0.1, 0.2, 0.3, 0.4]
    binary = AuxiliaryTasks.of(resolved(gcs="binary", age=False)).answers(np.array([[0.7]]))
    assert {name: values.tolist() for name, values in binary.items()} == {"gcs_low_probability": [0.7]}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"tasks": {"gcs": "low"}}, "models.o.m.tasks.gcs: found 'low'; write ordinal or binary or none"),
        ({"tasks": {"gcs_at_most": [8, 12]}}, "tasks.gcs_at_most: .* the highest cut first"),
        ({"tasks": {"gcs_at_most": [2]}}, "tasks.gcs_at_most: .* from 3 to 14"),
        ({"tasks": {"weights": {"age": 0.0}}}, "tasks.weights.age: found 0.0; write a number above 0"),
        ({"record": {"features": ["sex", "gcs"]}}, "record.features: gcs would be read and learned"),
        ({"record": {"features": ["chen_2023"]}}, "record.features: age_years, gcs would be read and learned"),
        ({"record": {"dropout": 0.5, "scan_dropout": 0.5, "features": ["sex"]}}, "less than 1 for both together"),
    ],
)
def test_tasks_that_cannot_be_are_refused_before_any_job(spec, said):
    with pytest.raises(StudyError, match=said):
        registry.resolve({"kind": "densenet_multitask", **spec}, "models.o.m")


def test_the_record_is_read_where_it_is_named_but_what_is_learned():
    assert not registry.reads_record(resolved())
    spec = {"kind": "densenet_multitask", "record": {"features": ["gcs", "sex"]}, "tasks": {"gcs": "none"}}
    assert registry.reads_record(registry.resolve(spec))


def test_a_task_without_any_target_is_refused():
    rows = pd.DataFrame({"gcs": [None, None], "age_years": [50.0, 90.0]})
    with pytest.raises(StudyError, match="tasks.gcs: no usable train row has gcs: .* write gcs: none"):
        AuxiliaryTasks.of(resolved()).targets(rows)
    with pytest.raises(StudyError, match="tasks.age: no usable train row has age_years: .* write age: false"):
        AuxiliaryTasks.of(resolved(gcs="none")).targets(rows[["gcs"]])
