"""The study of deterioration: who is shown, that only held-out patients are, and what its parts hold."""

import numpy as np
import pandas as pd
import pytest
from tests.unit.made_deterioration import MODELS, made_study

from ichor.evaluation.deterioration_study import (
    EARLY,
    LATE,
    WHOLE,
    choose_model,
    deterioration_study,
    main_split,
    write_tables,
)
from ichor.evaluation.discrimination import area, delong_paired


def study_of(made, **changed):
    given = dict(models=MODELS, window_h=168.0, early_h=48.0) | changed
    return deterioration_study(made["predictions"], made["cohorts"], made["courses"], **given)


@pytest.fixture(scope="module")
def made():
    return made_study()


@pytest.fixture(scope="module")
def study(made):
    return study_of(made)


def test_fusion_is_held_against_both_arms_by_delong(made, study):
    assert study.model == "report_record"
    assert study.arms == {"report_record": "fusion", "report_text": "text", "logistic": "record"}
    rows = made["predictions"].query("role == 'test'").pivot(index="patient", columns="model", values="probability")
    labels = made["cohorts"].set_index("patient")["label_deterioration_7d"].reindex(rows.index).to_numpy(int)
    for row in study.comparisons.itertuples():
        expected = delong_paired(labels, rows["report_record"].to_numpy(), rows[row.model_b].to_numpy())
        assert (row.difference, row.p) == pytest.approx((expected.difference, expected.p))
        assert row.difference > 0.05 and row.p <= row.p_holm < 0.01


def test_only_test_rows_are_in_any_part(made, study):
    tested = made["cohorts"].query("role == 'test'")
    assert study.labels[WHOLE] == (240, int(tested["label_deterioration_7d"].sum()))
    assert study.log_rank["n"].eq(240).all() and study.summary.groupby("quantity")["n"].sum().max() == 240
    assert study.subgroups.groupby("subgroup")["n"].sum().le(240).all()
    assert study.scores.groupby("day")["n"].sum().max() == 240
    train = made["predictions"].assign(probability=lambda rows: rows["probability"].where(rows["role"] == "test", 0.5))
    changed = study_of(made | {"predictions": train})  # the risks of other rows decide cut points and nothing else
    pd.testing.assert_frame_equal(changed.parts, study.parts)
    pd.testing.assert_frame_equal(changed.subgroups, study.subgroups)
    assert not len(changed.summary)


def test_early_and_late_are_of_those_who_have_such_a_label(made, study):
    rows = made["predictions"].query("role == 'test' and model == 'report_text'").merge(made["cohorts"], on="patient")
    known = rows[rows["label_deterioration_late"].notna()]
    own = study.parts.set_index(["model", "target"])
    late = own.loc[("report_text", LATE)]
    assert late["n"] == len(known) == 240 - own.loc[("report_text", EARLY), "events"]
    assert late["auc"] == pytest.approx(area(known["label_deterioration_late"].to_numpy(int), known["probability"]))
    assert own.loc[("report_text", WHOLE), "events"] == late["events"] + own.loc[("report_text", EARLY), "events"]


def test_groups_rise_and_scores_of_the_high_group_get_worse(study):
    at_end = study.summary[study.summary["quantity"] == "risk_168"].set_index("group")
    risks = at_end["estimate"]
    assert risks.to_numpy() == pytest.approx(
        (at_end["events"] / at_end["n"]).to_numpy()
    )  # nobody leaves before the end
    assert risks["low"] < risks["intermediate"] < risks["high"]
    assert study.log_rank.set_index("model").loc["report_record", "p"] < 1e-6
    means = study.scores.set_index(["group", "day"])["mean"]
    assert means["high", "Day 7"] > means["high", "Admission"] and means["low", "Day 7"] < means["low", "Admission"]


def test_the_shown_model_is_chosen_on_tune_rows_alone():
    rows = [
        dict(model=model, split="external", role=role, label=label, probability=risk)
        for model, role, risks in (
            ("a", "tune", (0.1, 0.2, 0.8, 0.9)), ("a", "test", (0.9, 0.8, 0.2, 0.1)),
            ("b", "tune", (0.9, 0.2, 0.8, 0.1)), ("b", "test", (0.1, 0.2, 0.8, 0.9)),
        )
        for label, risk in zip((0, 0, 1, 1), risks, strict=True)
    ]  # fmt: skip
    assert choose_model(pd.DataFrame(rows), {"a": "record", "b": "record"}) == "a"
    assert choose_model(pd.DataFrame(rows), {"a": "record", "b": "fusion"}) == "b"


def test_folds_are_put_together_and_external_comes_first(made):
    assert main_split(pd.Series(["cv-0", "cv-1", "cv", "loco-b"])) == "loco-b"
    assert main_split(pd.Series(["cv-1", "cv-0", "cv"])) == "cv"
    assert main_split(pd.Series(["cv", "external"])) == "external"
    parts = []
    for center, fold in (("delta", "cv-0"), ("estuary", "cv-1")):
        for table in ("predictions", "cohorts"):
            own = made[table][made[table]["center"].isin([center, "aurora"])]
            parts.append((table, own.assign(split=fold)))
    folded = {name: pd.concat([part for of, part in parts if of == name]) for name in ("predictions", "cohorts")}
    found = study_of(made | folded)
    assert found.split == "cv" and found.labels[WHOLE][0] == 240


def test_patients_of_a_table_without_times_are_counted_and_left_out_of_the_curves(made):
    cohorts = made["cohorts"].copy()
    lost = cohorts.index[(cohorts["role"] == "test") & (cohorts["label_deterioration_7d"] == 1)][:7]
    cohorts.loc[lost, "deterioration_h"] = np.nan
    found = study_of(made | {"cohorts": cohorts})
    assert found.untimed == 7 and found.log_rank["n"].eq(233).all()


def test_without_courses_or_predictions(made, tmp_path):
    found = study_of(made | {"courses": made["courses"].iloc[:0]})
    assert set(found.scores["day"]) == {"Admission"}
    write_tables(found, {"parts": str(tmp_path / "parts.tsv"), "scores": str(tmp_path / "scores.tsv")})
    assert len(pd.read_csv(tmp_path / "parts.tsv", sep="\t")) == 9
    assert study_of(made | {"predictions": made["predictions"].query("role == 'tune'")}) is None
    write_tables(None, {"curves": str(tmp_path / "curves.tsv")})
    assert not len(pd.read_csv(tmp_path / "curves.tsv", sep="\t"))
