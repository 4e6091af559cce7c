"""The sentences of an outcome study, its page for two targets, and what it writes."""

import re

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape
from tests.unit.made_outcome_study import outcome_predictions, outcome_truth, specs

from ichor import tables
from ichor.evaluation.outcome_results import study_results, write_tables
from ichor.report import outcome_sentences as words
from ichor.report.outcome_study_page import labels_of, write_outcome_findings, write_outcome_study

SKILL = {"densenet_gmu": 1.8, "densenet_concat": 1.2, "densenet_image": 0.4, "logistic_gcs_age": 1.7, "ich": 0.8}
TABLES = (
    "performance",
    "comparisons",
    "by_outcome",
    "odds_ratios",
    "rates_by_score",
    "seeds",
    "missed",
    "gates",
    "ordinal",
)


@pytest.fixture(scope="module")
def results():
    poor = outcome_predictions(SKILL, per_center=70)
    death = outcome_predictions({"max_ich": 0.9}, per_center=70, target="death", seed=5)
    people = poor.drop_duplicates("patient")[["patient", "center", "role", "label"]].reset_index(drop=True)
    rng = np.random.default_rng(2)
    cohort = people.assign(split="external", age_years=rng.normal(60, 12, len(people)) + 6 * people["label"])
    cohort["gcs"] = np.where(people["label"] == 1, rng.integers(3, 14, len(people)), rng.integers(8, 16, len(people)))
    cohort = cohort.assign(iph_ml=rng.gamma(3, 10, len(people)), ivh_ml=0.0, location="deep", sex="male")
    cohort.loc[::2, "sex"] = "female"
    cohort["label_poor_outcome"] = people["label"].astype("Int64")
    cohort["label_death"] = death.drop_duplicates("patient")["label"].to_numpy()
    cohort = cohort.reindex(columns=tables.columns("cohort"))
    gmu = poor[poor["model"] == "densenet_gmu"].drop(columns=["label", "time", "seed"])
    details = [
        gmu.assign(quantity=f"probability_seed_{k}", value=gmu["probability"].clip(0.02, 0.98) + k / 100)
        for k in range(2)
    ]
    details += [gmu.assign(quantity="gate_image_mean", value=0.4)]
    gcs = cohort.set_index("patient")["gcs"].astype(int)
    read = gmu["patient"].map(lambda name: 2 if gcs[name] < 9 else 1 if gcs[name] < 13 else 0).astype(float)
    details += [gmu.assign(model="densenet_image", quantity="gcs_ordinal", value=read)]
    names = (*SKILL, "random_forest", "max_ich", "with_treatment")
    other = {"max_ich": "death", "with_treatment": "survival"}
    found, absent = study_results(
        pd.concat([poor, death], ignore_index=True),
        details=pd.concat(details)[tables.columns("prediction_details")],
        cohort=cohort,
        models=specs(*names),
        targets={name: other.get(name, "poor_outcome") for name in names},
        bundles=[{"model": "random_forest", "reason": "too_few_events: 1 of 9"}],
        features=["age_years", "gcs", "sex", "iph_ml"],
        truth=outcome_truth(poor, "logistic_gcs_age"),
        seed=1,
        bootstrap=10,
    )
    assert list(absent) == ["survival"] and "no model has a prediction of a test patient" in absent["survival"]
    return found


def test_the_answer_names_what_is_beaten_and_what_is_not(results):
    found = results[0]
    said = words.sentences(found.study, labels_of(found), True, found.gate, found.ordinal)
    answer = said["Does image with record beat what there is already?"]
    assert answer[0].startswith("In short: The AUC of “DenseNet with record, gated” is above those of the chosen")
    assert "a test shows it better than “DenseNet, image alone”, “ICH score”." in answer[0]
    image = next(line for line in answer[1:] if "“DenseNet, image alone”" in line)
    record = next(line for line in answer[1:] if "“Logistic, GCS and age”" in line)
    assert image.endswith("it ranks patients better.") and "that it ranks better is not shown" in record
    assert any(line.startswith("Of the published scores") and "better than ICH score" in line for line in answer)
    chosen = said["Who was compared, and what was chosen"]
    assert "same 140 test patients (84 with poor outcome)" in chosen[0]
    assert "choose “DenseNet with record, gated”" in chosen[1] and len(chosen) == 2, "one image network is no choice"
    assert "“Random forest” is left out: Too few events" in said["What is not in this study"][0]
    assert "accuracy" not in str(said) and "right in 1.00" in said["What the networks say of themselves"][1]
    assert "its 2 networks" in said["Would another training say the same?"][0]


