import pandas as pd

from ichor import tables
from ichor.cohort.flow import COLUMNS, cohort_flow


def status(*rows):
    return tables.frame("status", [tables.status_row(*row) for row in rows])


def small_study():
    people = tables.frame(
        "patients",
        [
            dict(patient=name, center=center, center_role=role)
            for name, center, role in [
                ("a", "aurora", "development"),
                ("b", "aurora", "development"),
                ("c", "aurora", "development"),
                ("d", "delta", "external"),
            ]
        ],
    )
    points = [("a", "baseline"), ("a", "followup"), ("b", "baseline"), ("c", "followup"), ("d", "baseline")]
    where = {"a": "aurora", "b": "aurora", "c": "aurora", "d": "delta"}
    scans = pd.DataFrame([dict(patient=p, center=where[p], time_point=t) for p, t in points])
    roles = {"a": "train", "b": "tune", "d": "test"}
    splits = tables.frame(
        "splits", [dict(split="external", patient=p, center=where[p], role=r) for p, r in roles.items()]
    )
    cohort = pd.DataFrame(
        dict(
            patient=["a", "b", "d"],
            center=["aurora", "aurora", "delta"],
            label_expansion=pd.array([1, None, None], dtype="Int64"),
            label_expansion_reason=[None, "no_followup", "no_followup"],
            label_poor_outcome=pd.array([1, 0, 0], dtype="Int64"),
            label_poor_outcome_reason=[None, None, None],
            label_death=pd.array([None, None, None], dtype="Int64"),
            label_death_reason=["label_missing"] * 3,
        )
    )
    happened = status(
        ("aurora", "file-1", "index", "set_aside", "not_dicom"),
        ("aurora", "file-2", "index", "set_aside", "not_dicom"),
        ("delta", "file-1", "index", "set_aside", "not_dicom"),
        ("aurora", "series-1", "select", "set_aside", "localizer"),
        ("aurora", "a", "harmonise", "flagged", "out_of_range"),
        ("aurora", "a", "harmonise", "flagged", "out_of_range"),
        ("aurora", "", "harmonise", "flagged", "unmapped_column"),
        ("aurora", "c", "merge", "set_aside", "no_scan"),
        ("aurora", "b", "label", "flagged", "no_followup"),
        ("", "vit", "model", "flagged", "one_class"),
    )
    return happened, people, scans, splits, {"external": cohort}


def test_counts():
    flow = cohort_flow(*small_study())
    assert list(flow.columns) == list(COLUMNS)
    lost = {("aurora", "not_dicom"): 2, ("delta", "not_dicom"): 1, ("all", "not_dicom"): 3}
    own = flow[flow["step"] == "index"]
    assert own.set_index(["center", "reason"])["count"].to_dict() == lost
    assert set(flow.loc[flow["step"] == "index", "unit"]) == {"file"}
    assert set(flow.loc[flow["step"] == "select", "unit"]) == {"series"}
    for step, numbers in {
        "patients": {"aurora": 3, "delta": 1, "all": 4},
        "baseline_scan": {"aurora": 2, "delta": 1, "all": 3},
        "followup_scan": {"aurora": 1, "delta": 0, "all": 1},
        "train": {"aurora": 1, "delta": 0, "all": 1},
        "tune": {"aurora": 1, "delta": 0, "all": 1},
        "test": {"aurora": 0, "delta": 1, "all": 1},
    }.items():
        own = flow[flow["step"] == step]
        assert own.set_index("center")["count"].to_dict() == numbers, step


def test_a_patient_with_two_remarks_counts_once():
    flow = cohort_flow(*small_study())
    assert (flow.loc[flow["step"] == "harmonise", "count"] == 1).all()  # in its center and in all
    own = flow[(flow["step"] == "harmonise") & (flow["center"] == "all")]
    assert own.set_index(["reason", "unit"])["count"].to_dict() == {
        ("out_of_range", "patient"): 1,
        ("unmapped_column", "center"): 1,
    }


def test_labels_with_events_and_reasons():
    flow = cohort_flow(*small_study())
    own = flow[(flow["step"] == "labelled") & (flow["target"] == "expansion") & (flow["center"] == "all")]
    assert own[["kind", "reason", "count"]].values.tolist() == [["accepted", "", 1], ["set_aside", "no_followup", 2]]
    assert own["events"].iloc[0] == 1
    poor = flow[(flow["step"] == "labelled") & (flow["target"] == "poor_outcome") & (flow["kind"] == "accepted")]
    assert {
        row.center: (row.count, row.events) for row in poor[["center", "count", "events"]].itertuples(index=False)
    } == {
        "aurora": (2, 1),
        "delta": (1, 0),
        "all": (3, 1),
    }


def test_nobody_is_lost_between_the_steps():
    happened, people, scans, splits, cohorts = small_study()
    flow = cohort_flow(happened, people, scans, splits, cohorts)
    total = flow[(flow["center"] == "all") & (flow["kind"] == "accepted")].groupby("step")["count"].max()
    lost = flow[(flow["center"] == "all") & (flow["reason"] == "no_scan")]["count"].sum()
    assert total["patients"] - lost == total["baseline_scan"] == total["train"] + total["tune"] + total["test"]


def test_steps_stand_in_the_order_of_the_study():
    steps = list(dict.fromkeys(cohort_flow(*small_study())["step"]))
    assert steps == ["index", "select", "harmonise", "merge", "patients", "baseline_scan", "followup_scan", "train"] + [
        "tune",
        "test",
        "labelled",
    ]


def test_empty_study():
    nothing = [tables.empty(name) for name in ("status", "patients", "scans", "splits")]
    flow = cohort_flow(*nothing, {})
    assert flow["count"].sum() == 0
    assert set(flow["step"]) == {"patients", "baseline_scan", "followup_scan"}
