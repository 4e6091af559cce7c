# Where jobs run and what they ask for; what a run that was killed left behind is taken up before anything is planned.
import shutil
import sys
from contextlib import chdir, redirect_stderr
from io import StringIO

from ichor import run_lock
from ichor.cluster import limits, orphans, site
from snakemake.cli import parse_args

IDLE = (  # what is asked of Snakemake when no job is to run
    "dryrun touch unlock dag rulegraph filegraph d3dag summary detailed_summary list_rules list_target_rules "
    "list_changes list_input_changes list_params_changes list_untracked lint report generate_unit_tests containerize "
    "export_cwl archive cleanup_metadata cleanup_shadow delete_all_output delete_temp_output print_compilation "
    "conda_cleanup_envs conda_create_envs_only list_conda_envs container_cleanup_images"
).split()


def typed():
    """What was typed, profiles included: Snakemake itself tells its executor only after it has read the rules."""
    if not workflow.is_main_process:
        return None
    try:
        with chdir(workflow.rundir), redirect_stderr(StringIO()):
            return parse_args(sys.argv[1:])[1]
    except SystemExit:  # not started from a command line
        return None


def given(option):
    """Value of an option of the Slurm executor, None if it was not given."""
    value = getattr(TYPED, option, None)
    return str(value) if isinstance(value, str | Path) else None


def read_site():
    """Partitions of the cluster; on one computer there are none."""
    if EXECUTOR != "slurm":
        return site.Site()
    site.refuse_job_arrays(given("slurm_array_jobs"))
    delivered = REPOSITORY / "profiles/slurm/partitions.yaml"
    return site.read_site(site.partitions_file(given("slurm_partition_config"), Path(workflow.rundir), delivered))


def gpus_per_job():
    """Whether jobs that can use a GPU get one, 1 or 0."""
    site.refuse_more_gpus_than_a_node_has(SITE, **config["compute"])
    there = SITE.gpus > 0 if EXECUTOR == "slurm" else bool(shutil.which("nvidia-smi"))
    return site.gpus_per_job(**config["compute"], there=there, decide=workflow.is_main_process)


def take_up_killed_run():
    """Before anything is planned: take away a stale lock, and settle what a run that was killed left behind."""
    if not workflow.is_main_process or any(getattr(TYPED, mode, None) for mode in IDLE):
        return
    run_lock.remove_stale_lock()
    if foreign := run_lock.foreign_lock():
        orphans.say(foreign)
    elif killed := run_lock.killed_run():
        orphans.take_up(Path.cwd(), slurm=killed.get("executor") == "slurm")


def needs(kind):
    """Resources of a rule's jobs, see ichor/cluster/limits.py."""
    return limits.resources(kind, SITE, GPUS, config["compute"]["gpus_per_training"])


def processes_of(kind):
    """Processes of a kind of job, each of which needs a CPU."""
    return limits.processes_of(kind, config["compute"]["gpus_per_training"])


def needs_of_model(step):
    """Like `needs`, for the steps `fit` and `predict` of a model: a network or a table of features."""
    return needs(lambda wildcards: kind_of_model(step, wildcards))


def needs_of_generator(step):
    """Like `needs`, for a step of a generator: one that learned draws with its network."""
    return needs(lambda wildcards: f"{step}_network" if learns(wildcards) else step)


def processes_of_model(wildcards):
    """Processes that fit a model: several for a network, if the config says so."""
    return processes_of(kind_of_model("fit", wildcards))


def kind_of_model(step, wildcards):
    return f"{step}_{FAMILIES[wildcards.task][wildcards.model]}"


FAMILIES = {
    task: {name: registry.family(spec["kind"]) for name, spec in named.items()} for task, named in MODELS.items()
}
TYPED = typed()
EXECUTOR = getattr(TYPED, "executor", None) or "local"
try:
    SITE = read_site()
    GPUS = gpus_per_job()
    take_up_killed_run()
except StudyError as error:
    raise WorkflowError(str(error)) from None


onstart:
    run_lock.remember_owner(EXECUTOR)


# On one computer a profile's `resources: gpu=1` counts the GPUs in use; a cluster counts its own. Snakemake cuts what a
# job asks for down to that count, on a cluster too: so it is never less than what a training needs.
if GPUS and "gpu" in workflow.global_resources:
    limit = max(workflow.global_resources["gpu"].value, config["compute"]["gpus_per_training"])
    workflow.register_resource("gpu", limit)


resource_scopes:
    gpu="local",