def test_the_aim_is_told_as_reached_or_not_and_the_reason_is_looked_into(results):
    found = results[0]
    study, labels = found.study, labels_of(found)
    share = study.performance.query("cohort == 'tested' and rows == 'same'").set_index("model")
    share = share.loc["densenet_gmu", "reachable_share"]
    said = words.sentences(study, labels, True, found.gate, found.ordinal)
    (first, *_) = said["How much of what can be known was found?"]
    assert ("it is reached" if share >= words.AIM else "it is not reached") in first
    lower = study.performance.assign(reachable_share=0.5, reachable_share_low=0.4, reachable_share_high=0.6)
    worse = type(study)(**{**vars(study), "performance": lower})
    assert words.sentences(worse, labels, True, found.gate, found.ordinal)["How much of what can be known was found?"][
        0
    ].endswith("The aim is 0.85: it is not reached.")
    learned = study.performance.copy()
    learned.loc[(learned["cohort"] == "development") & (learned["model"] == "densenet_gmu"), "auc"] = 1.0
    fitted = type(study)(**{**vars(study), "performance": learned})
    lacks = words.sentences(fitted, labels, True, found.gate, found.ordinal)["What the best model still lacks"]
    assert any("it has learned much that holds for the former alone" in line for line in lacks)
    assert any("it knows something that the former lacks" in line for line in lacks), (
        "the record alone is as good, and other"
    )
    assert "How much of what can be known was found?" not in words.sentences(
        study, labels, False, found.gate, found.ordinal
    )


def test_the_page_has_a_part_for_each_target_and_needs_no_other_file(results, tmp_path):
    said = write_outcome_study(tmp_path / "index.html", results, title="A <study>", simulated=True)
    text = (tmp_path / "index.html").read_text()
    assert list(said) == ["poor_outcome", "death"] and "A &lt;study&gt;" in text
    for findings in said.values():
        for lines in findings.values():
            assert all(escape(line) in text for line in lines)
    assert 'id="poor_outcome-performance"' in text and 'id="death-performance"' in text
    assert not re.findall(r"(?:src|href)=\"(?!#)", text)
    assert "There is no model of image and record; the first word is with a published score." in str(said["death"])
    assert "235 / 587" in text, "rates by the ICH score beside the printed ones"
    assert "<h2>Patients</h2>" in text and "Mann-Whitney" in text and "no finite estimate" not in text
    write_outcome_findings(said, tmp_path / "findings.txt", True)
    assert (tmp_path / "findings.txt").read_text().startswith("Simulated patients: no number here")
    real = write_outcome_study(
        tmp_path / "real.html", results[1:], title="Real", simulated=False, absent={"poor_outcome": "No label."}
    )
    text = (tmp_path / "real.html").read_text()
    assert "imulated" not in text and "Poor outcome: nothing can be said. No label." in text
    assert real["poor_outcome"] == {"Nothing can be said": ["No label."]}


def test_tables_hold_all_targets(results, tmp_path):
    paths = {name: tmp_path / f"{name}.tsv" for name in TABLES}
    write_tables(results, paths)
    read = {name: pd.read_csv(path, sep="\t") for name, path in paths.items()}
    assert set(read["performance"]["target"]) == {"poor_outcome", "death"}
    assert set(read["odds_ratios"]["regression"]) == {"univariable", "multivariable"}
    assert {"ich", "ich_gs"} <= set(read["rates_by_score"]["score"]) and len(read["gates"]) == 3
    ordinal = read["ordinal"].set_index("quantity")
    assert ordinal.loc["mae", "estimate"] == 0 and ordinal.loc["weighted_kappa", "estimate"] == 1
    assert read["seeds"]["seeds"].tolist() == [2]
