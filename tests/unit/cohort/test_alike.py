"""Pairs of scans that are one scan, among thousands, and lists of fingerprints that are given away."""

import numpy as np
import pandas as pd
import pytest
from tests.unit.cohort.test_assemble import scan, scans

from ichor import tables
from ichor.cohort import alike as module
from ichor.cohort.alike import ONE_SCAN, ONE_VISIT, alike, in_public_sets, public_list
from ichor.cohort.assemble import merge_scans
from ichor.errors import StudyError
from ichor.imaging.fingerprint import COMPARED, KEPT

FADING = np.exp(-np.indices(KEPT).sum(axis=0) / 8.0)


def pattern(rng):
    return rng.normal(0, 60, KEPT) * FADING


def as_print(values):
    return np.clip(np.rint(values * 127 / np.abs(values).max()), -127, 127).astype(np.int8)


def mixed(first, second, share):
    """A pattern whose correlation with `first` is about `share`."""
    return share * first + np.sqrt(1 - share**2) * second


def prints_of(table, patterns):
    rows = table[["center", "patient", "time_point"]].copy()
    rows["fingerprint"] = [None if values is None else as_print(values).tobytes() for values in patterns]
    return rows


@pytest.fixture
def three():
    rng = np.random.default_rng(2)
    table = scans(scan("a", digest="0a"), scan("b", "boreal", digest="0b"), scan("c", "boreal", digest="0c"))
    first, second, third = (pattern(rng) for _ in range(3))
    return table, prints_of(table, [first, mixed(first, second, 0.95), third])


def test_two_patients_with_a_resampled_scan_stop_the_run_with_their_similarity(three):
    table, prints = three
    with pytest.raises(StudyError) as error:
        merge_scans([table], on_duplicate="stop", prints=prints)
    for part in ("patient a of center aurora (baseline)", "patient b of center boreal", "similarity 0.9", "sheet"):
        assert part in str(error.value)
    merged, status = merge_scans([table], on_duplicate="set_aside", prints=prints)
    assert list(merged["patient"]) == ["c"]
    assert set(status["reason"]) == {"two_patients_one_scan"} and len(status) == 2


def decided(treatment, first=("aurora", "a"), second=("boreal", "b")):
    row = dict(center=first[0], patient=first[1], other_center=second[0], other_patient=second[1])
    return tables.frame("duplicates", [row | {"treatment": treatment}])


@pytest.mark.parametrize(
    ("sheet", "kept", "flagged"),
    [
        (decided("first"), ["a", "c"], ["a"]),
        (decided("first", ("boreal", "b"), ("aurora", "a")), ["b", "c"], ["b"]),
        (decided("neither"), ["c"], []),
        (decided("different"), ["a", "b", "c"], ["a", "b"]),
        (decided("together"), ["a", "b", "c"], ["a", "b"]),
    ],
)
def test_the_sheet_decides_and_its_decision_is_recorded(three, sheet, kept, flagged):
    table, prints = three
    merged, status = merge_scans([table], on_duplicate="stop", prints=prints, sheet=sheet)
    assert list(merged["patient"]) == kept
    assert list(status.loc[status["outcome"] == "flagged", "subject"]) == flagged
    assert status["detail"].str.contains(f"the sheet of duplicates says {sheet['treatment'][0]}").all()


def test_a_pair_about_which_nothing_was_found_is_kept_together_and_flagged(three):
    table, prints = three
    sheet = pd.concat([decided("together"), decided("together", ("boreal", "c"), ("boreal", "b"))])
    merged, status = merge_scans([table], on_duplicate="stop", prints=prints, sheet=sheet)
    told = set(status[["subject", "reason", "outcome"]].itertuples(index=False, name=None))
    assert list(merged["patient"]) == ["a", "b", "c"]
    assert told == {(name, "two_patients_one_scan", "flagged") for name in "ab"} | {
        (name, "kept_together", "flagged") for name in "bc"
    }


def test_a_name_in_the_sheet_that_is_no_patient_of_the_study_is_told_without_it(three):
    table, prints = three
    sheet = decided("together", ("boreal", "c"), ("aurora", "Quastenflosser, Ottokarine"))
    _, status = merge_scans([table.iloc[2:]], on_duplicate="stop", prints=prints, sheet=sheet)
    assert list(status["subject"].fillna("")) == ["", "c"] and set(status["reason"]) == {"kept_together"}
    assert "Quastenflosser" not in status.to_csv() and "no accepted scan here" in status["detail"][0]


def test_nobody_is_kept_together_with_a_listed_scan(three):
    table, prints = three
    one = table.iloc[2:].reset_index(drop=True)
    listed = public_list(one, prints, "elsewhere")
    sheet = decided("together", ("boreal", "c"), ("elsewhere", listed["scan"][0]))
    with pytest.raises(StudyError, match="patient c of center boreal .* is in no split of this study"):
        merge_scans([one], on_duplicate="stop", prints=prints, sheet=sheet, listed=listed)


