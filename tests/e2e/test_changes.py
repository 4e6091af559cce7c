"""The table of changes in docs/explanation/reruns.md, row by row, on a finished study."""

import os
import re

import pytest
import yaml
from tests.e2e.small_study import SMALL
from tests.snakemake_run import REPOSITORY, snakemake

PAGE = (REPOSITORY / "docs/explanation/reruns.md").read_text()
HEAVY = {"simulate_center", "convert_shard", "train_segmentation", "segment_shard", "fit_model", "predict_model"}
HEAVY |= {"fit_trajectory", "predict_trajectory"}
ALWAYS = {"write_provenance", "write_report"}  # follow every change of the config


def rows():
    """Change, rules that run of themselves, heavy rules that follow."""
    table = PAGE.split("| change | runs of itself |")[1].split("\n\n")[0]
    for line in table.splitlines()[2:]:
        change, first, heavy = (cell.strip() for cell in line.strip("|").split("|"))
        yield change.strip("`"), set(re.findall(r"`(\w+)`", first)), set(re.findall(r"`(\w+)`", heavy))


def merged(base, change):
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    return base | {key: merged(base.get(key), value) for key, value in change.items()}


def plan(study, change, tmp_path):
    """Rules that run of themselves, and all that are planned, as a dry run says."""
    file = tmp_path / "changed.yaml"
    file.write_text(yaml.safe_dump(merged(SMALL, change)))
    done = snakemake(study, "-n", "--configfile", str(file), "--config", "explain=true")
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-3000:]
    own = set(re.findall(r"^  (\w+)[^\n]* \(last run", text, re.M))
    new = re.search(r"Never done here: (.*)\.", text)
    own |= set(re.findall(r"(\w+)(?: \(\d+\))?(?:, |$)", new.group(1))) if new else set()
    follows = re.search(r"What follows from it: (.*)\.", text)
    every = own | (set(re.findall(r"([a-z_]+)(?: \(\d+\))?(?:, |$)", follows.group(1))) if follows else set())
    return own - ALWAYS, every - ALWAYS


def test_the_table_has_every_section_of_the_config():
    named = {next(iter(yaml.safe_load(change))) for change, _, _ in rows()}
    sections = set(yaml.safe_load((REPOSITORY / "config/config.yaml").read_text()))
    assert sections - named == {"centers", "columns", "course_columns", "predictions", "other", "explain", "privacy"}


@pytest.mark.parametrize(
    ("change", "first", "heavy"), list(rows()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_change_plans_what_the_table_says(study, tmp_path, change, first, heavy):
    own, every = plan(study, yaml.safe_load(change), tmp_path)
    assert own == first
    assert every & HEAVY == (first & HEAVY) | heavy


def test_the_dry_run_says_why_in_words(study, tmp_path):
    file = tmp_path / "changed.yaml"
    file.write_text(yaml.safe_dump(merged(SMALL, {"segmentation": {"budget": {"epochs": 21}}})))
    target = "results/predictions/outcome/densenet/external.parquet"
    done = snakemake(study, "-n", target, "--configfile", str(file), "--config", "explain=true")
    text = done.stdout + done.stderr
    assert "train_segmentation external 0 (last run" in text
    assert "setting budget.epochs: 20 before, 21 now" in text
    assert "What follows from it: segment_shard" in text and "write_report" not in text.split("What follows")[1]


def test_a_touched_table_and_a_moved_study_plan_nothing(study, tmp_path_factory):
    touched = [study / "results/scans.tsv", *study.glob("results/records/*.tsv")]
    times = [path.stat() for path in touched]
    for path in touched:
        path.touch()
    moved = study.with_name(f"{study.name}-moved")
    study.rename(moved)
    done = snakemake(moved, "-n", config=SMALL)
    moved.rename(study)
    for path, before in zip(touched, times, strict=True):  # other tests plan on this study, too
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "Nothing to be done" in done.stdout + done.stderr, (done.stdout + done.stderr)[-3000:]
