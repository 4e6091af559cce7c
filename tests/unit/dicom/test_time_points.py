"""Baseline and follow-up at the edges of their windows, without times, several studies a day, and after surgery."""

import numpy as np
import pandas as pd
import pytest

from ichor.dicom.score import SelectionRules
from ichor.dicom.time_points import choose_time_points

START = pd.Timestamp("2020-01-01 12:00")
SURGERY = dict(onset_to_ct_h=2.0, onset_to_surgery_h=10.0)  # 8 h after the first scan


def visits(*hours, **columns):
    """One series per visit, each its own study, named a, b, ...; hours after the first scan, None = no time."""
    rows = pd.DataFrame(
        dict(
            patient="p", study=[f"study {k}" for k in range(len(hours))], series=list("abcdefgh"[: len(hours)]),
            reason="", detail="", outcome="", time_point="", rank=0, baseline_to_ct_h=np.nan, given_time_point="",
            action="", forced_time_point="", score=80.0,
            when=[pd.NaT if hour is None else START + pd.Timedelta(hours=hour) for hour in hours],
        )
    )  # fmt: skip
    return rows.assign(**columns)


def choose(rows, clinical=None, rules=None):
    out = choose_time_points(rows, clinical or {}, rules or SelectionRules()).set_index("series")
    return out["time_point"].where(out["outcome"] == "accepted", out["reason"]).to_dict(), out


@pytest.mark.parametrize(
    ("gap", "expected"),
    [(5.99, "out_of_window"), (6.0, "followup"), (24, "followup"), (72.0, "followup"), (72.01, "out_of_window")],
)
def test_both_ends_of_the_followup_window_belong_to_it(gap, expected):
    assert choose(visits(0, gap))[0] == {"a": "baseline", "b": expected}


@pytest.mark.parametrize(("apart", "second"), [(1.0, "not_chosen"), (1.01, "out_of_window")])
def test_series_of_one_session_compete_and_later_ones_do_not(apart, second):
    chosen, rows = choose(visits(0, apart, score=[80.0, 70.0]))
    assert chosen == {"a": "baseline", "b": second}
    assert rows.loc["b", "rank"] == (2 if second == "not_chosen" else 0)


def test_the_better_series_of_a_session_is_baseline_although_it_is_later():
    chosen, rows = choose(visits(0, 0.5, 24, score=[70.0, 90.0, 80.0]))
    assert chosen == {"a": "not_chosen", "b": "baseline", "c": "followup"}
    assert rows["baseline_to_ct_h"].to_dict() == {"a": -0.5, "b": 0.0, "c": 23.5}


def test_of_equal_scores_the_one_closer_to_onset_is_taken():
    rows = visits(0.4, 0.0)
    assert choose(rows)[0] == {"a": "not_chosen", "b": "baseline"}


def test_several_studies_a_day():
    chosen, _ = choose(visits(0, 4, 8, 12, 23, 25.5))
    assert chosen == {
        "a": "baseline", "b": "out_of_window", "c": "not_chosen", "d": "not_chosen", "e": "followup", "f": "not_chosen",
    }  # fmt: skip


@pytest.mark.parametrize(("first", "expected"), [(3.0, "baseline"), (3.01, "out_of_window")])
def test_a_damaged_first_scan_lets_the_next_be_baseline_for_three_hours(first, expected):
    chosen, _ = choose(visits(0, first, reason=["missing_slices", ""]))
    assert chosen == {"a": "missing_slices", "b": expected}


def test_a_chest_scan_before_is_no_visit():
    assert choose(visits(-10, 0, reason=["not_a_head", ""]))[0]["b"] == "baseline"


@pytest.mark.parametrize(("hour", "expected"), [(7.99, "followup"), (8.0, "after_surgery"), (30.0, "after_surgery")])
def test_nothing_from_the_hour_of_surgery_on_is_taken(hour, expected):
    assert choose(visits(0, hour), SURGERY)[0] == {"a": "baseline", "b": expected}


