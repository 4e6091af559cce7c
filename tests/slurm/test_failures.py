"""One run through everything that a cluster does to jobs: all of it comes out right, with the profile as it is."""

import pytest
from tests.slurm.cluster_run import accounting, nifti_study, queued, records, start, stop, until

pytestmark = pytest.mark.timeout(1500)  # the first test waits for the run
CENTERS = ["memory", "time", "cancel", "drain", "dying"]
TARGETS = [f"work/ingest/{center}/index.parquet" for center in CENTERS]


@pytest.fixture(scope="module")
def bad_day(slurm, tmp_path_factory):
    """Jobs of five centers: each meets what its name says, after all have waited in a full queue."""
    study = nifti_study(tmp_path_factory.mktemp("failures") / "study", CENTERS)
    others = [slurm.run("sbatch", "--parsable", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 600").strip()
              for _ in range(4)]  # fmt: skip
    run = start(study, *TARGETS)

    def job(center: str) -> tuple[str, str, str]:
        return queued(slurm, study).get(f"index_center {center}", ("", "", ""))

    seen = {}
    blows = {  # what happens to a job that runs, held at its beginning; that of `memory` fails by itself
        "dying": lambda number, node: slurm.kill_node(node),
        "drain": lambda number, node: slurm.run("scontrol", "update", f"nodename={node}", "state=drain", "reason=test"),
        "time": lambda number, node: None,  # stays held, as when a file system hangs
        "cancel": lambda number, node: slurm.run("scancel", number),
    }

    def all_have_fallen() -> bool:
        for center in blows.keys() - seen.keys():
            number, state, node = job(center)
            if state == "RUNNING" and slurm.waits(number):
                seen[center] = (number, state, node)
                blows[center](number, node)
                if center != "time":
                    slurm.release(number)
        return seen.keys() == blows.keys()

    try:
        until(lambda: all(job(center)[1] == "PENDING" for center in CENTERS), "five jobs in a full queue")
        for center, change in [
            ("memory", ["MinMemoryNode=100", "ExcNodeList=c2,c3,c4"]),
            ("time", ["TimeLimit=1", "ExcNodeList=c2,c3,c4"]),
            ("cancel", ["ExcNodeList=c2,c3,c4"]),
            ("drain", ["ExcNodeList=c1,c3,c4"]),
            ("dying", ["ExcNodeList=c1,c2"]),
        ]:
            slurm.run("scontrol", "update", f"JobId={job(center)[0]}", *change)
            if center in blows:
                slurm.hold(job(center)[0])
        slurm.run("scancel", *others)
        until(all_have_fallen, f"jobs of {', '.join(blows)} to run", seconds=300)
        until(lambda: run.poll() is not None, "the end of the run", seconds=800)
    finally:
        stop(run)
    text = (study / "run.log").read_text()
    assert run.returncode == 0, text[-6000:]
    jobs = {center: [row for row in accounting(slurm, study) if row.what.endswith(center)] for center in CENTERS}
    return study, jobs, seen


def test_a_full_queue_is_waited_for_and_every_center_is_indexed_once(bad_day):
    study, _, _ = bad_day
    assert all((study / target).is_file() for target in TARGETS)
    assert sorted(records(study)) == sorted(f"index_center {center}" for center in CENTERS)


def test_killed_by_memory_is_retried_with_more(bad_day):
    first, second = bad_day[1]["memory"]
    assert first.state in ("FAILED", "OUT_OF_MEMORY") and first.memory_mb == 100
    assert second.state == "COMPLETED" and second.memory_mb == 8000


def test_killed_by_time_is_retried_with_more(bad_day):
    first, second = bad_day[1]["time"]
    assert first.state == "TIMEOUT" and first.minutes == 1
    assert second.state == "COMPLETED" and second.minutes == 480


def test_cancelled_is_submitted_again(bad_day):
    assert [job.state for job in bad_day[1]["cancel"]] == ["CANCELLED", "COMPLETED"]


def test_a_job_on_a_drained_node_ends_there(bad_day, slurm):
    [job] = bad_day[1]["drain"]
    assert (job.state, job.nodes) == ("COMPLETED", "c2")
    assert bad_day[2]["drain"] == (job.number, "RUNNING", "c2")
    assert slurm.run("sinfo", "-h", "-n", "c2", "-N", "-o", "%T").strip() == "drained"


def test_a_job_of_a_node_that_dies_runs_on_another(bad_day, slurm):
    first, job = bad_day[1]["dying"]
    assert (first.state, job.state) == ("NODE_FAIL", "COMPLETED") and first.number == job.number
    dead = [row.split()[0] for row in slurm.run("sinfo", "-h", "-N", "-o", "%N %T").splitlines() if "down" in row]
    assert job.nodes in ("c3", "c4") and dead == [first.nodes] != [job.nodes]
