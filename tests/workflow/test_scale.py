"""Planning of large studies, shards per center, listings of folders and the summary of a dry run: nothing is run."""

import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.snakemake_run import REPOSITORY, environment, snakemake

SUMMARY = "What this run would cost"


def placeholder(folder: Path, *arguments: str) -> Path:
    """Make a placeholder study; see benchmarks/placeholder_study.py."""
    command = [sys.executable, REPOSITORY / "benchmarks/placeholder_study.py", folder, *arguments]
    subprocess.run(command, env=environment(), check=True, capture_output=True, timeout=600)
    return folder


def plan(folder: Path, *arguments: str) -> str:
    """What a dry run of a placeholder study says."""
    done = snakemake(folder, "-n", "--quiet", "rules", *arguments, "--configfile", str(folder / "study.yaml"))
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def jobs(said: str) -> dict[str, int]:
    """Jobs per rule, {} if nothing is to be done."""
    found = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE)}
    assert found or "Nothing to be done" in said, said
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small finished study; tests work on copies."""
    folder = tmp_path_factory.mktemp("scale") / "finished"
    return placeholder(folder, "--scans", "40", "--centers", "3", "--scans-per-shard", "10", "--done")


@pytest.fixture
def study(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "study"))  # with all times, so that it is finished too


def test_ten_thousand_scans_plan_in_seconds_with_a_twentieth_of_the_jobs_of_one_rule_per_scan(tmp_path):
    folder = placeholder(tmp_path / "study", "--scans", "10000", "--centers", "50")
    plan(folder)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = jobs(plan(folder))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert found["index_center"] == found["harmonise_center"] == 50
    assert sum(n for rule, n in found.items() if rule.startswith("select_center")) == 50
    shards = [int(line.split("\t")[-1]) for line in (folder / "centers.tsv").read_text().splitlines()[1:]]
    assert found["convert_shard"] == found["segment_shard"] == sum(shards) == 103
    assert 20 * found["total"] <= 4 * 10_000  # index, convert, segment, predict
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert cpu_s < 15  # about 3 s; make bench measures, this catches what grows with the scans
    assert after.ru_maxrss < 500 * 1024


def test_each_center_has_the_shards_of_its_row_or_of_the_config(study):
    shutil.rmtree(study / "results")
    (study / "study.yaml").open("a").write("ingest: {shards_per_center: 2}\n")
    sheet = (study / "centers.tsv").read_text().splitlines()
    rows = [line.rsplit("\t", 1)[0] for line in sheet]
    for counts, expected in ((("shards", "1", "3", ""), 1 + 3 + 2), (("shards", "5", "5", "5"), 15)):
        text = "\n".join(f"{row}\t{count}" for row, count in zip(rows, counts, strict=True)) + "\n"
        (study / "centers.tsv").write_text(text)
        found = jobs(plan(study))
        assert found["convert_shard"] == found["segment_shard"] == expected
    (study / "centers.tsv").write_text("\n".join(rows) + "\n")  # a sheet without the column
    assert jobs(plan(study))["convert_shard"] == 6


def test_a_finished_study_has_nothing_to_do_and_no_costs(study):
    said = plan(study)
    assert not jobs(said) and SUMMARY not in said


def test_a_touched_scan_reruns_nothing_and_a_new_one_only_its_center(study):
    scans = study / "sources/center001/ct"
    next(scans.iterdir()).touch()
    assert not jobs(plan(study))
    (scans / "p999999_baseline.nii.gz").touch()
    found = jobs(plan(study))
    assert found["index_center"] == 1 and "harmonise_center" not in found
    assert found["convert_shard"] == 1  # the center has one shard
    assert jobs(plan(study)) == found  # also when asked again: a plan changes nothing


def test_other_shards_of_one_center_leave_its_index_and_the_other_centers_alone(study):
    sheet = (study / "centers.tsv").read_text()
    row = next(line for line in sheet.splitlines() if line.startswith("center001"))
    (study / "centers.tsv").write_text(sheet.replace(row, row.rsplit("\t", 1)[0] + "\t4"))
    found = jobs(plan(study))
    assert "index_center" not in found and found["select_center_into_4"] == 1
    assert found["convert_shard"] == 4


def test_a_study_that_was_moved_is_still_finished(study, tmp_path):
    study.rename(tmp_path / "moved")
    assert not jobs(plan(tmp_path / "moved"))


def test_a_dry_run_ends_with_what_the_run_would_cost(study):
    shutil.rmtree(study / "results")
    for arguments in ((), ("--profile", "slurm")):
        said = plan(study, *arguments)
        text = said.split(SUMMARY)
        assert len(text) == 2, said
        table = dict(re.findall(r"^(\w+) +(\d+ .*)$", text[1], re.MULTILINE))
        found = jobs(text[0])
        targets = sum(found.get(name, 0) for name in ("default", "all"))
        assert int(table["total"].split()[0]) == found["total"] - targets
        assert list(table)[:3] == ["ingest", "quality", "cohort"] and "GB free" in text[1] and "time limits" in text[1]


def test_nothing_but_a_dry_run_says_what_it_would_cost(study):
    for arguments in (("--summary",), ("--touch",), ("-n", "--quiet", "all", "rules", "progress"), ("--rulegraph",)):
        done = snakemake(study, *arguments, "--configfile", str(study / "study.yaml"))
        assert done.returncode == 0, done.stderr
        assert SUMMARY not in done.stdout + done.stderr, arguments
