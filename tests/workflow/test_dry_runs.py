"""The whole graph in every mode, without running a job; lint and formatting; wrong configs and sheets."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.snakemake_run import REPOSITORY, environment, snakemake

CENTERS = "center\trole\tdicom\tnifti\timage_pattern\tmasks\tmask_pattern\tmask_labels\ttable\n"
NIFTI = (
    "{name}\t{role}\t\t{name}\t{{patient}}_{{time_point}}.nii.gz\t{name}\t{{patient}}_{{time_point}}_m.nii.gz\t1=iph\t"
)


def own_study(directory: Path, **roles: str) -> dict:
    """Write a study of NIfTI centers without tables (empty folders); return its config."""
    directory.mkdir(exist_ok=True)
    for name in roles:
        (directory / name).mkdir()
    sheet = CENTERS + "\n".join(NIFTI.format(name=name, role=role) for name, role in roles.items()) + "\n"
    (directory / "my-centers.tsv").write_text(sheet)
    return {"centers": "my-centers.tsv", "columns": None}


def planned(done: subprocess.CompletedProcess) -> dict[str, int]:
    """Jobs per rule that a dry run announces."""
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (done.stdout + done.stderr).split("count\n", 1)[1].splitlines()[1:]
    rows = [line.split() for line in lines[: lines.index("")] if line.strip()]
    return {rule: int(count) for rule, count in rows}


@pytest.mark.parametrize(
    ("schemes", "splits"),
    [(["external"], 1), (["loco"], 3), (["cv"], 5), (["external", "loco", "cv"], 9)],
)
def test_dry_run_of_every_validation_scheme(tmp_path, schemes, splits):
    jobs = planned(snakemake(tmp_path, "-n", config={"validation": {"schemes": schemes}}))
    assert jobs["simulate_center"] == jobs["index_center"] == jobs["convert_shard"] == 5
    assert jobs["plan_segmentation"] == jobs["assemble_cohort"] == splits
    assert jobs["train_segmentation"] == 2 * splits
    external = "external" in schemes  # the other splits hold the three development centers only
    assert jobs["segment_shard"] == 5 * external + 3 * (splits - external)
    assert jobs["fit_model"] == 17 * splits
    assert jobs["fit_trajectory"] == 5 * splits


@pytest.mark.parametrize(
    ("target", "absent"),
    [
        ("ingest", {"plan_segmentation", "fit_model", "evaluate"}),
        ("segmentation", {"fit_model", "evaluate"}),
        ("expansion", {"evaluate", "write_report"}),
        ("outcome", {"evaluate", "write_report"}),
        ("explain", {"evaluate", "write_report"}),
        ("expansion_study", {"evaluate", "write_report"}),
        ("outcome_study", {"evaluate", "write_report"}),
        ("evaluation", {"write_report"}),
        ("validation", {"write_report"}),
        ("report", set()),
    ],
)
def test_a_named_stage_plans_what_it_needs_and_no_more(tmp_path, target, absent):
    jobs = planned(snakemake(tmp_path, target, "-n"))
    assert "convert_shard" in jobs and not absent & set(jobs)


def test_synthetic_cases_are_made_only_where_a_model_asks_for_them(tmp_path):
    one_split = {"validation": {"schemes": ["external"]}}
    assert not {"synthesize", "check_synthetic"} & set(planned(snakemake(tmp_path, "-n", config=one_split)))
    arm = {"kind": "vit", "balance": {"arm": "synthetic", "generator": "transplant", "ratio": "1:2"}}
    config = one_split | {"models": {"expansion": {"with_cases": arm}}}
    jobs = planned(snakemake(tmp_path, "expansion", "-n", config=config))
    assert jobs["synthesize"] == jobs["check_synthetic"] == 1 and "train_generator" not in jobs
    learned = {"expansion": {"with_cases": arm | {"balance": arm["balance"] | {"generator": "drawn"}}}}
    config = one_split | {"models": learned, "synthesis": {"generators": {"drawn": {"kind": "diffusion"}}}}
    assert planned(snakemake(tmp_path, "expansion", "-n", config=config))["train_generator"] == 1


def test_more_shards_make_more_jobs_only_where_scans_are_worked_on(tmp_path):
    jobs = planned(
        snakemake(tmp_path, "-n", config={"ingest": {"shards_per_center": 4}, "validation": {"schemes": ["external"]}})
    )
    assert jobs["convert_shard"] == jobs["segment_shard"] == 20
    assert jobs["index_center"] == jobs["select_center"] == 5


def test_a_study_of_nifti_centers_without_tables_plans_no_simulation(tmp_path):
    config = own_study(tmp_path / "study", north="development", south="external")
    jobs = planned(
        snakemake(tmp_path / "study", "segmentation", "-n", config=config | {"validation": {"schemes": ["external"]}})
    )
    assert "simulate_center" not in jobs and jobs["index_center"] == 2 and jobs["segment_shard"] == 2


def without_masks(directory: Path) -> None:
    """Take the masks out of the sheet of `own_study`."""
    sheet = (directory / "my-centers.tsv").read_text()
    (directory / "my-centers.tsv").write_text(re.sub(r"\t[^\t\n]*\t[^\t\n]*\t1=iph\t", "\t\t\t\t", sheet))


def write_bundle(folder: Path) -> None:
    """A bundle as far as planning looks at it: a description, and a file of weights beside it."""
    grid = {"spacing_mm": [5.0, 1.0, 1.0], "keep_slices": True, "clip_hu": [0, 100], "shift_hu": 0, "scale_hu": 25}
    description = {"format": "ichor-segmentation-model/2", "architecture": {}, "labels": ["iph", "edema"], "grid": grid}
    description |= {"patch_size": [8, 32, 32], "fold": None, "trained_on": [], "weights_sha256": "0"}
    folder.mkdir()
    (folder / "model.json").write_text(json.dumps(description))
    (folder / "model.safetensors").touch()


@pytest.mark.parametrize("masks", [True, False])
def test_with_a_bundle_nothing_is_planned_or_trained(tmp_path, masks):
    study = tmp_path / "study"
    config = own_study(study, north="development", south="external")
    if not masks:
        without_masks(study)
    write_bundle(study / "mine")
    config |= {"validation": {"schemes": ["external", "cv"]}, "segmentation": {"bundle": "mine"}}
    jobs = planned(snakemake(study, "segmentation", "-n", config=config))
    assert not {"plan_segmentation", "train_segmentation"} & set(jobs)
    assert jobs["segment_shard"] == jobs["measure_shard"] == 2 + 5  # every split's scans


def test_without_masks_the_bundle_that_comes_with_ichor_is_used_or_it_is_said_what_to_bring(tmp_path):
    study = tmp_path / "study"
    config = own_study(study, north="development", south="external") | {"validation": {"schemes": ["external"]}}
    without_masks(study)
    assert "convert_shard" in planned(snakemake(study, "ingest", "-n", config=config))
    done = snakemake(study, "segmentation", "-n", config=config)
    if (REPOSITORY / "workflow/bundles/phe-sich-40/model.json").is_file():
        jobs = planned(done)
        assert jobs["segment_shard"] == 2 and "train_segmentation" not in jobs
    else:
        assert done.returncode == 1 and "no development center brings reference masks" in done.stdout + done.stderr


def test_a_bundle_that_is_none_is_told_before_any_job(tmp_path):
    (tmp_path / "empty").mkdir()
    fails(tmp_path, {"segmentation": {"bundle": "nowhere"}}, "segmentation.bundle", "'nowhere'", "shipped")
    fails(tmp_path, {"segmentation": {"bundle": "empty"}}, "is no segmentation bundle", "model.safetensors")


def test_a_table_of_other_models_needs_no_cohort(tmp_path):
    (tmp_path / "theirs.tsv").write_text("task\n")
    done = snakemake(tmp_path, "evaluation", "-n", "--config", "predictions=theirs.tsv")
    assert planned(done) == {"evaluate": 1, "evaluation": 1, "total": 2}


def test_a_model_is_one_config_entry_and_null_takes_one_out(tmp_path):
    models = {"models": {"outcome": {"gcs_alone": {"kind": "logistic", "features": ["gcs"]}, "densenet": None}}}
    jobs = planned(snakemake(tmp_path, "outcome", "-n", config=models | {"validation": {"schemes": ["external"]}}))
    assert jobs["fit_model"] == 3


def fails(directory, config, *words):
    done = snakemake(directory, "-n", config=config)
    assert done.returncode == 1, done.stdout
    message = done.stdout + done.stderr
    assert "Traceback" not in message
    for word in words:
        assert word in message, message


def test_a_config_typo_is_named_with_file_key_and_what_was_meant(tmp_path):
    fails(tmp_path, {"segmentation": {"fold": 3}}, "study.yaml", "segmentation.fold", "did you mean folds")


def test_a_wrong_value_is_named_with_what_was_expected(tmp_path):
    fails(tmp_path, {"validation": {"schemes": ["exernal"]}}, "validation.schemes", "'exernal'", "external, loco, cv")


def test_no_external_center_is_told_before_any_job(tmp_path):
    config = own_study(tmp_path / "study", north="development", south="development")
    fails(tmp_path / "study", config | {"validation": {"schemes": ["external"]}}, "external", "centers", "loco")


def test_an_unknown_kind_of_model_is_told_before_any_job(tmp_path):
    fails(tmp_path, {"models": {"expansion": {"mine": {"kind": "vitt"}}}}, "vitt", "vit")


def test_a_missing_sheet_is_named(tmp_path):
    fails(tmp_path, {"centers": "no-such.tsv"}, "no-such.tsv", "no such file")


def test_the_shim_and_the_workflow_itself_plan_the_same(tmp_path):
    jobs = planned(snakemake(tmp_path, "-n"))
    again = planned(snakemake(tmp_path, "-n", "--snakefile", str(REPOSITORY / "workflow/Snakefile")))
    targets = {"default", "all", "total"}  # the only ones that may differ
    assert jobs["total"] > 40
    assert {rule: n for rule, n in jobs.items() if rule not in targets} == {
        rule: n for rule, n in again.items() if rule not in targets
    }


def test_lint_is_clean():
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint"], cwd=REPOSITORY, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0 and "Congratulations" in done.stderr + done.stdout, done.stdout + done.stderr


def test_every_rule_with_a_script_has_one_of_its_own_name():
    scripts = {path.stem for path in (REPOSITORY / "workflow/scripts").glob("*.py")}
    named = set()
    for file in (REPOSITORY / "workflow/rules").glob("*.smk"):
        rule = None
        for line in file.read_text().splitlines():
            if line.startswith("rule "):
                rule = line.removeprefix("rule ").rstrip(":")
            if line.strip() == "rule:":
                rule = None  # made in a loop, with a name that begins with its script's
            if "../scripts/" in line:
                script = Path(line.strip().strip('"')).stem
                assert rule == script or (rule is None and f'"{script}" if ' in file.read_text())
                named.add(script)
    assert scripts == named


@pytest.mark.parametrize("script", sorted((REPOSITORY / "workflow/scripts").glob("*.py")), ids=lambda path: path.stem)
def test_every_script_imports_without_snakemake(script):
    code = f"import runpy; runpy.run_path({str(script)!r}, run_name='imported')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment() | {"PYTHONPATH": str(REPOSITORY / "workflow")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
