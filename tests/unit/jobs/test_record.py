import os
import stat
import time

from ichor.jobs.record import jobs_since, read_records, record_path, write_record


def record(rule, kept=False, **wildcards):
    return {"rule": rule, "wildcards": wildcards, "kept": kept}


def test_a_record_has_one_place_per_job_and_only_the_last_is_kept(tmp_path):
    write_record(record("fit_model", task="outcome", model="vit"), tmp_path)
    write_record(record("fit_model", kept=True, task="outcome", model="vit"), tmp_path)
    write_record(record("evaluate"), tmp_path)
    assert [found["rule"] for found in read_records(tmp_path)] == ["evaluate", "fit_model"]
    assert record_path("evaluate", {}, tmp_path).name == "all.json"
    assert list(read_records(tmp_path))[1]["kept"] is True
    assert stat.S_IMODE(record_path("evaluate", {}, tmp_path).parent.stat().st_mode) & 0o077 == 0


def test_jobs_of_this_run_are_counted_and_older_ones_are_not(tmp_path):
    old = write_record(record("index_center", center="north"), tmp_path)
    os.utime(old, (time.time() - 100,) * 2)
    start = time.time() - 1
    write_record(record("fit_model", model="vit"), tmp_path)
    write_record(record("predict_model", kept=True, model="vit"), tmp_path)
    assert jobs_since(start, tmp_path) == (1, 1)
