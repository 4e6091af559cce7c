import subprocess
import sys

import pytest

from ichor.cluster import orphans
from ichor.jobs.record import write_record

SNAKEFILE = """
rule all:
    input: "results/a.tsv", "results/{}/b"
rule a:
    output: "results/a.tsv"
    shell: "echo a > {{output}}"
rule b:
    output: directory("results/{}/b")
    shell: "mkdir -p {{output}} && touch {{output}}/1"
"""


def finished(study, rule, *outputs):
    """Outputs of a job with its record, as a job leaves them that no Snakemake looks at."""
    for output in outputs:
        (study / output).parent.mkdir(parents=True, exist_ok=True)
        if not (study / output).exists():
            (study / output).write_text("made\n")
    recorded(study, rule, *outputs)


def recorded(study, rule, *outputs):
    """Record of a job that ends now."""
    write_record({"rule": rule, "wildcards": {}, "outputs": {output: {} for output in outputs}}, study)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study with two jobs that Snakemake itself saw the end of; one has a path too long for one file name."""
    folder = tmp_path_factory.mktemp("study")
    deep = "/".join(["folder-with-a-long-name" * 3] * 4)
    (folder / "Snakefile").write_text(SNAKEFILE.format(deep, deep))
    recorded(folder, "a", "results/a.tsv")
    recorded(folder, "b", f"results/{deep}/b")
    subprocess.run([sys.executable, "-m", "snakemake", "--cores", "1", "-q", "all"], cwd=folder, check=True)
    return folder


def test_outputs_that_snakemake_knows_are_not_in_doubt(study):
    assert list(orphans.in_doubt(study)) == []


def test_outputs_with_a_record_and_no_metadata_are_deleted_files_and_folders(study):
    (study / "results/d").mkdir()
    (study / "results/d/1").touch()
    finished(study, "c", "results/c.tsv", "results/d")
    (study / "work/checkpoint.pt").touch()
    assert orphans.take_up(study, slurm=False) == [study / "results/c.tsv", study / "results/d"]
    assert not (study / "results/c.tsv").exists() and not (study / "results/d").exists()
    assert (study / "results/a.tsv").exists() and (study / "work/checkpoint.pt").exists()
    assert orphans.take_up(study, slurm=False) == []


def test_outputs_that_were_made_since_snakemake_wrote_its_metadata_are_in_doubt(study):
    recorded(study, "a", "results/a.tsv")
    assert list(orphans.in_doubt(study)) == [study / "results/a.tsv"]


def test_only_waiting_and_running_jobs_of_this_study_are_its_orphans(tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(tmp_path)
    rows = [
        f"1|RUNNING|{tmp_path}|rule_index_center_wildcards_north",
        f"2|PENDING|{tmp_path / 'link'}|rule_evaluate",
        f"3|RUNNING|{tmp_path}/other|rule_evaluate",
        f"4|RUNNING|{tmp_path}|(null)",
        f"5|RUNNING|{tmp_path}|rule_a_job_of_ours",
    ]
    monkeypatch.setenv("SLURM_JOB_ID", "5")
    assert list(orphans._rows("\n".join(rows) + "\n", tmp_path)) == [
        orphans.SlurmJob("1", "RUNNING", "index_center north"),
        orphans.SlurmJob("2", "PENDING", "evaluate"),
    ]
