"""On a finished study: both studies of models, an arm with synthetic cases, and what networks and records tell."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from tests.e2e.small_study import SMALL
from tests.e2e.test_changes import merged
from tests.made_visits import made_visits
from tests.snakemake_run import snakemake

from ichor import tables

NETWORK = {"kind": "vit", "training": {"epochs": 2, "seeds": 1}}
STUDY = merged(
    SMALL,
    {
        "models": {
            "expansion": {
                "vit_synthetic": NETWORK | {"balance": {"arm": "synthetic", "generator": "transplant", "ratio": "1:2"}},
                "vit_record": NETWORK | {"kind": "vit_record"},
            },
            "outcome": {
                "densenet_gmu": {"kind": "densenet_record", "training": {"epochs": 2, "seeds": 2}},
                "densenet_multitask": {"kind": "densenet_multitask", "training": {"epochs": 2, "seeds": 1}},
                "tree": {"kind": "tree", "features": ["chen_2023"]},
                "tree_death": {"kind": "tree", "features": ["gcs"], "target": "death"},
            },
        },
        "explanations": {"methods": ["gradient", "attention_rollout"], "overlap_patients": 4, "gate_patients": 3},
    },
)
EXPLAINED = "results/explain/expansion/vit/external/index.html"
COURSE = "results/explain/trajectory/multistep_transformer/external/index.html"
WORDS = "results/explain/deterioration/report_record/external/words.html"
FUSION = "results/explain/outcome/densenet_gmu/external/index.html"


@pytest.fixture(scope="module")
def studied(study, tmp_path_factory):
    """A copy of the study in which all of this was asked for, and the rules that ran."""
    copy = tmp_path_factory.mktemp("arms") / "study"
    shutil.copytree(study, copy, symlinks=True)
    done = snakemake(copy, "all", "expansion_study", "outcome_study", EXPLAINED, FUSION, COURSE, WORDS, config=STUDY)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-6000:]
    return copy, set(re.findall(r"^(?:local)?rule (\w+):$", text, flags=re.M))


def test_nothing_before_the_models_runs_again(studied):
    ran = studied[1]
    assert {"synthesize", "check_synthetic", "fit_model", "explain_model", "expansion_study", "outcome_study"} <= ran
    assert not ran & {"simulate_center", "convert_shard", "train_segmentation", "segment_shard", "assemble_cohort"}


def test_synthetic_cases_come_from_train_patients_alone_and_make_up_the_ratio(studied):
    copy, _ = studied
    folder = copy / "results/synthetic/transplant/external"
    cases = tables.read("synthetic", folder / "cases.tsv")
    cohort = tables.read("cohort", copy / "results/cohort/external.tsv").set_index("patient")
    parents = {parent for parents in cases["parents"] for parent in parents.split(";")}
    assert set(cohort.loc[list(parents), "role"]) == {"train"}
    assert (cases["label"] == 1).all() and (cases["outcome"] == "accepted").any()
    assert "page.html" in {path.name for path in folder.iterdir()}
    facts = json.loads((copy / "results/models/expansion/vit_synthetic/external/model.json").read_text())
    assert facts["prior_logit_seen"] > facts["prior_logit"], "more cases of expansion than in the real train rows"
    predicted = tables.read("predictions", copy / "results/predictions/expansion/vit_synthetic/external.parquet")
    assert set(predicted["patient"]) <= set(cohort.index), "no synthetic case is ever predicted"


def test_the_study_compares_the_arms(studied):
    copy, _ = studied
    table = pd.read_csv(copy / "results/expansion_study/table_3.tsv", sep="\t")
    assert {"vit", "vit_synthetic"} <= set(table["model"])
    assert (copy / "results/expansion_study/findings.txt").read_text().strip()
    assert "Synthetic cases" in (copy / "results/report/index.html").read_text()


def test_maps_lie_on_the_grid_of_their_scans_or_are_withheld(studied):
    copy, _ = studied
    folder = copy / "results/explain/expansion/vit/external"
    gate = pd.read_csv(folder / "gate.tsv", sep="\t")
    assert set(gate["method"]) == {"gradient", "attention_rollout"}
    assert (copy / EXPLAINED).read_text().count("<h1") == 1


@pytest.mark.parametrize(("page", "gate"), [(COURSE, "gate.tsv"), (WORDS, "words_gate.tsv")])
def test_networks_of_courses_and_of_words_are_explained_or_it_is_said_why_not(studied, page, gate):
    copy, _ = studied
    assert (copy / page).read_text().count("<h1") == 1
    gate = pd.read_csv((copy / page).parent / gate, sep="\t")
    assert set(gate["outcome"]) <= {"shown", "withheld"} and gate["estimate"].notna().any()


def test_a_fusion_network_tells_of_each_patient_what_it_weighed(studied):
    copy, _ = studied
    details = tables.read("prediction_details", copy / "results/models/outcome/densenet_gmu/external/details.tsv")
    predicted = tables.read("predictions", copy / "results/predictions/outcome/densenet_gmu/external.parquet")
    told = {name: part.set_index("patient")["value"] for name, part in details.groupby("quantity")}
    both = told["answered_from"] == 0
    assert set(told["answered_from"].index) == set(predicted["patient"]) and both.any()
    assert told["gate_image_mean"][both[both].index].between(0, 1).all()
    members = [told[f"probability_seed_{number}"] for number in range(2)]
    mean = predicted.set_index("patient")["probability"]
    np.testing.assert_allclose(sum(members)[mean.index] / 2, mean, atol=2e-6)


def test_the_outcome_study_puts_all_models_of_a_target_on_one_page(studied):
    copy, _ = studied
    table = pd.read_csv(copy / "results/outcome_study/performance.tsv", sep="\t")
    shown = {target: set(part["model"]) for target, part in table.groupby("target")}
    assert {"densenet", "densenet_gmu", "densenet_multitask", "tree", "ich_score"} <= shown["poor_outcome"]
    assert shown["death"] == {"tree_death"}
    assert (copy / "results/outcome_study/findings.txt").read_text().strip()


def test_shap_values_add_up_and_chosen_patients_have_a_page(studied):
    copy, _ = studied
    folder = copy / "results/explain/outcome"
    shap = tables.read("shap", folder / "tree/external/shap.tsv")
    parts = shap.groupby("patient").agg({"shap": "sum", "expected": "first"}).sum(axis=1)
    told = tables.read("predictions", copy / "results/predictions/outcome/tree/external.parquet").set_index("patient")
    assert set(shap["scale"]) == {"probability"}
    np.testing.assert_allclose(parts, told["probability"][parts.index], atol=2e-6)
    pages = sorted((folder / "densenet_gmu/external/patients").glob("*.html"))
    assert {path.stem for path in pages} <= set(told.index) and pages


def test_a_table_without_scans_is_cross_validated(tmp_path):
    draws = np.random.default_rng(3)
    age, grade = draws.integers(40, 90, 80), draws.integers(1, 6, 80)
    died = draws.random(80) < 1 / (1 + np.exp(3 - grade))
    pd.DataFrame({"age": age, "grade": grade, "died": np.where(died, "yes", "no")}).to_csv(
        tmp_path / "table.csv", index=False
    )
    settings = {
        "table": "table.csv", "outcome": "died", "events": ["yes"], "repeats": 1, "folds": 4,
        "columns": {"age": {"type": "number"}, "grade": {"type": "number"}},
        "scores": {"grade": "higher"},
        "models": {"logistic": {"kind": "logistic", "features": ["age", "grade"]}},
    }  # fmt: skip
    done = snakemake(tmp_path, "table_study", config={"table_study": settings})
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    predictions = tables.read("predictions", tmp_path / "results/table_study/predictions.parquet")
    assert predictions["label"].sum() == died.sum() and len(predictions) == 80
    assert (tmp_path / "results/table_study/index.html").is_file()


def test_a_table_of_visits_is_cross_validated_by_patient(tmp_path):
    visits = made_visits()
    visits.to_csv(tmp_path / "visits.csv", index=False)
    settings = {
        "table": "visits.csv", "patient": "id", "time": "day", "followup": "last", "ended": "status",
        "events": ["dead"], "horizon": 100, "folds": 3, "repeats": 1, "inner_folds": 3,
        "columns": {"sick": {"type": "number", "of": "visit"}, "age": {"type": "number", "of": "patient"}},
        "models": {
            "landmark_cox": {"kind": "landmark_cox"},
            "landmark_logistic": {"kind": "landmark_logistic"},
        },
    }  # fmt: skip
    done = snakemake(tmp_path, "trajectory_study", config={"trajectory_study": settings})
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    predictions = tables.read("predictions", tmp_path / "results/trajectory_study/predictions.parquet")
    assert set(predictions["model"]) == {"landmark_cox", "landmark_logistic"}
    rows = pd.Series(range(2, len(visits) + 2)).groupby(visits["id"].to_numpy()).min()
    assert set(predictions["patient"]) <= {f"row {row}" for row in rows}  # no id of the table's own
    assert len(predictions) > 300
    assert (tmp_path / "results/trajectory_study/index.html").is_file()
