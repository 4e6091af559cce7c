"""Scripts of one rule, run in a process of their own with an object like Snakemake's."""

import json
import subprocess
import sys

import pytest

SCRIPT = '''
"""Count the letters of a table's column."""
import json, sys
from pathlib import Path
from ichor.jobs.run import run
{imports}

given = json.loads(sys.argv[1])

class Named(dict):
    def __getattr__(self, name):
        return self[name]
    def __iter__(self):
        return iter(self.values())


class Snakemake:
    input = Named(text="in.txt", other=given["other"])
    output = Named(count="out/count.txt", folder="out/folder")
    params = Named(step=given["step"], code="x")
    wildcards = Named(center=given["center"])
    resources = Named()
    threads = given["threads"]
    log = ["logs/count.log"]
    config = {{"store": {{"use": given["use"], "folder": given["folder"]}}}}


def main(job):
    with open("ran.txt", "a") as ran:
        ran.write("ran\\n")
    Path("out/folder").mkdir(parents=True, exist_ok=True)
    Path("out/folder/a.txt").write_text("a")
    Path(job.output.count).write_text(str(job.params.step + len(Path(job.input.text).read_text().split()[0])))


if __name__ == "__main__":
    run(Snakemake(), main{more})
'''


@pytest.fixture
def study(tmp_path, repository):
    (tmp_path / "study").mkdir()
    (tmp_path / "study/in.txt").write_text("three tail")
    (tmp_path / "study/other.txt").write_text("other")

    def job(place="study", **changes):
        settings = dict(step=1, center="north", threads=1, use=True, folder=None, other="other.txt") | changes
        script = tmp_path / place / "count.py"
        text = {name: settings.pop(name, "") for name in ("imports", "more")}
        script.write_text(SCRIPT.format(**text))
        command = [sys.executable, script, json.dumps(settings)]
        environment = {"PYTHONPATH": str(repository / "workflow")}
        subprocess.run(command, cwd=tmp_path / place, env=environment, check=True)
        record = json.loads(
            (tmp_path / place / f"work/records/count/{changes.get('center', 'north')}.json").read_text()
        )
        return record, (tmp_path / place / "ran.txt").read_text().count("ran")

    return tmp_path, job


def test_the_same_job_is_done_once(study):
    folder, job = study
    assert job()[0]["kept"] is False
    (folder / "study/out/count.txt").unlink()
    record, runs = job()
    assert record["kept"] is True and runs == 1
    assert (folder / "study/out/count.txt").read_text() == "6"
    assert "taken from the store" in (folder / "study/logs/count.log").read_text()


@pytest.mark.parametrize(
    "change",
    [
        {"step": 2},
        {"center": "south"},
        {"threads": 2},
        {"imports": "import ichor.seeds"},
        {"imports": "import scipy"},
        {"use": False},
    ],
    ids=str,
)
def test_a_change_of_anything_that_matters_runs_the_job(study, change):
    _, job = study
    job()
    assert job(**change)[1] == 2


def test_comments_and_touched_files_change_nothing(study):
    folder, job = study
    job()
    (folder / "study/in.txt").touch()
    assert job(imports="# a comment")[1] == 1


def test_an_input_counts_by_content_and_not_by_its_place(study):
    folder, job = study
    job()
    (folder / "study/moved.txt").write_text("other")
    assert job(other="moved.txt")[1] == 1
    (folder / "study/in.txt").write_text("fourth tail")
    assert job()[1] == 2
    assert (folder / "study/out/count.txt").read_text() == "7"


def test_a_job_that_reads_a_part_of_a_file_depends_on_that_part(study):
    folder, job = study
    first = ', reads={"text": lambda job: Path("in.txt").read_text().split()[0]}'
    job(more=first)
    (folder / "study/in.txt").write_text("three other tail")
    assert job(more=first)[1] == 1
    (folder / "study/in.txt").write_text("threes other tail")
    assert job(more=first)[1] == 2


def test_undone_changes_are_taken_from_the_store(study):
    _, job = study
    job(step=1)
    job(step=2)
    record, runs = job(step=1)
    assert record["kept"] and runs == 2


def test_another_study_takes_from_a_shared_store_only(study):
    folder, job = study
    (folder / "twin").mkdir()
    for name in ("in.txt", "other.txt"):
        (folder / "twin" / name).write_text((folder / "study" / name).read_text())
    shared = str(folder / "shared")
    job(folder=shared)
    (folder / "twin/ran.txt").write_text("")
    record, runs = job("twin", folder=shared)
    assert record["kept"] and runs == 0
    assert (folder / "twin/out/folder/a.txt").read_text() == "a"
    (folder / "twin/out/folder/a.txt").write_text("edited")
    assert (folder / "study/out/folder/a.txt").read_text() == "a"
    assert job("twin")[1] == 1  # its own, empty store


def test_outputs_whose_other_files_are_gone_are_made_again(study):
    _, job = study
    job(more=", intact=lambda job: False")
    assert job(more=", intact=lambda job: False")[1] == 2


def test_a_job_that_reads_what_no_key_holds_always_runs(study):
    _, job = study
    job(more=", keep=False")
    record, runs = job(more=", keep=False")
    assert runs == 2 and record["kept"] is False


def test_the_record_says_what_was_read_and_made(study):
    _, job = study
    record, _ = job()
    assert record["rule"] == "count" and record["wildcards"] == {"center": "north"}
    assert set(record["inputs"]) == {"in.txt", "other.txt"}
    assert set(record["outputs"]) == {"out/count.txt", "out/folder"}
    assert record["outputs"]["out/count.txt"]["bytes"] == 1
    assert {"script", "ichor.jobs.run", "ichor.jobs.store"} <= set(record["code"])
    assert record["started"] <= record["ended"] and record["seconds"] >= 0
    assert record["machine"]["cores"] >= 1 and "host" not in record["machine"]
