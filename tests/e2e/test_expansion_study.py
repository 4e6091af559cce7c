"""On a finished study: an arm with synthetic cases, the expansion study's page, and what a network looks at."""

import json
import re
import shutil

import pandas as pd
import pytest
from tests.e2e.small_study import SMALL
from tests.e2e.test_changes import merged
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
            }
        },
        "explanations": {"methods": ["gradient", "attention_rollout"], "overlap_patients": 4, "gate_patients": 3},
    },
)
EXPLAINED = "results/explain/expansion/vit/external/index.html"


@pytest.fixture(scope="module")
def studied(study, tmp_path_factory):
    """A copy of the study in which the three were asked for, and the rules that ran."""
    copy = tmp_path_factory.mktemp("arms") / "study"
    shutil.copytree(study, copy, symlinks=True)
    done = snakemake(copy, "all", "expansion_study", EXPLAINED, config=STUDY)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-6000:]
    return copy, set(re.findall(r"^(?:local)?rule (\w+):$", text, flags=re.M))


def test_nothing_before_the_models_runs_again(studied):
    ran = studied[1]
    assert {"synthesize", "check_synthetic", "fit_model", "explain_model", "expansion_study"} <= ran
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
