import re

import numpy as np
import pandas as pd
import pytest

from ichor import tables
from ichor.report.course_figures import draw_answers, time_name, usual_values
from ichor.report.course_page import write_course_page
from ichor.report.patient_course_page import KnownCourses, write_patient_course_pages

NAMED = {"model": "gru", "split": "external"}
STUDY = {"title": "A study", "simulated": True}
WHO = {"task": "trajectory", "model": "gru", "split": "external", "target": "good_180d"}
STEPS = {"surgery": 12.0, "day1": 36.0, "drain_removal": 300.0}


def gate(outcome):
    row = {"method": "course_integrated_gradients", "outcome": outcome, "test": "all_layers", "share": 1.0, "n": 9}
    row |= {
        "measure": "spearman",
        "estimate": 0.1,
        "low": 0.0,
        "high": 0.2,
        "limit": 0.5,
        "detail": f"{outcome}: because",
    }
    return tables.frame("attribution_gate", [WHO | row])


@pytest.fixture
def known():
    """A train patient and a test patient, who died before the last step; the volume was not measured at first."""
    steps, values = [], []
    for patient, role, alive in (("t1", "train", 3), ("p1", "test", 2)):
        for place, (step, hours) in enumerate(STEPS.items()):
            at = {"split": "external", "patient": patient, "center": "north", "role": role, "step": step}
            labels = {"label_survival_30d": None, "label_survival_180d": None, "label_good_180d": 0}
            steps.append(at | {"position": place, "time_h": hours, "at_risk": int(place < alive)} | labels)
            values.append((patient, step, place, "gcs", 9 + place))
    values.append(("p1", "day1", 1, "iph_ml", 31.5))
    parts = []
    for answer, sums in ((0, {("gcs", 0): -0.5}), (1, {("gcs", 0): -0.2, ("gcs", 1): 0.6, ("iph_ml", 1): -0.4})):
        for (feature, place), amount in sums.items():
            step = list(STEPS)[place]
            own = {"answer": list(STEPS)[answer], "answer_position": answer, "step": step, "position": place}
            parts.append(WHO | own | {"patient": "p1", "center": "north", "feature": feature, "value": "9"})
            parts[-1] |= {"attribution": amount, "base": 0.1 * answer}
    risks = pd.DataFrame({"patient": "p1", "step": list(STEPS), "position": range(3), "time_h": list(STEPS.values())})
    risks["position"] = risks["position"].astype("Int64")  # as a table is read
    risks = risks.assign(target="good_180d", probability=[0.4, 0.5, 0.6], low=[0.3, 0.4, 0.5], high=[0.5, 0.6, 0.7])
    other = risks.assign(model="landmark_logistic", probability=[0.11, 0.22, 0.33], low=np.nan, high=np.nan)
    chosen = {
        "patient": "p1",
        "center": "north",
        "group": "event_low",
        "answer": "day1",
        "label": 0,
        "probability": 0.5,
    }
    return KnownCourses(
        patients=tables.frame("explained_courses", [WHO | chosen]),
        gate=gate("shown"),
        attributions=tables.frame("course_attributions", parts),
        steps=tables.frame("trajectory_steps", steps),
        values=pd.DataFrame(values, columns=["patient", "step", "position", "variable", "value"]),
        risks=pd.concat([risks.assign(model="gru"), other]),
        cohort=pd.DataFrame({"patient": ["t1", "p1"], "role": ["train", "test"], "age_years": [70.0, 81.0]}),
        variables=["gcs", "iph_ml"],
        units={"iph_ml": "mL"},
        record=["age_years"],
    )


def page_of(folder, known):
    write_patient_course_pages(folder, known, NAMED, STUDY)
    return (folder / "p1.html").read_text()


def cells(page, heading):
    """Texts of the lines of the table with that caption."""
    table = page[page.index(heading) : page.index("</table>", page.index(heading))]
    lines = re.findall(r"<tr.*?</tr>", table[table.index("<tbody>") :], re.S)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", line)).strip() for line in lines]


