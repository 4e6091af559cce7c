"""The page of the time courses, and the report's section: what they say, and that they say nothing untrue."""

import re

import pandas as pd
import pytest
from tests.unit.made_trajectory import MODELS, STEPS, TARGETS, made_trajectory

from ichor.evaluation.contradictions import contradictions
from ichor.evaluation.evaluate import evaluate
from ichor.evaluation.steps import by_step, step_order, who_is_at_risk
from ichor.report import names, palette
from ichor.report.page import write_page
from ichor.report.performance import questions
from ichor.report.step_figures import draw_by_step
from ichor.report.trajectory_frames import target_order
from ichor.report.trajectory_page import counts_of, shown_splits, write_findings, write_trajectory
from ichor.report.trajectory_sentences import of_target


@pytest.fixture(scope="module")
def tables_of_courses():
    made = made_trajectory(per_center=30)
    metrics, comparisons, curves = evaluate(made["predictions"], made["truth"], seed=1, bootstrap=10)
    return {
        "performance_by_step": by_step(made["predictions"], metrics, made["steps"], seed=1, bootstrap=10),
        "counts": who_is_at_risk(made["steps"], TARGETS),
        "contradictions": contradictions(made["risks"], TARGETS, metrics, step_order(made["steps"])),
        "comparisons": comparisons,
        "curves": curves,
        "metrics": metrics,
    }


@pytest.fixture(scope="module")
def courses_page(tables_of_courses, tmp_path_factory):
    out = tmp_path_factory.mktemp("trajectory") / "index.html"
    given = {name: table for name, table in tables_of_courses.items() if name != "metrics"}
    said = write_trajectory(out, title="Made <study>", simulated=True, models=MODELS, **given)
    return out.read_text(encoding="utf-8"), said


def test_the_page_needs_no_network_and_leaks_no_missing_value(courses_page):
    text = re.sub(r"<(style|script)\b.*?</\1>", "", courses_page[0], flags=re.S)
    assert "http://" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "") and "https://" not in text
    assert not re.search(r">\s*(nan|NaN|None|NA|inf)\s*<|\bnan\b|&lt;NA&gt;", text)
    assert "Made &lt;study&gt;" in text and "<study>" not in text
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids)) and set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)


def test_every_figure_is_stamped_and_says_what_it_shows(courses_page):
    figures = re.findall(r'<svg [^>]*class="fig[^>]*>.*?</svg>', courses_page[0], flags=re.S)
    assert len(figures) >= len(TARGETS) * (1 + len(STEPS) * (1 + len(MODELS)))
    assert all(">simulated patients</text>" in figure and 'aria-label="' in figure for figure in figures)


def test_findings_say_what_the_tables_hold(courses_page, tables_of_courses, tmp_path):
    said = courses_page[1]
    headings = ["Survival to 30 days", "Survival to 180 days", "Good outcome at 180 days"]
    assert list(said) == [*headings, "Answers that contradict each other"]
    table = tables_of_courses["performance_by_step"].set_index(["target", "step", "model", "quantity"])
    auc = table.loc[("good_180d", "day14", "gru", "auc"), "estimate"]
    lines = [line for line in said["Good outcome at 180 days"] if line.startswith("GRU")]
    assert f"{auc:.2f} (" in lines[0] and "at surgery" in lines[0] and "at day 14" in lines[0]
    assert not any(line.startswith("NIHSS") for lines in said.values() for line in lines)  # floors are compared with
    write_findings(said, tmp_path / "findings.txt")
    assert lines[0] in (tmp_path / "findings.txt").read_text()


@pytest.mark.parametrize("kept", [0, None], ids=["no model answered", "one model"])
def test_a_page_without_comparisons_is_made_all_the_same(tables_of_courses, tmp_path, kept):
    given = {name: table for name, table in tables_of_courses.items() if name != "metrics"}
    given["comparisons"] = given["comparisons"].iloc[:0]
    given["performance_by_step"] = given["performance_by_step"].iloc[:kept]
    said = write_trajectory(tmp_path / "index.html", title="Bare", simulated=True, models=MODELS, **given)
    assert "Bare" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert ("Good outcome at 180 days" in said) == (kept is None)