@pytest.mark.parametrize("surgery", [0.0, 1.9, 2.0])
def test_a_scan_after_surgery_is_never_baseline(surgery):
    chosen, _ = choose(visits(0, 24), dict(onset_to_ct_h=2.0, onset_to_surgery_h=surgery))
    assert chosen == {"a": "after_surgery", "b": "after_surgery"}


def test_surgery_without_the_time_of_the_scan_leaves_no_baseline():
    """Whether the scan was before or after cannot be known, and a postoperative scan is never a baseline."""
    chosen, rows = choose(visits(0, 24), dict(onset_to_surgery_h=5.0))
    assert chosen == {"a": "time_unknown", "b": "time_unknown"} and "surgery" in rows["detail"].iloc[0]
    assert choose(visits(0, 24), dict(onset_to_ct_h=2.0))[0] == {"a": "baseline", "b": "followup"}


def test_a_postoperative_scan_competes_with_nothing():
    rows = visits(0, 0.5, score=[60.0, 99.0])
    chosen, _ = choose(rows, dict(onset_to_ct_h=2.0, onset_to_surgery_h=2.4))
    assert chosen == {"a": "baseline", "b": "after_surgery"}


def test_series_without_time_have_that_of_their_study():
    rows = visits(0, None, 24).assign(study=["one", "one", "two"], score=[70.0, 90.0, 80.0])
    assert choose(rows)[0] == {"a": "not_chosen", "b": "baseline", "c": "followup"}


def test_a_study_without_time_beside_one_with_time_is_not_guessed():
    assert choose(visits(0, None))[0] == {"a": "baseline", "b": "time_unknown"}
    assert choose(visits(None, None))[0] == {"a": "time_unknown", "b": "time_unknown"}
    assert choose(visits(None))[0] == {"a": "baseline"}


def force(rows, **actions):
    for name, (action, time_point) in actions.items():
        rows.loc[rows["series"] == name, ["action", "forced_time_point"]] = [action, time_point]
    return rows


def test_a_forced_baseline_wins_over_score_window_and_reason():
    rows = force(visits(0, 5, 30, reason=["", "bone_kernel", ""]), b=("use", "baseline"))
    chosen, out = choose(rows, dict(onset_to_ct_h=2.0))
    assert chosen == {"a": "not_chosen", "b": "baseline", "c": "followup"}
    assert out["baseline_to_ct_h"].to_dict() == {"a": -5, "b": 0, "c": 25} and out.loc["b", "onset_to_ct_h"] == 7
    assert out["rank"].to_dict() == {"a": 0, "b": 1, "c": 1} and out.loc["a", "detail"] == "baseline: taken by override"


def test_a_forced_followup_wins_over_window_and_nearness():
    chosen, _ = choose(force(visits(0, 24, 100), c=("use", "followup")))
    assert chosen == {"a": "baseline", "b": "not_chosen", "c": "followup"}


def test_a_forced_scan_after_surgery_is_the_users_decision():
    chosen, _ = choose(force(visits(0, 24), a=("use", "baseline")), dict(onset_to_ct_h=2.0, onset_to_surgery_h=1.0))
    assert chosen == {"a": "baseline", "b": "after_surgery"}


def test_a_refused_series_gives_way_to_the_next():
    chosen, _ = choose(force(visits(0, 0.1, score=[90.0, 50.0]), a=("refuse", "")))
    assert chosen == {"a": "refused_by_override", "b": "baseline"}


def test_forced_scans_without_any_time_are_taken():
    rows = force(visits(None, None, None), a=("use", "baseline"), b=("use", "followup"))
    chosen, _ = choose(rows)
    assert chosen == {"a": "baseline", "b": "followup", "c": "time_unknown"}


def test_time_points_that_names_give_are_overridden_too():
    rows = visits(None, None, None, given_time_point=["baseline", "followup", "followup"])
    clinical = dict(onset_to_ct_h=2.0, onset_to_followup_ct_h=26.0)
    chosen, out = choose(force(rows, a=("refuse", ""), c=("use", "followup")), clinical)
    assert chosen == {"a": "refused_by_override", "b": "not_chosen", "c": "followup"}
    assert out.loc["c", "baseline_to_ct_h"] == 24
