"""The page of deterioration: what it says when fusion wins and when it does not, and that nothing is left empty."""

import re

import pandas as pd
import pytest
from tests.unit.made_deterioration import MODELS, RULE, made_study, made_truth

from ichor.evaluation.deterioration_study import deterioration_study
from ichor.evaluation.evaluate import evaluate
from ichor.report.deterioration_page import definition, write_deterioration, write_findings
from ichor.report.deterioration_section import section
from ichor.report.page import write_page
from ichor.report.risk_group_figures import at_risk, draw_events


def page_of(made, out, simulated=True, models=MODELS):
    metrics, _, curves = evaluate(made["predictions"], made_truth(made), seed=1, bootstrap=10)
    study = deterioration_study(
        made["predictions"], made["cohorts"], made["courses"], models=models, window_h=168.0, early_h=48.0
    )
    said = write_deterioration(
        out, study, title="Study <one>", simulated=simulated, metrics=metrics, curves=curves, models=models, rule=RULE,
        explained={"logistic": "../explain/x.html"},
    )  # fmt: skip
    return study, said


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "index.html"
    study, said = page_of(made_study(), out)
    return study, said, out.read_text()


def test_fusion_above_both_arms_is_said_with_its_test(shown):
    _, said, text = shown
    line = said["Does the report add to the record?"][0]
    assert "better than “Logistic regression” and “Report alone”" in line and line.endswith("above either alone.")
    assert "Study &lt;one&gt;" in text and "Simulated patients" in text and "../explain/x.html" in text


def test_fusion_that_adds_nothing_says_why(tmp_path):
    made = made_study(per_center=50, report_gain=0.0)
    _, said = page_of(made, tmp_path / "index.html", simulated=False)
    lines = said["Does the report add to the record?"]
    assert "above either alone" not in lines[0]
    assert lines[1].startswith("A difference is not shown from “Logistic regression” (the record alone)")
    assert "The true risk reaches an AUC of" in lines[1]
    assert "Simulated patients" not in (tmp_path / "index.html").read_text()


def test_without_a_fusion_model_the_page_says_so(tmp_path):
    models = {name: {"kind": "logistic"} for name in MODELS}
    _, said = page_of(made_study(per_center=40), tmp_path / "index.html", models=models)
    assert "nothing is said of what reports add" in said["Does the report add to the record?"][0]


def test_a_study_in_which_nobody_has_a_label_gets_a_page_that_says_so(tmp_path):
    made = made_study(per_center=10)
    metrics, _, curves = evaluate(made["predictions"].iloc[:0], seed=1, bootstrap=10)
    said = write_deterioration(
        tmp_path / "index.html", None, title="a", simulated=False, metrics=metrics, curves=curves, models={}, rule=RULE
    )
    assert "No model predicts a held-out patient" in said["Nothing to show"][0]
    assert said["Nothing to show"][0] in (tmp_path / "index.html").read_text()


def test_held_out_patients_of_whom_nobody_deteriorated_make_a_page_without_numbers(tmp_path):
    made = made_study(per_center=30)
    calm = made["cohorts"]["role"].ne("test") | made["cohorts"]["label_deterioration_7d"].eq(0)
    kept = set(made["cohorts"].loc[calm, "patient"])
    made = made | {name: made[name][made[name]["patient"].isin(kept)] for name in ("cohorts", "predictions")}
    study, said = page_of(made, tmp_path / "index.html")
    assert study.log_rank["p"].isna().all() and study.parts["auc"].isna().all()
    assert "The groups cannot be tested against each other." in said["Groups of risk"]
    assert any(line.startswith("Of early deterioration no AUC can be given") for line in said["Early and late"])


def test_every_part_of_the_page_has_its_figure_and_table(shown):
    _, _, text = shown
    for place in ("fig-roc", "fig-calibration", "fig-utility", "fig-groups", "fig-scores"):
        assert f'id="{place}"' in text
    for title in ("Log-rank test of the three groups", "AUC of Record with report in subgroups", "NIHSS by day"):
        assert title in text
    assert not re.search(r">\s*(nan|None|NaN)\s*<", text)
    assert text.count("simulated patients</text>") == text.count("<svg xmlns")


def test_numbers_at_risk_stand_below_the_curves(shown):
    study, _, _ = shown
    high = study.curves[study.curves["group"] == "high"]
    first = int(high["at_risk"].max())
    assert (at_risk(high, 0.0), at_risk(high, 400.0)) == (first, 0)
    drawn = draw_events(study.curves, window_h=168.0, early_h=48.0, title="T", simulated=False).render()
    assert f">{first}</text>" in drawn and "Intermediate" in drawn


def test_the_definition_in_words():
    own = definition(RULE | {"definition": {"gcs": 3.0}, "death_counts": True})
    assert (
        own == "GCS worse by 3 or more than at admission, or death, after the baseline scan and within 168 h of onset"
    )
    assert definition(RULE).startswith("NIHSS 4 points or more above, or GCS 2 points or more below")


def test_the_report_takes_sentences_figure_and_link(shown, tmp_path):
    study, said, _ = shown
    write_findings(said, tmp_path / "findings.txt")
    study.curves.to_csv(tmp_path / "curves.tsv", sep="\t", index=False)
    given = dict(findings=tmp_path / "findings.txt", curves=tmp_path / "curves.tsv", rule=RULE, simulated=True)
    made = section("../deterioration/index.html", **given)
    assert made["findings"] == said and "<svg" in made["figure"] and made["id"] == "t-deterioration-deterioration-7d"
    assert section(None, None, None, None, simulated=True) is None
    metrics, comparisons, curves = evaluate(made_study()["predictions"], seed=1, bootstrap=10)
    told = {name: given[name] for name in ("findings", "curves", "rule")} | {"page": "../deterioration/index.html"}
    out = write_page(
        tmp_path / "report.html",
        study={"name": "a", "title": "b", "simulated": True},
        tables={"metrics": metrics, "comparisons": comparisons, "curves": curves},
        models={"deterioration": MODELS},
        deterioration=told,
    )
    text = out.read_text()
    part = text[text.index('<section id="t-deterioration-deterioration-7d"') :]
    part = part[: part.index("</section>")]
    assert 'href="../deterioration/index.html"' in part and 'id="fig-deterioration-groups"' in part
    assert "Does the report add to the record?" in part and "<h2>Neurological deterioration</h2>" in part
    assert section("x.html", **given | {"curves": pd.DataFrame()})["figure"] == ""
