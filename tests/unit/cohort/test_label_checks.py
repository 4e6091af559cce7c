import numpy as np
import pandas as pd
import pytest

from ichor.cohort.label_checks import check_labels


def cohort(center="aurora", label=(), reason=(), iph_ml=None, gcs=None):
    n = len(reason)
    return pd.DataFrame(
        {
            "split": "external",
            "center": center,
            "label_expansion": pd.array([*label, *[None] * (n - len(label))], dtype="Int64"),
            "label_expansion_reason": [code or None for code in reason],
            "iph_ml": np.full(n, 20.0) if iph_ml is None else iph_ml,
            "gcs": pd.array([14] * n if gcs is None else gcs, dtype="Int64"),
        }
    )


def found(*frames):
    rows = check_labels(pd.concat(frames, ignore_index=True))
    assert all(row["stage"] == "label" and row["outcome"] == "flagged" and row["subject"] == "" for row in rows)
    return {(row["center"], row["reason"]): row["detail"] for row in rows}


MIXED = dict(label=[0, 1, 0, 1, 0, 0], reason=[""] * 6)
NOBODY = ["no_followup"] * 6


def test_labels_of_both_kinds_and_like_patients_are_no_remark():
    assert found(cohort(**MIXED), cohort("boreal", **MIXED)) == {}


def test_no_follow_up_in_one_center_or_anywhere():
    text = "split external, expansion: none of 6 patients has a follow-up scan, nor a volume or label in the table"
    assert found(cohort(**MIXED), cohort("boreal", reason=NOBODY)) == {("boreal", "no_followup"): text}
    everywhere = found(cohort(reason=NOBODY), cohort("boreal", reason=NOBODY))
    assert set(everywhere) == {("aurora", "no_followup"), ("boreal", "no_followup")}


@pytest.mark.parametrize(("label", "word"), [(0, "no"), (1, "only")])
def test_a_center_with_one_outcome(label, word):
    rows = cohort(label=[label] * 4, reason=["", "", "", "", "surgery_between", "no_followup"])
    text = f"split external, expansion: {word} expansion among 4 labelled patients"
    assert found(rows, cohort("boreal", **MIXED)) == {("aurora", "one_class"): text}


def test_no_label_although_there_were_scans_has_its_reasons_with_the_patients():
    assert found(cohort(reason=["surgery_between"] * 6)) == {}


def severe_only(shift, n=30, seed=2):
    """Patients with follow-up have larger bleeds and, for the opposite sign, a lower GCS."""
    rng = np.random.default_rng(seed)
    followed = np.arange(2 * n) < n
    volume = rng.gamma(4, 5, 2 * n) + shift * followed
    gcs = np.clip(np.round(rng.normal(12, 2, 2 * n) - shift / 5 * followed), 3, 15).astype(int)
    reason = ["" if one else "no_followup" for one in followed]
    return cohort(label=[0, 1] * (n // 2), reason=reason, iph_ml=volume, gcs=gcs)


def test_follow_up_of_the_sick_only():
    (key, detail), *more = found(severe_only(20.0)).items()
    assert key == ("aurora", "followup_selective") and not more
    assert "30 of 60 patients have a follow-up; median baseline volume" in detail
    rows = severe_only(20.0)
    for name in ("iph_ml", "gcs"):
        for chosen in (rows["label_expansion_reason"].isna(), rows["label_expansion_reason"].notna()):
            assert f"{rows.loc[chosen, name].median():.3g}" in detail


def test_a_test_on_the_same_patients_raises_false_alarms_at_its_level():
    """Two variables at 0.01 each: about 2 of 100 centers without any selection are named."""
    alarms = sum(bool(found(severe_only(0.0, seed=seed))) for seed in range(60))
    assert alarms <= 5


def test_few_patients_and_unknown_values_are_not_compared():
    rows = severe_only(40.0)
    few = rows[rows["label_expansion_reason"].isna() | (rows.index < 34)]
    assert found(few) == {}
    assert found(rows.assign(iph_ml=np.nan, gcs=pd.array([None] * len(rows), dtype="Int64"))) == {}
    only_volume = found(rows.assign(gcs=pd.array([None] * len(rows), dtype="Int64")))
    assert "GCS" not in only_volume["aurora", "followup_selective"]
