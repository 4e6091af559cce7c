import getpass
import hashlib
import json
import socket
from datetime import UTC, datetime

import pytest

from ichor import __version__, provenance
from ichor.errors import StudyError


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
