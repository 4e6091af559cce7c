import pandas as pd
import pytest

from ichor.errors import StudyError
from ichor.evaluation.predictions import one_per_patient, read_predictions


def table(**changes) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "task": "outcome", "target": "death", "model": "theirs", "split": "external",
            "patient": ["p1", "p2", "p3", "p4"], "center": ["a", "a", "b", "b"],
            "role": ["train", "tune", "test", "test"],
            "time": "baseline", "label": [0, 1, 0, 1], "probability": [0.1, 0.7, 0.2, 0.9], "seed": 0,
        }
    )  # fmt: skip
    return rows.assign(**changes)


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".parquet"])
def test_every_format_reads_alike(tmp_path, suffix):
    path = tmp_path / f"theirs{suffix}"
    if suffix == ".parquet":
        table().to_parquet(path)
    else:
        table().to_csv(path, sep="," if suffix == ".csv" else "\t", index=False)
    found = read_predictions(path)
    assert found["probability"].tolist() == [0.1, 0.7, 0.2, 0.9]
    assert found["label"].tolist() == [0, 1, 0, 1]


def test_several_files_are_one_table(tmp_path):
    for name in ("ours", "theirs"):
        table(model=name).to_parquet(tmp_path / f"{name}.parquet")
    found = read_predictions([tmp_path / "ours.parquet", tmp_path / "theirs.parquet"])
    assert found.groupby("model").size().to_dict() == {"ours": 4, "theirs": 4}


def refused(tmp_path, frame) -> str:
    path = tmp_path / "theirs.tsv"
    frame.to_csv(path, sep="\t", index=False)
    with pytest.raises(StudyError) as caught:
        read_predictions(path)
    assert "theirs.tsv" in str(caught.value)
    return str(caught.value)


def test_a_missing_column_is_named_with_what_to_write(tmp_path):
    message = refused(tmp_path, table().drop(columns=["seed", "role"]))
    assert "seed" in message and "role" in message and "0 when there is one fit" in message


def test_values_outside_their_range_are_named_with_their_row(tmp_path):
    message = refused(tmp_path, table(probability=[0.1, 0.7, 1.2, 0.9]))
    assert "row 4" in message and "probability" in message and "1.2" in message
    message = refused(tmp_path, table(label=[0, 1, 2, 1]))
    assert "row 4" in message and "label" in message and "2" in message
    message = refused(tmp_path, table(role=["train", "tune", "test", "holdout"]))
    assert "holdout" in message and "tune" in message
    message = refused(tmp_path, table(probability=[0.1, None, 0.2, 0.9]))
    assert "row 3" in message and "probability" in message


def test_a_patient_in_train_and_test_is_a_leak(tmp_path):
    message = refused(tmp_path, table(patient=["p1", "p2", "p1", "p4"], center="a", seed=[0, 0, 1, 0]))
    assert "patient p1" in message and "train and test" in message and "leak" in message


def test_a_leak_between_two_models_of_a_split_is_found(tmp_path):
    other = table(model="ours", role=["test", "tune", "test", "test"])
    assert "train and test" in refused(tmp_path, pd.concat([table(), other]))


def test_two_rows_for_one_patient_are_refused(tmp_path):
    message = refused(tmp_path, pd.concat([table(), table().tail(1)]))
    assert "row 6" in message and "second row" in message and "patient p4" in message


def test_a_patient_in_two_centers_or_with_two_outcomes_is_refused(tmp_path):
    message = refused(tmp_path, pd.concat([table(), table(model="ours", center=["a", "a", "a", "b"])]))
    assert "patient p3" in message and "unique across centers" in message
    message = refused(tmp_path, pd.concat([table(), table(model="ours", label=[0, 1, 1, 1])]))
    assert "patient p3" in message and "one outcome" in message


def test_labels_may_differ_between_splits(tmp_path):
    both = pd.concat([table(), table(split="loco-a", label=[1, 1, 0, 1])])
    both.to_parquet(tmp_path / "both.parquet")
    assert len(read_predictions(tmp_path / "both.parquet")) == 8


def test_a_file_that_is_not_there_or_not_a_table_is_named(tmp_path):
    with pytest.raises(StudyError, match="no such file"):
        read_predictions(tmp_path / "nowhere.tsv")
    (tmp_path / "broken.parquet").write_text("not parquet")
    with pytest.raises(StudyError, match=r"broken\.parquet"):
        read_predictions(tmp_path / "broken.parquet")
    (tmp_path / "empty.tsv").write_text("")
    with pytest.raises(StudyError, match=r"empty\.tsv"):
        read_predictions(tmp_path / "empty.tsv")


def test_seeds_are_averaged_per_patient_whatever_the_order():
    both = pd.concat([table(seed=1, probability=[0.1, 0.2, 0.3, 0.4]), table(seed=2, probability=[0.3, 0.2, 0.5, 1.0])])
    found = one_per_patient(both)
    assert found["probability"].tolist() == pytest.approx([0.2, 0.2, 0.4, 0.7])
    assert one_per_patient(both.sample(frac=1, random_state=0)).equals(found)


def test_a_later_prediction_is_another_target():
    found = one_per_patient(pd.concat([table(), table(time="day 3")]))
    assert set(found["target"]) == {"death", "death@day 3"}
