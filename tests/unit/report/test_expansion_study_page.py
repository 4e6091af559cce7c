"""The sentences of an expansion study in every branch, and its page on whole and partial studies."""

import re

import pandas as pd
import pytest
from markupsafe import escape
from tests.unit.made_study import specs, study_predictions, study_truth

from ichor import tables
from ichor.evaluation.expansion_study import expansion_study, write_tables
from ichor.evaluation.study_patients import study_patients
from ichor.report import study_sentences as words
from ichor.report.expansion_study_page import labels_of, write_expansion_study, write_findings

SETTINGS = {"seed": 1, "bootstrap": 10}
LABELS = {"vit": "No balancing", "vit_1_2": "Synthetic cases 1:2", "volume": "Volume alone"}
ROW = {
    "model_a": "vit_1_2", "model_b": "vit", "auc_a": 0.71, "auc_a_low": 0.62, "auc_a_high": 0.80, "auc_b": 0.70,
    "difference": 0.01, "low": -0.03, "high": 0.05, "p": 0.6, "p_holm": 0.6, "n": 300, "events": 60,
}  # fmt: skip


@pytest.fixture(scope="module")
def study():
    predictions = study_predictions({"vit": 0.8, "vit_1_2": 1.6, "vit_focal": 0.1, "volume": 0.5}, per_center=110)
    models = specs("vit", "vit_1_2", "vit_focal", "volume", "logistic")
    bundles = {
        "vit_1_2": {
            "prior_logit": -1.1, "prior_logit_seen": -0.7, "balance": {"ratio": "1:2", "synthetic": 225, "missing": 4},
        },
        "logistic": {"reason": "too_few_events: 1 of 9"},
    }  # fmt: skip
    truth = study_truth(predictions, "vit_1_2")
    return expansion_study(predictions, models=models, bundles=bundles, truth=truth, simulated=True, **SETTINGS), models


def verdict(kind):
    return ROW | {"verdict": kind}


@pytest.mark.parametrize(
    "kind, expected",
    [
        ("gain", "p = 0.60 after Holm: a gain is shown."),
        ("harm", "p = 0.60 after Holm: a loss is shown."),
        ("undecided", "no gain was shown; a gain of 0.05, the smaller of the paper’s two, is not excluded either."),
        ("none", "no gain was shown, and a gain of 0.05, the smaller of the paper’s two, is unlikely."),
        ("too_few", "60 events among 300 patients are too few to decide (20 with and 20 without the event are asked"),
    ],
)
def test_each_verdict_has_its_sentence(study, kind, expected):
    found = words.compared(verdict(kind), study[0], LABELS)
    opening = (
        "With 225 synthetic cases (synthetic cases 1:2) the external AUC was 0.71 (0.62 to 0.80) against 0.70 without"
    )
    assert found.startswith(opening) and expected in found
    assert (": a gain" in found) == (kind == "gain"), "only a shown gain is called one"
    if kind != "too_few":
        assert "difference 0.01 (−0.03 to 0.05)" in found


@pytest.mark.parametrize(
    "kind, expected",
    [("gain", "it ranks better."), ("harm", "it ranks worse."), ("none", "it is not shown to rank better."),
     ("undecided", "it is not shown to rank better.")],
)  # fmt: skip
def test_the_chosen_arm_beside_a_floor(kind, expected):
    (found,) = words.beside(pd.DataFrame([verdict(kind) | {"model_b": "volume"}]), LABELS)
    assert found.startswith("“Synthetic cases 1:2” 0.71 against “Volume alone” 0.70; difference 0.01")
    assert found.endswith(expected)


def test_models_that_cannot_be_compared_share_a_sentence():
    rows = [verdict("too_few") | {"model_b": "volume", "events": 9}, verdict("too_few"), verdict("gain")]
    better, few = words.beside(pd.DataFrame(rows), LABELS)
    assert better.endswith("it ranks better.")
    assert few.startswith("Against “Volume alone”, “No balancing”: 9 events among 300 patients are too few")


def test_centers_are_told_apart():
    rows = [
        verdict("gain") | {"cohort": "external 1", "center": "delta"},
        verdict("too_few") | {"cohort": "external 2", "center": "estuary", "events": 9},
        verdict("undecided") | {"cohort": "external 3", "center": "firth"},
    ]
    found = words.by_center(pd.DataFrame(rows), LABELS)
    assert "Synthetic cases 1:2 0.01 (−0.03 to 0.05); a gain is shown for Synthetic cases 1:2." in found[0]
    assert found[1].startswith("External 2 (estuary) by itself: 9 events among 300 patients are too few")
    assert found[2].endswith("neither a gain nor a loss is shown.")


def test_what_is_chosen_and_what_only_seems_best(study):
    made, models = study
    labels = labels_of(made, models)
    assert words.choice(made, labels)[1] == "The same arm is the best one on the external patients."
    other = {**made.choice, "chosen": "vit"}
    told = words.choice(type(made)(**{**vars(made), "choice": other}), labels)
    assert "“No balancing” by the least log loss" in told[0] and "result that counts" in told[0]
    assert "“Synthetic cases 1:2”" in told[1] and "It is optimistic" in told[1]
    assert told[2] == "“Synthetic cases 1:2” had 4 synthetic cases fewer than its ratio asks for."
    nothing = words.choice(type(made)(**{**vars(made), "choice": {}}), labels)
    assert nothing[0].startswith("No arm could be chosen")


