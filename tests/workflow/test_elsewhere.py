"""The workflow away from a clone of one's own: read-only, without network, and as a module of another workflow."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml
from tests.snakemake_run import REPOSITORY, environment
from tests.unit.dicom.phantom_series import head_hu
from tests.workflow.test_dry_runs import planned

from ichor import provenance, tables

CENTERS = {
    "center": "north",
    "role": "development",
    "nifti": "scans",
    "image_pattern": "{patient}_{time_point}.nii.gz",
    "masks": "masks",
    "mask_pattern": "{patient}_{time_point}.nii.gz",
    "mask_labels": "1=iph",
}
OWN_RULES = """
configfile: "config.yaml"


module ichor:
    snakefile:
        "{clone}/workflow/Snakefile"
    config:
        {config}


use rule * from ichor as ichor_*


use rule convert_shard from ichor as ichor_convert_shard with:
    threads: 2


onstart:
    ichor.run_lock.remember_owner(ichor.EXECUTOR)


rule all:
    default_target: True
    input:
        "results/volumes.tsv",


rule volumes:
    input:
        scans=rules.ichor_merge_scans.output.scans,
    output:
        "results/volumes.tsv",
    script:
        "volumes.py"


rule ingest:
    input:
        rules.ichor_ingest.input,
"""
OWN_SCRIPT = """
from pathlib import Path

