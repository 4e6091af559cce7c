from ichor.jobs.explain import OutdatedJob, changed_inputs, explain, flat, own_reasons
from ichor.jobs.hashes import content

RECORD = {
    "started": "2026-11-21T10:00:00+00:00",
    "params": {"plan": {"spacing_mm": [2.4, 2.4, None]}, "seed": 1, "code": "abc"},
    "code": {"script": "1", "ichor.tables": "2", "ichor.seeds": "3"},
}
SAME = {"params": RECORD["params"], "code": RECORD["code"], "record": RECORD}


def job(rule="plan_segmentation", **changes):
    return OutdatedJob(rule, {"split": "external"}, **{**SAME, **changes})


def test_nested_settings_are_named_with_their_place():
    assert flat({"a": {"b": [1, {"c": 2}]}, "d": []}) == {"a.b.0": 1, "a.b.1.c": 2, "d": []}


def test_a_changed_setting_is_named_with_both_values():
    params = {"plan": {"spacing_mm": [3.0, 2.4, None]}, "seed": 1, "code": "abc"}
    assert own_reasons(job(params=params)) == ["setting plan.spacing_mm.0: 2.4 before, 3.0 now"]


def test_a_setting_that_came_or_went_is_named():
    reasons = own_reasons(job(params={"plan": {"spacing_mm": [2.4, 2.4, None]}, "patch": 8, "code": "abc"}))
    assert reasons == ["setting seed: 1 before, not set now", "setting patch: not set before, 8 now"]


def test_changed_code_names_the_modules():
    code = {"script": "1", "ichor.tables": "other", "ichor.errors": "4"}
    assert own_reasons(job(code=code)) == [
        "code: ichor.tables changed",
        "code: ichor.errors new",
        "code: ichor.seeds no longer used",
    ]


def test_files_are_named_up_to_a_few():
    reasons = own_reasons(job(missing=[f"m{n}" for n in range(5)], changed=["patients.tsv"]))
    assert reasons == [
        "m0 is not there",
        "m1 is not there",
        "m2 (and 2 more) is not there",
        "patients.tsv has other content than when it was last read",
    ]


def test_what_follows_is_counted_and_what_was_never_done_is_told_apart():
    jobs = [
        job("harmonise_center", changed=["north.csv"]),
        job("fit_model"),
        job("fit_model"),
        job("evaluate", record=None, missing=["results/evaluation/metrics.tsv"]),
    ]
    text = explain(jobs)
    assert "Never done here: evaluate.\n" in text
    assert "  harmonise_center external (last run 2026-11-21T10:00:00+00:00)\n    north.csv has other" in text
    assert "What follows from it: fit_model (2)." in text


def test_nothing_to_say_is_said():
    assert explain([]) == "Nothing is out of date.\n"


def test_a_newer_input_with_the_content_that_was_read_is_no_reason(tmp_path):
    same, other, unknown = (tmp_path / name for name in ("same", "other", "unknown"))
    for path in (same, other, unknown):
        path.write_text("now")
    record = {"inputs": {str(same): content(same)[0], str(other): "before"}}
    assert changed_inputs([str(same), str(other), str(unknown)], record) == [str(other), str(unknown)]
    assert changed_inputs([str(same)], None) == [str(same)]