def test_contradictions_are_told_by_model(courses_page, tables_of_courses):
    lines = courses_page[1]["Answers that contradict each other"]
    found = tables_of_courses["contradictions"].query("model == 'landmark_logistic'")
    assert lines[0] == "No probability contradicts another in MultiStep Transformer, GRU and NIHSS alone."
    assert lines[1].startswith(f"Logistic at the step: {found['risks'].sum()} of {found['n'].sum()} pairs")


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0.02, 0.2, "it rises"), (-0.2, -0.02, "it falls"), (-0.1, 0.1, "no change is shown")]
)
def test_a_rise_is_said_only_where_its_interval_says_so(low, high, expected):
    rows = [
        {"step": step, "position": place, "quantity": "auc", "estimate": 0.6, "low": 0.5, "high": 0.7}
        for place, step in enumerate(("day1", "day3"))
    ]
    rows.append({"step": "day3", "position": 1, "quantity": "auc_change", "estimate": 0.1, "low": low, "high": high})
    table = pd.DataFrame(rows).assign(
        model="gru", target="survival_30d", split="external", n=50, events=40, reason=None
    )
    looks = palette.looks(pd.DataFrame({"task": ["trajectory"], "model": ["gru"]}))
    nothing = pd.DataFrame(columns=["target", "unknown", "position"])
    said = of_target(table, pd.DataFrame(columns=["target", "model_a", "model_b"]), nothing, looks)
    assert f"On the 50 patients of both steps {expected}:" in said[0]


def test_a_step_without_an_estimate_is_left_out_of_the_line(tables_of_courses):
    table = tables_of_courses["performance_by_step"]
    rows = table[(table["quantity"] == "auc") & (table["target"] == "survival_30d")].copy()
    looks = palette.looks(pd.DataFrame({"task": "trajectory", "model": list(MODELS)}), {"trajectory": MODELS})
    whole = draw_by_step(rows, list(STEPS), looks, title="A", simulated=False).render()
    rows.loc[rows["step"] == "day3", ["estimate", "low", "high"]] = float("nan")
    without = draw_by_step(rows, list(STEPS), looks, title="A", simulated=False).render()
    assert whole.count("<title>") - without.count("<title>") == len(MODELS)
    assert "day 3 –" in without and "nan" not in without


def test_chance_is_drawn_unless_all_are_far_from_it(tables_of_courses):
    table = tables_of_courses["performance_by_step"]
    rows = table[(table["quantity"] == "auc") & (table["target"] == "survival_30d")].copy()
    looks = palette.looks(pd.DataFrame({"task": "trajectory", "model": list(MODELS)}), {"trajectory": MODELS})
    assert 'class="guide"' in draw_by_step(rows, list(STEPS), looks, title="A", simulated=False).render()
    rows[["estimate", "low", "high"]] = 0.9
    assert 'class="guide"' not in draw_by_step(rows, list(STEPS), looks, title="A", simulated=False).render()


def test_floors_and_networks_are_told_apart():
    looks = palette.looks(pd.DataFrame({"task": "trajectory", "model": list(MODELS)}), {"trajectory": MODELS})
    assert [look.network for look in looks.values()] == [True, True, False, False]


def test_a_scheme_of_folds_is_shown_once_with_its_counts_added_up():
    rows = pd.DataFrame({"split": ["cv-0", "cv-1", "cv", "external", "loco-a"]})
    assert shown_splits(rows) == ["external", "cv", "loco-a"]
    counts = pd.DataFrame(
        {"split": ["cv-0", "cv-1"], "target": "t", "step": "s", "position": 0, "time_h": [1.0, 3.0], "at_risk": [4, 5]}
    )
    found = counts_of(counts, "cv").iloc[0]
    assert (found["at_risk"], found["time_h"], found["split"]) == (9, 2.0, "cv")
    assert counts_of(counts, "external").empty


def test_targets_stand_in_the_order_in_which_one_implies_the_other():
    assert target_order(pd.DataFrame({"target": ["good_180d", "other", "survival_180d", "survival_30d"]})) == [
        *TARGETS,
        "other",
    ]


def test_the_report_has_one_section_and_not_one_for_every_step(page, tables_of_courses, made_tables, models, tmp_path):
    given = made_tables | {
        "metrics": pd.concat([made_tables["metrics"], tables_of_courses["metrics"]]),
        "comparisons": pd.concat([made_tables["comparisons"], tables_of_courses["comparisons"]]),
        "trajectory_performance": tables_of_courses["performance_by_step"],
        "trajectory_counts": tables_of_courses["counts"],
    }
    assert questions(given["metrics"]) == questions(made_tables["metrics"])
    study = {"name": "made", "title": "Made", "simulated": True}
    out = tmp_path / "index.html"
    write_page(
        out, study=study, tables=given, models=models | {"trajectory": MODELS}, trajectory_page="../t/index.html"
    )
    text = out.read_text(encoding="utf-8")
    assert text.count('<section id="trajectory">') == 1 and 'href="#trajectory">Recovery trajectory' in text
    findings = text[text.index('<section id="findings">') : text.index('<section id="flow">')]
    assert "Survival to 30 days. MultiStep Transformer: AUC" in findings and "GRU" not in findings
    assert 'href="../t/index.html"' in text and "@day3" not in text and "survival over a time course" in text
    assert 'id="trajectory"' not in page.read_text()


def test_names_of_steps_and_late_targets():
    assert names.step("drain_removal") == "Drain removal" and names.step("day14") == "Day 14"
    assert names.event("survival_30d@day3") == "survival to 30 days, predicted at day 3"