rows = Path(snakemake.input.scans).read_text().splitlines()
Path(snakemake.output[0]).write_text(f"{len(rows) - 1}\\n")
"""


def write_study(folder: Path) -> dict:
    """Two patients of one NIfTI center; return the config."""
    for name in ("scans", "masks"):
        (folder / name).mkdir(parents=True)
    spacing, shape = np.array([3.0, 3.0, 5.0]), (72, 84, 34)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -spacing * (np.array(shape) - 1) / 2
    points = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1) @ affine[:3, :3].T + affine[:3, 3]
    hu = head_hu(points * [-1, -1, 1])  # the head is defined in LPS, NIfTI is RAS
    for number, patient in enumerate("ab"):
        noisy = hu + np.random.default_rng(number).normal(0, 3, shape)
        nib.save(nib.Nifti1Image(noisy.astype(np.int16), affine), folder / f"scans/{patient}_baseline.nii.gz")
        nib.save(nib.Nifti1Image((hu == 70).astype(np.uint8), affine), folder / f"masks/{patient}_baseline.nii.gz")
    header = tables.columns("centers")
    (folder / "centers.tsv").write_text(
        "\t".join(header) + "\n" + "\t".join(CENTERS.get(name, "") for name in header) + "\n"
    )
    config = {"centers": "centers.tsv", "columns": None, "validation": {"schemes": ["cv"], "folds": 2}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return config


def run(folder: Path, *command: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    """Run Snakemake in a folder that is not the clone."""
    command = [*prefix, sys.executable, "-m", "snakemake", "--cores", "2", *command]
    env = environment() | {"XDG_CACHE_HOME": str(folder / "cache"), "HOME": str(folder / "home")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=600)


def check(done: subprocess.CompletedProcess) -> str:
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return done.stdout + done.stderr


def content(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder below one -> (size, time of change)."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
    }


def two_scans(folder: Path) -> bool:
    return len(tables.read("scans", folder / "results/scans.tsv")) == 2


@pytest.fixture
def study(tmp_path) -> Path:
    write_study(tmp_path / "study")
    return tmp_path / "study"


@pytest.fixture
def clone(tmp_path):
    """A clone without a write permission anywhere."""
    folder = tmp_path / "clone"
    leave = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("workflow", "config", "profiles", "envs"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=leave)
    shutil.copy(REPOSITORY / "Snakefile", folder)
    subprocess.run(["chmod", "-R", "a-w", str(folder)], check=True)
    yield folder
    subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)


@pytest.fixture
def unprivileged(clone) -> tuple[str, ...]:
    """Command prefix under which file permissions count: for root, who passes over them, without that capability."""
    prefix = ()
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root ignores permissions, and there is no setpriv to give that up")
        prefix = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner")
    done = subprocess.run([*prefix, "touch", str(clone / "workflow/probe")], capture_output=True)
    if done.returncode == 0:
        pytest.fail("the clone can be written to; this test would prove nothing")
    return prefix


@pytest.fixture
def without_network() -> tuple[str, ...]:
    """Command prefix of a network namespace with nothing but its own, closed, loopback."""
    for prefix in (("unshare", "-n"), ("unshare", "-rn")):
        done = subprocess.run([*prefix, "cat", "/proc/net/dev"], capture_output=True, text=True)
        if done.returncode == 0:
            assert [line.split(":")[0].strip() for line in done.stdout.splitlines()[2:]] == ["lo"]
            return prefix
    pytest.skip("this machine does not let its users make a network namespace")


def test_a_read_only_clone_plans_and_runs_and_nothing_is_written_into_it(clone, study, unprivileged):
    before = content(clone)
    snakefile = ("--snakefile", str(clone / "Snakefile"))
    demo = run(study, *snakefile, "--directory", str(study.parent / "demo"), "-n", prefix=unprivileged)
    assert planned(demo)["simulate_center"] == 5
    assert f"{clone}/profiles/default" in check(demo)  # found beside the Snakefile, wherever one is
    check(run(study, "ingest", *snakefile, "--configfile", "config.yaml", prefix=unprivileged))
    assert two_scans(study)
    assert content(clone) == before


def test_nothing_is_fetched_at_run_time(study, without_network):
    snakefile = ("--snakefile", str(REPOSITORY / "Snakefile"))
    done = run(study, *snakefile, "--configfile", "config.yaml", "-n", prefix=without_network)
    assert planned(done)["train_segmentation"] == 4
    check(run(study, "ingest", *snakefile, "--configfile", "config.yaml", prefix=without_network))
    assert two_scans(study)


@pytest.mark.parametrize("part", ["config", 'config["bleeds"]'])
def test_another_workflow_uses_this_one_as_a_module(study, part):
    """With its own rules, one of the same name as ours, and our config as the whole of its own or as one key of it."""
    (study / "Snakefile").write_text(OWN_RULES.format(clone=REPOSITORY, config=part))
    (study / "volumes.py").write_text(OWN_SCRIPT)
    if part != "config":
        config = yaml.safe_load((study / "config.yaml").read_text())
        (study / "config.yaml").write_text(yaml.safe_dump({"bleeds": config, "theirs": {"setting": 1}}))
    plan = run(study, "-n", "ichor_all", "all")
    jobs = planned(plan)
    assert jobs["ichor_train_segmentation"] == 4 and jobs["ichor_write_report"] == jobs["volumes"] == 1
    assert "not present in the Snakefile" not in check(plan)
    check(run(study))
    assert two_scans(study) and (study / "results/volumes.tsv").read_text() == "2\n"
    assert (study / "work/run.json").is_file()
    rest = {"ichor_merge_patients", "ichor_bids_center", "ichor_quality_shard", "ichor_quality_page"}
    assert planned(run(study, "-n", "ingest")).keys() == {*rest, "ingest", "total"}
    assert "Nothing to be done" in check(run(study, "-n"))


def test_a_module_says_what_is_wrong_with_its_config(study):
    (study / "Snakefile").write_text(OWN_RULES.format(clone=REPOSITORY, config='config | {"sed": 1}'))
    (study / "volumes.py").write_text(OWN_SCRIPT)
    done = run(study, "-n")
    assert done.returncode == 1 and "sed; did you mean seed?" in done.stdout + done.stderr


TABLE = "results/predictions/outcome/logistic/external.parquet"


def write_run(folder: Path, *probabilities: float) -> None:
    """A finished run, as far as `snakemake verify` looks: one table of predictions and the provenance file."""
    about = dict(task="outcome", target="poor_outcome", model="logistic", split="external", center="north", role="test")
    rows = [
        about | dict(patient=f"p{number}", time="baseline", label=0, probability=value, seed=0)
        for number, value in enumerate(probabilities)
    ]
    tables.write("predictions", tables.frame("predictions", rows), folder / TABLE)
    record = provenance.collect(folder, inputs=[], outputs=[TABLE], config={"seed": 1}, seed=1)
    provenance.write(folder / "results/provenance.json", record)


def verify(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    snakefile = ("--snakefile", str(REPOSITORY / "Snakefile"))
    return run(folder, "verify", "--allowed-rules", "verify", *snakefile, *arguments)


def test_verify_compares_two_finished_runs_and_prints_the_result(tmp_path):
    write_run(tmp_path / "here", 0.1, 0.2, 0.3)
    write_run(tmp_path / "there", 0.1, 0.25, 0.3)
    text = check(verify(tmp_path / "here", "--config", "other=../there"))
    assert "equal: 0 of 1 prediction tables" in text and "max_abs_difference: 0.05" in text
    found = tables.read("verification", tmp_path / "here/results/verification.tsv")
    row = found[(found["subject"] == "predictions") & (found["quantity"] == "max_abs_difference")].iloc[0]
    assert row["difference"] == pytest.approx(0.05) and row["verdict"] == "unexplained"
    assert f"NOT EXPLAINED: {TABLE}" in text


def test_verify_says_what_it_needs(tmp_path):
    write_run(tmp_path / "here", 0.1)
    for arguments, words in [
        ((), "snakemake verify --config other="),
        (("--config", "other=../here"), "this study itself"),
        (("--config", "other=../nowhere"), "found no file"),
    ]:
        done = verify(tmp_path / "here", *arguments)
        assert done.returncode == 1, words
        assert words in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
