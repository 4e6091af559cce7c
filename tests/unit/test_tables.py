import pandas as pd
import pytest

from ichor import tables
from ichor.errors import StudyError
from ichor.reasons import ADVICE, MEANING, Reason

TABLES = ["scans", "patients", "splits", "masks", "cohort", "predictions", "metrics", "status", "truth"]


def split_row(**changes):
    return dict(split="external", patient="0012", center="aurora", role="train", fold=0) | changes


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_described_and_an_empty_table_survives_a_round_trip(table, tmp_path):
    for column, rule in tables.schema(table)["properties"].items():
        assert rule.get("description"), column
    tables.write(table, tables.empty(table), tmp_path / "empty.tsv")
    again = tables.read(table, tmp_path / "empty.tsv")
    assert list(again.columns) == tables.columns(table) and len(again) == 0


@pytest.mark.parametrize("suffix", ["tsv", "parquet"])
def test_round_trip_keeps_leading_zeros_and_missing_values(tmp_path, suffix):
    rows = tables.frame("splits", [split_row(), split_row(patient="0013", role="test", fold=None)])
    tables.write("splits", rows, tmp_path / f"splits.{suffix}")
    again = tables.read("splits", tmp_path / f"splits.{suffix}")
    assert list(again["patient"]) == ["0012", "0013"]
    assert again["fold"].isna().tolist() == [False, True]
    pd.testing.assert_frame_equal(rows, again)


def test_cohort_carries_every_variable_of_the_patients():
    variables = set(tables.columns("patients")) - {"center_role"}
    assert variables <= set(tables.columns("cohort"))
    assert "variables_of_patients" not in tables.columns("cohort")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(role="validation"), ["row 2", "column role", "train, tune, test", "'validation'"]),
        (dict(fold=-1), ["row 2", "column fold", "at least 0", "-1"]),
        (dict(fold="two"), ["row 2", "column fold", "whole number", "'two'"]),
        (dict(patient=None), ["row 2", "column patient", "required"]),
    ],
)
def test_a_wrong_value_is_named_with_file_row_column_and_what_was_expected(change, words, tmp_path):
    path = tmp_path / "splits.tsv"
    pd.DataFrame([split_row(**change)]).to_csv(path, sep="\t", index=False)
    with pytest.raises(StudyError) as caught:
        tables.read("splits", path)
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_missing_and_unknown_columns_are_named():
    with pytest.raises(StudyError, match="column.*role.*missing"):
        tables.validate("splits", pd.DataFrame([split_row()]).drop(columns="role"), "here")
    with pytest.raises(StudyError, match="unknown column.*extra"):
        tables.validate("splits", pd.DataFrame([split_row(extra=1)]), "here")


def test_a_row_that_is_set_aside_needs_a_reason():
    with pytest.raises(ValueError, match="needs a reason"):
        tables.status_row("aurora", "0012", "check", "set_aside")
    row = tables.status_row("aurora", "0012", "check", "set_aside", Reason.NOT_A_HEAD, "brain 0 mL, at least 500 mL")
    assert tables.frame("status", [row])["reason"].tolist() == ["not_a_head"]


def test_every_reason_has_a_meaning():
    assert set(MEANING) == set(Reason)
    assert set(ADVICE) <= set(Reason)
