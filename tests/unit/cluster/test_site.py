import pytest

from ichor.cluster.site import (
    GPUS,
    PARTITIONS,
    Site,
    gpus_per_job,
    partitions_file,
    read_site,
    refuse_job_arrays,
    refuse_more_gpus_than_a_node_has,
)
from ichor.errors import StudyError


def site(tmp_path, text):
    file = tmp_path / "partitions.yaml"
    file.write_text(text)
    return read_site(file)


def test_the_file_that_is_delivered(repository):
    found = read_site(repository / "profiles/slurm/partitions.yaml")
    assert found == Site(gpus=4, memory_mb=64000, minutes=2880, gpu_memory_mb=64000, gpu_minutes=2880)


def test_the_largest_limits_count_and_one_partition_without_a_limit_is_no_limit(tmp_path):
    text = "partitions:\n  a: {max_runtime: 90, max_mem_mb: 10}\n  b: {max_runtime: 12h, max_mem_mb: 30}\n"
    assert site(tmp_path, text) == Site(memory_mb=30, minutes=720)
    assert site(tmp_path, text + "  c: {max_gpu: 2}\n") == Site(gpus=2)


@pytest.mark.parametrize(
    ("written", "minutes"),
    [("90", 90), ("12h", 720), ("2d", 2880), ("2d12h30m", 3630), ("1-12:00:00", 2160), ("1-12", 2160),
     ("'12:30:00'", 750), ("'90'", 90)],
)  # fmt: skip
def test_times_as_slurm_and_snakemake_write_them(tmp_path, written, minutes):
    from snakemake_executor_plugin_slurm.utils import parse_time_to_minutes

    assert site(tmp_path, f"partitions: {{a: {{max_runtime: {written}}}}}").minutes == minutes
    assert parse_time_to_minutes(written.strip("'")) == minutes  # the executor reads the same file


def test_account_and_model_of_the_gpu(tmp_path):
    found = site(tmp_path, "partitions: {a: {}}\nichor: {account: 123, gpu_model: a100}\n")
    assert (found.account, found.gpu_model) == ("123", "a100")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("partitions: [a]", ["partitions.yaml", "no partitions"]),
        ("a: 1", ["no partitions"]),
        ("partitions: {a: }", ["partition a", "{}"]),
        ("partitions: {a: {max_mem_mb: much}}", ["partition a", "max_mem_mb", "'much'", "whole number"]),
        ("partitions: {a: {max_runtime: 2x}}", ["max_runtime", "'2x'", "12h"]),
        ("partitions: {a: {}}\nichor: {acount: x}", ["acount", "account, gpu_model"]),
        ("partitions: {a: {", ["not YAML"]),
    ],
)
def test_a_wrong_file_is_explained(tmp_path, text, words):
    with pytest.raises(StudyError) as error:
        site(tmp_path, text)
    assert all(word in str(error.value) for word in words), error.value


def test_a_missing_file_is_explained(tmp_path):
    with pytest.raises(StudyError, match="no such partitions file"):
        read_site(tmp_path / "none.yaml")


def test_job_arrays_are_refused_with_the_reason():
    refuse_job_arrays(None)
    with pytest.raises(StudyError, match="reported as finished.*deletes"):
        refuse_job_arrays("all")


def test_the_named_file_wins_over_the_environment_and_that_over_the_delivered_one(tmp_path, monkeypatch):
    delivered = tmp_path / "delivered.yaml"
    monkeypatch.setenv(PARTITIONS, "")
    assert partitions_file(None, tmp_path / "run", delivered) == delivered
    monkeypatch.setenv(PARTITIONS, "ours.yaml")
    assert partitions_file(None, tmp_path / "run", delivered) == tmp_path / "run/ours.yaml"
    assert partitions_file("theirs.yaml", tmp_path / "run", delivered) == tmp_path / "run/theirs.yaml"
    assert partitions_file(None, tmp_path / "elsewhere", delivered) == tmp_path / "run/theirs.yaml", "absolute by now"


@pytest.mark.parametrize(
    ("device", "there", "gpus"),
    [("cpu", True, 0), ("cuda", False, 1), ("auto", True, 1), ("auto", False, 0)],
)
def test_the_run_decides_and_its_jobs_are_told(monkeypatch, device, there, gpus):
    monkeypatch.setenv(GPUS, "7")
    compute = {"device": device, "gpus_per_training": 3, "precision": "32"}
    assert gpus_per_job(**compute, there=there, decide=True) == gpus
    assert gpus_per_job(**compute, there=not there, decide=False) == gpus


@pytest.mark.parametrize(
    ("device", "of_a_node", "refused"),
    [("auto", 4, True), ("cuda", 4, True), ("cpu", 4, False), ("auto", 8, False), ("auto", 0, False)],
)
def test_a_training_of_more_gpus_than_a_node_has_is_refused_before_any_job(device, of_a_node, refused):
    compute = {"device": device, "gpus_per_training": 8, "precision": "32"}
    if not refused:
        refuse_more_gpus_than_a_node_has(Site(gpus=of_a_node), **compute)
        return
    with pytest.raises(StudyError, match="gpus_per_training is 8, but no partition has nodes with more than 4 GPUs"):
        refuse_more_gpus_than_a_node_has(Site(gpus=of_a_node), **compute)