def test_a_sheet_about_other_patients_decides_nothing(three):
    table, prints = three
    with pytest.raises(StudyError, match="patient b of center boreal"):
        merge_scans([table], on_duplicate="stop", prints=prints, sheet=decided("different", second=("boreal", "c")))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("aurora", "a", "aurora", "a")], "row 2: names one patient twice"),
        ([("aurora", "a", "boreal", "b"), ("boreal", "b", "aurora", "a")], "row 3: names a pair that stands above"),
    ],
)
def test_a_sheet_that_contradicts_itself_is_an_error(three, rows, said):
    names = ("center", "patient", "other_center", "other_patient")
    sheet = tables.frame("duplicates", [dict(zip(names, row, strict=True), treatment="first") for row in rows])
    with pytest.raises(StudyError, match=said):
        merge_scans([three[0]], on_duplicate="stop", prints=three[1], sheet=sheet)


@pytest.mark.parametrize(("share", "again"), [(0.93, False), (0.985, True)])
def test_two_visits_may_look_alike_but_not_be_one_scan(share, again):
    rng = np.random.default_rng(4)
    table = scans(scan("a"), scan("a", time_point="followup"), scan("b"))
    first, second, third = (pattern(rng) for _ in range(3))
    prints = prints_of(table, [first, mixed(first, second, share), third])
    merged, status = merge_scans([table], on_duplicate="stop", prints=prints)
    assert len(merged) == (2 if again else 3)
    if again:
        assert status[["subject", "reason"]].values.tolist() == [["a", "followup_is_baseline"]]
        assert status["detail"][0].startswith("similarity 0.9")


def test_scans_without_fingerprint_are_compared_by_checksum():
    table = scans(scan("a", digest="same"), scan("b", digest="same"), scan("c"))
    found = alike(table, prints_of(table, [None, None, None]))
    assert found[["first", "second", "similarity"]].values.tolist() == [[0, 1, 1.0]]


def test_pairs_are_found_across_blocks_and_along_the_head(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 16)
    rng = np.random.default_rng(7)
    patterns = [pattern(rng) for _ in range(50)]
    smooth = np.repeat(rng.normal(0, 60, (*KEPT[:2], 6)), 4, axis=2)[..., :22] * FADING  # thick structures
    moved = np.zeros(KEPT)
    moved[..., 1:] = smooth[..., :-1]
    patterns[3], patterns[47], patterns[20] = smooth, moved, mixed(patterns[40], patterns[1], 0.92)
    table = scans(*(scan(f"p{number:02d}") for number in range(50)))
    found = alike(table, prints_of(table, patterns))
    assert found[["first", "second"]].values.tolist() == [[3, 47], [20, 40]]
    assert (found["similarity"] >= ONE_SCAN).all()


def test_limits_are_in_order():
    assert module.ROUGH < ONE_SCAN < ONE_VISIT < 1


def test_a_list_that_is_given_away_names_no_patient_and_finds_its_scans(three, tmp_path):
    table, prints = three
    tables.write("fingerprints", public_list(table, prints, "elsewhere"), tmp_path / "fingerprints.tsv")
    listed = tables.read("fingerprints", tmp_path / "fingerprints.tsv")
    text = (tmp_path / "fingerprints.tsv").read_text()
    assert len(listed) == 3 and listed["scan"].is_monotonic_increasing
    assert not any(name in text for name in ("aurora", "boreal", "baseline"))
    assert listed["fingerprint"].map(len).eq(336).all()  # 2,016 signs
    assert np.prod(COMPARED) == 2016

    rng = np.random.default_rng(2)
    ours = scans(scan("x"), scan("y", digest="0c"))
    own = prints_of(ours, [mixed(pattern(rng), pattern(rng), 0.97), pattern(np.random.default_rng(99))])
    assert set(in_public_sets(ours, own, listed)["first"]) == {0, 1}
    with pytest.raises(StudyError, match="patient x of center aurora .baseline. is scan scan-.* of the set elsewhere"):
        merge_scans([ours], on_duplicate="stop", prints=own, listed=listed)
    merged, status = merge_scans([ours], on_duplicate="set_aside", prints=own, listed=listed)
    assert merged.empty and set(status["reason"]) == {"in_public_set"}


def test_a_listed_scan_can_be_declared_different(three):
    table, prints = three
    listed = public_list(table.head(1), prints.head(1), "elsewhere")
    sheet = pd.concat(
        [decided("different", second=("elsewhere", listed["scan"][0])), decided("neither")], ignore_index=True
    )
    alone, own = table[table["patient"] != "b"], prints[prints["patient"] != "b"]
    merged, status = merge_scans([alone], on_duplicate="stop", prints=own, sheet=sheet, listed=listed)
    assert list(merged["patient"]) == ["a", "c"]
    assert status[["subject", "outcome", "reason"]].values.tolist() == [["a", "flagged", "in_public_set"]]


def test_a_list_with_a_broken_fingerprint_names_its_row(three):
    table, prints = three
    listed = public_list(table, prints, "elsewhere")
    listed.loc[1, "fingerprint"] = "YWJj"
    with pytest.raises(StudyError, match="row 3, column fingerprint"):
        in_public_sets(table, prints, listed)
