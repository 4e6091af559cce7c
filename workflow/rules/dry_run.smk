# What a dry run says at its end: jobs, hours and disk, and on request why each job is planned.
import json

from ichor import expected
from ichor.jobs.explain import OutdatedJob, changed_inputs, explain
from ichor.jobs.key import plain
from ichor.jobs.record import record_path
from ichor.listing import count_files
from ichor.reruns import code_parts
from snakemake.logging import logger
from snakemake.settings.enums import Quietness


def planned_jobs():
    """Jobs that Snakemake wants to run (a dry run has marked them as done); targets, which have no script, are none."""
    order = {found.name: number for number, found in enumerate(workflow.rules)}
    planned = [job for job in workflow.dag.needrun_jobs(exclude_finished=False) if job.rule.script]
    return [
        expected.PlannedJob(
            Path(str(job.rule.script)).stem,
            Path(str(job.rule.snakefile)).stem,
            threads=job.threads,
            limit_min=job.resources.get("runtime"),
            gpus=int(job.resources.get("gpu", 0)),
        )
        for job in sorted(planned, key=lambda job: order[job.rule.name])
    ]


code_parts_of = cache(code_parts)


def outdated_jobs():
    """The planned jobs with Snakemake's reasons, each after those that it depends on."""
    planned = set(workflow.dag.needrun_jobs(exclude_finished=False))
    for level in workflow.dag.toposorted():
        for job in sorted((job for job in level if job in planned and job.rule.script), key=str):
            reason, script = workflow.dag.reason(job), Path(str(job.rule.script))
            wildcards = dict(job.wildcards.items())
            place = record_path(script.stem, wildcards)
            record = json.loads(place.read_text()) if place.is_file() else None
            # a page about a model has no spec: it runs none of the model's code
            spec = dict(job.params.items()).get("spec", {}) if "model" in wildcards else {}
            modules = (f"ichor.models.{spec['kind']}",) if spec else ()
            yield OutdatedJob(
                script.stem,
                wildcards,
                missing=list(reason.missing_output),
                changed=changed_inputs(reason.updated_input - reason.updated_input_run, record),
                other_inputs=bool(reason.input_changed),
                forced=reason.forced,
                params=plain(dict(job.params.items())),
                code=code_parts_of(WORKFLOW.joinpath("scripts", script.name), modules),
                record=record,
            )


def known_scans():
    """Scans of the study: those that were accepted, or else the files of NIfTI centers; 0 if nobody knows yet."""
    if Path("results/scans.tsv").is_file():
        with open("results/scans.tsv", "rb") as table:
            return sum(1 for line in table) - 1
    folders = [row["nifti"] for row in CENTER.values()]
    return count_files(folders) if all(folders) else 0


def dry_run_summary():
    """The summary as text; with `--config explain=true`, after it why each file is out of date."""
    why = f"\n{explain(outdated_jobs())}" if str(config["explain"]).lower() in ("true", "yes") else ""
    jobs = planned_jobs()
    per_shard_job = known_scans() / sum(SHARD_COUNTS.values())
    shares = dict.fromkeys(expected.MB_PER_SCAN, per_shard_job) if per_shard_job else {}
    costs = expected.describe(jobs, expected.measure({job.rule for job in jobs}), shares)
    return f"{costs}{why}"


if workflow.is_main_process and not any(isinstance(handler, expected.DryRunSummary) for handler in logger.handlers):
    logger.addHandler(
        expected.DryRunSummary(lambda: workflow.dryrun, dry_run_summary, logger, quietness=Quietness.PROGRESS)
    )
