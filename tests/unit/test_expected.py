import json
import logging

import pytest

from ichor import expected
from ichor.expected import DryRunSummary, Measured, PlannedJob, describe, disk_bytes, lines, measure

JOBS = [
    PlannedJob("convert_shard", "ingest", threads=2, limit_min=240),
    PlannedJob("convert_shard", "ingest", threads=2, limit_min=240),
    PlannedJob("merge_scans", "ingest"),
    PlannedJob("train_segmentation", "segmentation", threads=8, limit_min=1440, gpus=2),
]


def record(folder, rule, number, seconds, n_bytes, kept=False):
    path = folder / "work/records" / rule / f"{number}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    half = n_bytes // 2
    outputs = {"a": {"bytes": half, "sha256": ""}, "b": {"bytes": n_bytes - half, "sha256": ""}}
    path.write_text(json.dumps({"seconds": seconds, "kept": kept, "outputs": outputs}))


def test_hours_are_limits_times_cores_and_gpus_by_stage_in_order():
    ingest, segmentation = lines(JOBS, {})
    assert (ingest.stage, ingest.jobs, ingest.heavy, ingest.cpu_h, ingest.gpu_h) == ("ingest", 3, 2, 16.0, 0)
    assert (segmentation.jobs, segmentation.cpu_h, segmentation.gpu_h) == (1, 192.0, 48.0)
    assert ingest.measured_jobs == segmentation.measured_jobs == 0


def test_measured_hours_are_the_mean_of_earlier_jobs_times_the_planned_ones(tmp_path):
    record(tmp_path, "convert_shard", 0, 1800, 3_000_000)
    record(tmp_path, "convert_shard", 1, 5400, 5_000_000)
    found = measure({"convert_shard", "merge_scans"}, tmp_path)
    assert found["convert_shard"] == Measured(1.0, 4e6) and found["merge_scans"] == Measured(None, None)
    assert lines(JOBS, found)[0].measured_h == 2.0 and lines(JOBS, found)[0].measured_jobs == 2


def test_a_job_that_came_from_the_store_says_nothing_about_time(tmp_path):
    record(tmp_path, "convert_shard", 0, 3600, 4_000_000)
    record(tmp_path, "convert_shard", 1, 1, 6_000_000, kept=True)
    assert measure({"convert_shard"}, tmp_path)["convert_shard"] == Measured(1.0, 5e6)


def test_records_that_are_broken_or_of_another_kind_are_passed_over(tmp_path):
    record(tmp_path, "convert_shard", 0, 3600, 4_000_000)
    for number, text in enumerate(["", "{", "[]", '{"rule": "x"}']):
        (tmp_path / f"work/records/convert_shard/x{number}.json").write_text(text)
    assert measure({"convert_shard"}, tmp_path)["convert_shard"] == Measured(1.0, 4e6)


def test_of_many_records_only_some_are_read_and_they_are_spread_over_all(tmp_path, monkeypatch):
    for number in range(1000):
        record(tmp_path, "convert_shard", f"{number:04d}", 3.6 * number, 2)
    seen = []
    real = expected._record
    monkeypatch.setattr(expected, "_record", lambda path: seen.append(int(path.stem)) or real(path))
    hours = measure({"convert_shard"}, tmp_path)["convert_shard"].hours
    assert len(seen) == expected.RECORDS_PER_RULE and seen == list(range(0, 1000, 50))
    assert hours == pytest.approx(475 * 1e-3)


def test_disk_is_measured_where_it_can_be_and_a_constant_per_scan_elsewhere():
    measured = {"convert_shard": Measured(None, 7e6)}
    total, by_measure, by_constant = disk_bytes(JOBS, measured, {"convert_shard": 50.0})
    assert (total, by_measure, by_constant) == (14e6, {"convert_shard"}, set())
    total, by_measure, by_constant = disk_bytes(JOBS, {}, {"convert_shard": 50.0})
    assert total == pytest.approx(2 * 50 * expected.MB_PER_SCAN["convert_shard"] * 1e6)
    assert (by_measure, by_constant) == (set(), {"convert_shard"})


def test_the_summary_names_limits_as_limits_and_warns_of_a_short_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(expected, "free_bytes", lambda folder: 1e9)
    text = describe(JOBS, {"convert_shard": Measured(0.5, 0.4e9)}, {}, tmp_path)
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines()[2:5]}
    assert rows["ingest"] == ["3", "2", "16", "0", "1.0"]
    assert rows["segmentation"] == ["1", "1", "192", "48", "-"]
    assert rows["total"] == ["4", "3", "208", "48", "1.0"]
    assert "time limits" in text and "for 2 of the 4 jobs" in text
    assert "about 0.8 GB (as earlier jobs of this study wrote), 1.0 GB free" in text and "WARNING" not in text
    assert "WARNING: that is not enough" in describe(JOBS, {"convert_shard": Measured(0.5, 0.6e9)}, {}, tmp_path)
    assert "can be said once" in describe(JOBS, {}, {}, tmp_path)


def told(*events, dry_run=True, summary=lambda: "the summary"):
    """What a logger with the handler says after records with these events."""
    log, said = logging.Logger("test"), []
    log.addHandler(DryRunSummary(lambda: dry_run, summary, log, quietness="progress"))
    said_to = logging.Handler()
    said_to.emit = lambda record: said.append((record.getMessage(), getattr(record, "quietness", None)))
    log.addHandler(said_to)
    for event in events:
        log.info("plan", extra={"event": event} if event else {})
    return [line for line in said if line[0] != "plan"]


def test_the_summary_is_said_once_after_the_second_plan_of_a_dry_run():
    assert told("run_info", "job_info", "run_info", None, "run_info") == [("the summary", "progress")]
    assert (
        told("run_info", "job_info")
        == told("job_info", "job_info")
        == told("run_info", "run_info", dry_run=False)
        == []
    )


def test_a_summary_that_fails_is_said_to_and_stops_nothing():
    def broken():
        raise OSError("no such disk")

    assert (
        told("run_info", "run_info", summary=broken)[0][0]
        == "What this run would cost is not known: OSError: no such disk"
    )
