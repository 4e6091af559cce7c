import re
from types import SimpleNamespace

import pytest

from ichor.cluster.limits import LEAST_MEMORY_MB, NEEDS, Need, memory_mb, minutes, processes_of, resources, size_mb
from ichor.cluster.site import Site

TABLE = Need(memory_mb=2000, minutes=30, of=("cohort",), usual_mb=10.0, memory_grows=True)


def test_memory_and_time_double_with_each_attempt():
    assert [memory_mb(TABLE, attempt, 0.0, None) for attempt in (1, 2, 3)] == [2000, 4000, 8000]
    assert [minutes(TABLE, attempt, 0.0, None) for attempt in (1, 2, 3)] == [30, 60, 120]


def test_they_grow_in_proportion_with_inputs_beyond_the_usual_size_and_not_below():
    assert [memory_mb(TABLE, 1, size, None) for size in (0.0, 10.0, 25.0)] == [2000, 2000, 5000]
    assert [minutes(TABLE, 2, size, None) for size in (0.0, 10.0, 25.0)] == [60, 60, 150]
    steady = Need(memory_mb=2000, minutes=30, usual_mb=10.0)
    assert memory_mb(steady, 1, 25.0, None) == 2000 and minutes(steady, 1, 25.0, None) == 75


def test_no_attempt_asks_for_more_than_a_partition_has_nor_for_less_than_snakemake_needs():
    assert memory_mb(TABLE, 5, 100.0, 6000) == 6000 and minutes(TABLE, 5, 100.0, 1440) == 1440
    assert memory_mb(Need(memory_mb=10, minutes=1), 1, 0.0, None) == LEAST_MEMORY_MB


def job(tmp_path, size=0):
    table = tmp_path / "cohort.tsv"
    table.write_bytes(b"x" * size)
    return SimpleNamespace(cohort=str(table), model="not-there-yet")


def test_resources_of_a_rule_depend_on_wildcards_input_and_attempt(tmp_path):
    site = Site(gpus=4, memory_mb=100_000, minutes=2880, gpu_memory_mb=20_000, gpu_minutes=900)
    found = resources(lambda wildcards: f"fit_{wildcards.family}", site, gpus=1)
    network, tabular = SimpleNamespace(family="network"), SimpleNamespace(family="tabular")
    assert found["gpu"](network) == 1 and found["gpu"](tabular) == 0
    assert found["mem_mb"](network, job(tmp_path), 1) == 16000
    assert found["mem_mb"](network, job(tmp_path), 2) == 20_000  # the GPU partition has no more
    assert found["mem_mb"](tabular, job(tmp_path, 20_000_000), 2) == 8000
    assert found["runtime"](network, job(tmp_path), 2) == 900
    assert found["runtime"](tabular, job(tmp_path), 2) == 60
    assert set(found) == {"mem_mb", "runtime", "gpu"}


def test_without_a_gpu_anywhere_no_job_asks_for_one(tmp_path):
    found = resources("train_segmentation", Site(), gpus=0)
    assert found["gpu"](None) == 0 and found["mem_mb"](None, job(tmp_path), 1) == 16000


def test_what_a_site_names_is_asked_for_the_model_of_the_gpu_by_gpu_jobs_only():
    found = resources("train_segmentation", Site(gpus=1, account="p1", gpu_model="a100"), gpus=1)
    assert found["slurm_account"] == "p1" and found["gpu_model"](None) == "a100"
    assert resources("convert_shard", Site(gpus=1, gpu_model="a100"), gpus=1)["gpu_model"](None) is None


def test_sizes_of_files_that_are_not_there_yet_count_nothing(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 1500)
    assert size_mb([tmp_path / "a", tmp_path / "b", tmp_path]) == pytest.approx(0.0015)


def test_every_rule_with_a_script_is_either_local_or_has_a_need(repository):
    asked = set()
    for file in (repository / "workflow/rules").glob("*.smk"):
        for rule in re.split(r"^ *rule\b.*:$", file.read_text(), flags=re.M)[1:]:
            script = re.search(r"scripts/(\w+)\.py", rule)
            needs = re.search(r"\*\*needs(?:_of_\w+)?\(\"(\w+)\"\)", rule)
            assert not script or ("localrule: True" in rule) == (needs is None), f"{file.name}: {script[1]}"
            asked |= {needs[1]} if needs else set()
    families = ("network", "tabular", "sequence", "landmark", "text")
    models = {f"{step}_{family}" for step in ("fit", "predict") for family in families}
    assert asked - {"fit", "predict"} | models | {"synthesize_network"} == set(NEEDS)


def test_a_training_in_several_processes_asks_for_as_many_gpus_and_as_much_memory_for_each(tmp_path):
    site = Site(gpus=4, gpu_memory_mb=64_000)
    training = resources("train_segmentation", site, gpus=1, gpus_per_training=2)
    assert training["nodes"](None) == 1, "all GPUs in one node"
    assert training["gpu"](None) == 2 and training["mem_mb"](None, job(tmp_path), 1) == 32_000
    assert training["mem_mb"](None, job(tmp_path), 3) == 64_000
    for kind in ("segment_shard", "predict_network"):
        assert resources(kind, site, gpus=1, gpus_per_training=2)["gpu"](None) == 1
        assert resources(kind, site, gpus=1, gpus_per_training=2)["nodes"](None) is None
        assert processes_of(kind, 2) == 1
    assert processes_of("fit_network", 2) == 2 and processes_of("fit_tabular", 2) == 1
    on_cpu = resources("train_segmentation", Site(), gpus=0, gpus_per_training=2)
    assert on_cpu["gpu"](None) == 0 and on_cpu["mem_mb"](None, job(tmp_path), 1) == 32_000