def test_the_ratio_that_was_chosen_is_named(study):
    made, _ = study
    models = specs("vit", "vit_tune")
    rows = study_predictions({"vit": 0.8, "vit_tune": 0.8}, per_center=40)
    bundles = {"vit_tune": {"balance": {"ratio": "1:1"}}}
    tuned = expansion_study(rows, models=models, bundles=bundles, simulated=False, **SETTINGS)
    said = words.choice(tuned, labels_of(tuned, models))
    assert "For “Synthetic cases, ratio chosen on tune rows” the tune rows chose the ratio 1:1." in said


def test_calibration_sentences(study):
    made, models = study
    found = words.calibration(made, labels_of(made, models))
    assert len(found) == 2 and "with the correction for the changed share of events" in found[0]
    slopes = made.calibration.assign(calibration_slope_low=0.2, calibration_slope=0.4, calibration_slope_high=0.6)
    extreme = type(made)(**{**vars(made), "calibration": slopes})
    assert words.calibration(extreme, labels_of(made, models))[1].endswith("its risks are too extreme.")


def test_the_page_of_simulated_patients(study, tmp_path):
    made, models = study
    out = tmp_path / "index.html"
    said = write_expansion_study(out, made, patients(), title="A <study>", simulated=True, models=models)
    text = out.read_text()
    assert "Simulated patients: no number on this page" in text and "A &lt;study&gt;" in text
    for lines in said.values():
        for line in lines:
            assert escape(line) in text
    assert list(said) == [
        "Does balancing help?",
        "Which arm would have been taken?",
        "How does it stand beside the other models?",
        "Are the risks right?",
        "How much could be reached?",
        "What is not in this study",
    ]
    assert "“Logistic regression” is left out: Too few events" in said["What is not in this study"][0]
    assert "synthetic cases 1:1" in said["What is not in this study"][1]
    assert text.count("The same, not corrected") >= 1 and "Table 3" in text and "reachable" in text
    assert not re.findall(r"(?:src|href)=\"(?!#)", text), "the page needs no other file"
    write_findings(said, tmp_path / "findings.txt", True)
    assert (tmp_path / "findings.txt").read_text().startswith("Simulated patients: no number here")


def test_the_page_of_real_patients_raises_the_alarm_and_tells_of_no_reachable_signal(tmp_path):
    models = specs("vit", "volume")
    rows = study_predictions({"vit": 3.0, "volume": 0.5}, per_center=60)
    made = expansion_study(rows, models=models, bundles={}, simulated=False, **SETTINGS)
    said = write_expansion_study(
        tmp_path / "index.html", made, patients(), title="Real", simulated=False, models=models
    )
    assert said["Alarm"][0].startswith("Possible leak: “No balancing” reaches an AUC of")
    assert "How much could be reached?" not in said
    assert said["Does balancing help?"] == [
        "There is nothing to compare: fewer than two arms, or none without balancing."
    ]
    text = (tmp_path / "index.html").read_text()
    assert 'class="alarm"' in text and "imulated patients" not in text and 'id="reachable"' not in text


def test_floors_alone_make_a_page(tmp_path):
    models = specs("volume")
    rows = study_predictions({"volume": 0.5}, per_center=30)
    made = expansion_study(rows, models=models, bundles={}, simulated=True, **SETTINGS)
    write_expansion_study(tmp_path / "index.html", made, patients()[:0], title="F", simulated=True, models=models)
    assert "There is no arm to compare" in (tmp_path / "index.html").read_text()
    paths = {name: tmp_path / f"{name}.tsv" for name in ("table_1", "table_3", "comparisons", "calibration")}
    write_tables(made, patients(), paths)
    assert pd.read_csv(paths["table_3"], sep="\t")["model"].unique().tolist() == ["volume"]
    assert pd.read_csv(paths["table_1"], sep="\t")["printed"].notna().any()


def patients() -> pd.DataFrame:
    """Table 1 of twelve made-up patients, two without a label."""
    people = pd.DataFrame({"patient": [f"p{i}" for i in range(12)]})
    people["center"] = ["aurora"] * 6 + ["delta"] * 3 + ["estuary"] * 3
    people["center_role"] = ["development"] * 6 + ["external"] * 6
    people["age_years"] = [50.0 + i for i in range(12)]
    people["sex"] = ["male", "female"] * 6
    people = people.reindex(columns=tables.columns("patients"))
    cohort = people[["patient", "center"]].assign(
        role=["train"] * 5 + ["tune"] + ["test"] * 6,
        split="external",
        iph_ml=99.0,
        ivh_ml=0.0,
        followup_iph_ml=30.0,
        growth_ml=[10.0] * 11 + [None],
        label_expansion=pd.array([1, 0] * 5 + [None, 1], dtype="Int64"),
    )
    return study_patients(people, cohort)


def test_table_1_describes_those_with_a_label_by_the_volumes_of_the_label():
    table = patients().set_index(["variable", "cohort"])
    counted = table.loc["patients"]["count"]
    assert counted.to_dict() == {"development": 6, "external 1": 3, "external 2": 2, "external": 5}
    assert table.loc[("iph_ml", "development"), "median"] == 20.0, "follow-up minus growth, not our own mask"
    assert table.loc[("iph_ml", "external 2"), "median"] == 59.5, "without a growth, our own mask: 20 and 99"
    assert table.loc[("label_expansion", "external 1"), "printed"] == "112 (21.8 %)"
    assert table.loc[("label_expansion", "external"), "printed"] == ""
    assert table.loc[("sex", "development"), "text"].startswith("3 (50.0 %)") and "gcs" not in table.index
    assert table.loc[("age_years", "external"), "standardized_difference"] > 0