def test_what_moved_an_answer_is_what_changed_since_the_step_before(tmp_path, known):
    page = page_of(tmp_path, known)
    first, second = cells(page, "From step to step")
    assert first == "Surgery 12 h 0.40 – GCS −0.50"
    # GCS brought -0.5, and now -0.2 + 0.6; the base rose by 0.1
    assert second.startswith("Day 1 36 h 0.50 GCS +0.90 the step itself: its time, and what was measured +0.10")
    assert second.endswith("Parenchymal volume −0.40")
    assert "From +0.10 (every value at the mean of the train patients) to +0.10" in page


def test_a_patient_has_no_answer_after_death_and_values_stand_all_the_same(tmp_path, known):
    page = page_of(tmp_path, known)
    assert "1 later step has no answer" in page
    answers = page[page.index('id="answers"') : page.index('id="moved"')]
    assert "0.50 (0.40 to 0.60)" in answers and "0.60 (0.50" not in answers
    line = re.search(r'<path d="M([^"]*)" style="fill:none', answers).group(1)
    assert len(line.split("L")) == 2, "a line from the first answer to the second"
    values = page[page.index('id="values"') : page.index('id="models"')]
    assert "Parenchymal volume, mL: Day 1 31.5" in values and "Drain removal 11.0" in values
    assert [line.split(" ")[-1] for line in cells(page, "Predicted probability at Day 1")] == ["0.50", "0.22"]


def test_what_did_not_pass_the_gate_is_not_on_the_page(tmp_path, known):
    empty = tables.empty("course_attributions")
    page = page_of(tmp_path, KnownCourses(**{**vars(known), "gate": gate("withheld"), "attributions": empty}))
    assert "Withheld: the attributions did not pass the sanity gate." in page and "From step to step" not in page
    write_course_page(
        tmp_path / "index.html",
        gate=gate("withheld"),
        importance=tables.empty("course_importance"),
        patients=known.patients,
        named=NAMED,
        study=STUDY,
    )
    page = (tmp_path / "index.html").read_text()
    assert "did not pass the gate, so nothing is shown" in page and "withheld: because" in page


def test_the_model_page_orders_features_by_the_last_answer_and_links_the_patients(tmp_path, known):
    rows = []
    for feature, sizes in (("gcs", (0.9, 0.2)), ("iph_ml", (0.1, 0.7))):
        for order, size in enumerate(sizes):
            own = {"answer": list(STEPS)[order], "order": order, "feature": feature, "estimate": size, "n": 7}
            rows += [WHO | own | {"part": "whole"}, WHO | own | {"part": "step", "step": "surgery"}]
    rows.append(
        WHO | {"answer": "day1", "order": 1, "feature": "age_years", "estimate": 0.05, "n": 7, "part": "record"}
    )
    write_course_page(
        tmp_path / "index.html",
        gate=gate("shown"),
        importance=tables.frame("course_importance", rows),
        patients=known.patients,
        named=NAMED,
        study=STUDY,
    )
    page = (tmp_path / "index.html").read_text()
    assert [line.split(" ")[0] for line in cells(page, "Answers at each step")] == ["Parenchymal", "GCS"]
    assert "Simulated patients" in page and 'href="patients/p1.html"' in page
    assert "without a good outcome at 180 days" in page


def test_of_many_visits_not_every_one_is_named_and_none_is_lost():
    visits = pd.DataFrame({"step": [f"visit{place + 1}" for place in range(24)], "position": range(24)})
    visits["time_h"] = 24.0 * visits["position"]
    answers = visits.assign(probability=0.5, low=0.4, high=0.6)
    drawn = draw_answers(answers, visits, "Survival", simulated=False).render()
    named = re.findall(r">(V[^<]*)</text>", drawn)
    assert 3 <= len(named) <= 8 and drawn.count("<circle") == 24 and "Visit 24, 23 d" in drawn


def test_usual_values_need_enough_patients_and_times_are_readable():
    values = pd.DataFrame(
        {"variable": "gcs", "step": ["day1"] * 5 + ["day3"] * 4, "value": [3, 6, 9, 12, 15, 1, 2, 3, 4]}
    )
    found = usual_values(values)
    assert found.to_numpy().tolist() == [["gcs", "day1", 6.0, 12.0]]
    assert time_name(36.0) == "36 h" and time_name(84.0) == "3.5 d" and time_name(336.0) == "14 d"
