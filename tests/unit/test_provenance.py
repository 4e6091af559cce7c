import getpass
import hashlib
import json
import socket
from datetime import UTC, datetime

import pytest

from ichor import __version__, provenance
from ichor.errors import StudyError
from ichor.jobs.record import write_record


@pytest.fixture
def study(tmp_path):
    (tmp_path / "results/b").mkdir(parents=True)
    (tmp_path / "results/b/two.tsv").write_text("2")
    (tmp_path / "results/one.tsv").write_text("1")
    (tmp_path / "sheet.tsv").write_text("s")
    return tmp_path


def collect(study, **given):
    given = dict(inputs=["sheet.tsv"], outputs=["results"], config={"seed": 5}, seed=5) | given
    return provenance.collect(study, **given)


def test_files_are_named_relative_with_size_and_hash_in_order(study):
    record = collect(study, outputs=[study / "results/one.tsv", "results"])
    assert [f["path"] for f in record["outputs"]] == ["results/b/two.tsv", "results/one.tsv"]
    assert record["outputs"][1] == {"path": "results/one.tsv", "bytes": 1, "sha256": hashlib.sha256(b"1").hexdigest()}
    assert record["ichor"] == __version__ and record["seed"] == 5 and "numpy" in record["packages"]


def test_a_file_that_is_not_there_has_no_hash_but_a_reason(study):
    (entry,) = collect(study, inputs=["gone.tsv"])["inputs"]
    assert entry == {"path": "gone.tsv", "bytes": None, "sha256": None, "reason": "not there"}


def test_nothing_tells_who_or_where(study):
    config = {
        "key_file": str(study / "secret.key"),
        "tables": ["~/mine/a.csv", r"C:\Users\me\b.csv", "config/c.tsv"],
        "n": 3,
    }
    text = json.dumps(collect(study, config=config, inputs=[study / "sheet.tsv", "/etc/hostname"]))
    assert str(study) not in text and "/etc" not in text and "~" not in text and "Users" not in text
    for name in (socket.gethostname(), getpass.getuser()):
        assert f'"{name}"' not in text and f"/{name}" not in text and f"{name}@" not in text
    kept = json.loads(text)["config"]
    assert kept == {"key_file": "…/secret.key", "tables": ["…/a.csv", "…/b.csv", "config/c.tsv"], "n": 3}


def test_two_outside_files_of_one_name_are_both_listed(study, tmp_path_factory):
    outside = [tmp_path_factory.mktemp(name) / "records.csv" for name in "ab"]
    for i, path in enumerate(outside):
        path.write_text(str(i))
    found = collect(study, inputs=outside)["inputs"]
    assert [f["path"] for f in found] == ["…/records.csv", "…/records.csv (2)"]
    assert len({f["sha256"] for f in found}) == 2


def test_same_content_same_record_but_for_the_times(study):
    first, second = collect(study), collect(study, started=datetime(2026, 1, 2, 3, tzinfo=UTC))
    assert second["started"] == "2026-01-02T03:00:00+00:00" and first["started"] is None
    for record in (first, second):
        del record["started"], record["written"]
    assert json.dumps(first) == json.dumps(second)
    assert list(first["packages"]) == sorted(first["packages"], key=str.lower)


def test_written_json_is_read_back_and_refuses_what_is_not_json(study):
    path = study / "results/provenance.json"
    record = collect(study)
    provenance.write(path, record)
    assert json.loads(path.read_text()) == record and not list(path.parent.glob("*.part"))
    with pytest.raises(ValueError):
        provenance.write(path, {"x": float("nan")})
    assert json.loads(path.read_text()) == record


def test_a_start_without_time_zone_is_refused(study):
    with pytest.raises(StudyError, match="time zone"):
        collect(study, started=datetime(2026, 1, 1))


def job(rule, inputs, outputs, **given):
    """A job's record, with made hashes: {path: letter}."""
    made = dict(
        rule=rule,
        wildcards={},
        key="k",
        kept=False,
        started="2026-01-02T03:04:05+00:00",
        ended="2026-01-02T03:05:05+00:00",
        seconds=60.0,
        peak_memory_mb=100.0,
        machine={"cores": 2},
        threads=1,
        slurm_job_id=None,
        code={"script": "c"},
        params={"seed": 5},
        read={},
        inputs=inputs,
        outputs={path: {"sha256": letter, "bytes": 1} for path, letter in outputs.items()},
        packages={"numpy": "2"},
        python="3.11.2",
    )
    return made | given


def test_jobs_are_those_that_made_the_outputs_in_any_number_of_steps(study):
    write_record(job("measure", {"work/images/7/scan.nii": "b"}, {"results/one.tsv": "c"}), study)
    write_record(job("convert", {"sheet.tsv": "a"}, {"work/images/7": "b"}, started="2026-01-01T00:00:00+00:00"), study)
    write_record(job("old_model", {"work/images/7": "b"}, {"results/gone.tsv": "d"}), study)
    record = collect(study, outputs=["results/one.tsv"])
    assert [found["rule"] for found in record["jobs"]] == ["convert", "measure"]
    assert record["started"] == "2026-01-01T00:00:00+00:00"
    assert record["jobs"][0]["outputs"] == {"work/images/7": {"sha256": "b", "bytes": 1}}


def test_jobs_tell_neither_who_nor_where_and_nothing_that_is_not_on_the_list(study):
    inputs = {str(study / "a/scan.nii"): "1", "/elsewhere/b/scan.nii": "2"}
    params = {"center": {"dicom": "/archive/jane/ct"}, "n": 3}
    write_record(job("convert", inputs, {"results/one.tsv": "c"}, params=params, host="node7", user="jane"), study)
    (found,) = provenance.unshare(collect(study, outputs=["results/one.tsv"]))
    assert found["inputs"] == {"…/scan.nii": "1", "…/scan.nii (2)": "2"}
    assert found["params"] == {"center": {"dicom": "…/ct"}, "n": 3}
    text = json.dumps(found)
    assert "node7" not in text and "jane" not in text and str(study) not in text


def test_code_and_packages_of_many_jobs_are_written_once_and_come_back():
    jobs = [
        job("fit", {}, {}, code={"script": "1", "ichor.a": "2"}, wildcards={"model": "a"}),
        job("fit", {}, {}, code={"script": "1", "ichor.b": "3"}, wildcards={"model": "b"}),
        job("fit", {}, {}, code={"script": "1", "ichor.a": "2"}, wildcards={"model": "c"}),
    ]
    shared = provenance.share(jobs)
    assert list(shared["shared"]["code"]) == ["fit", "fit (2)"] and len(shared["shared"]["packages"]) == 1
    assert [found["code"] for found in shared["jobs"]] == ["fit", "fit (2)", "fit"]
    assert provenance.unshare(json.loads(json.dumps(shared))) == jobs
    assert provenance.unshare({}) == []
