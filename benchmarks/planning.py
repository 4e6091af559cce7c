"""Time and memory to plan studies of 100 to 100,000 scans, against one rule per scan and stage.

    python benchmarks/planning.py [--scans 100 1000 10000 100000] [--repeats 3] [--work FOLDER]

The studies are placeholders (see ``placeholder_study.py``): real sheets and graph, empty files. What is timed is the
whole command ``snakemake -n --quiet rules``, Python's start included, on a study that nobody has planned before (cold:
its folders and our sources are read) and again (warm).
"""

import argparse
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from placeholder_study import CENTERS, REPOSITORY, make_done, make_peer, make_study, planning_command
from rows import Cost, Row, row_of, run, save

sys.path.insert(0, str(REPOSITORY / "workflow"))  # the library is not installed: nothing is built

from ichor.listing import names_digest  # noqa: E402

PEER_AT_MOST = 10_000  # scans; the peer's plan grows in proportion, to 400,000 jobs at 100,000
AIM_S = {10_000: 5.0, 100_000: 60.0}
AIM_FEWER_JOBS = 20
DONE_AT = 1_000  # scans of the finished study: to make one takes 0.1 s per job


def plan(folder: Path, *arguments: str) -> Cost:
    """Plan a study."""
    return run(planning_command(folder, "-n", "--quiet", "rules", *arguments), cwd=REPOSITORY)


def jobs_in(output: str) -> int:
    """Number of jobs that a dry run announces."""
    return int(re.search(r"^total\s+(\d+)$", output, re.MULTILINE).group(1))


def plan_peer(folder: Path, snakefile: Path) -> Cost:
    """Plan the same scans with one rule per scan and stage."""
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "--cores", "2", "--scheduler", "greedy"]
    return run([*command, "--directory", str(folder), "--snakefile", str(snakefile)], cwd=folder)


def measure_size(scans: int, repeats: int, work: Path) -> list[Row]:
    """Rows of one size of study."""
    print(f"{scans:,} scans ...", flush=True)
    folder = work / f"scans-{scans}"
    sheet = make_study(folder, scans, CENTERS[scans])
    cold = plan(folder)
    warm = [plan(folder) for _ in range(repeats)]
    jobs = jobs_in(warm[0].output)
    where = f"{scans:,} scans, {CENTERS[scans]} centers"
    walls, rows, peer = [cost.wall_s for cost in warm], [], ""
    aim, reached = {}, None
    if scans <= PEER_AT_MOST:
        snakefile = make_peer(folder, sheet)
        other = [plan_peer(folder, snakefile) for _ in range(repeats if scans < PEER_AT_MOST else 1)]
        other_jobs, fewer = jobs_in(other[0].output), jobs_in(other[0].output) / jobs
        peer_s = sorted(cost.wall_s for cost in other)[len(other) // 2]
        peer_cpu_s = sorted(cost.cpu_s for cost in other)[len(other) // 2]
        peer = f"one rule per scan and stage: {peer_s:.1f} s ({peer_cpu_s:.1f} s of CPU), {other[0].memory_mb:.0f} MB"
        due = scans == PEER_AT_MOST
        rows.append(
            Row(
                f"jobs, {where}", jobs, "jobs", f"one rule per scan and stage: {other_jobs:,}, {fewer:.0f} x as many",
                f">= {AIM_FEWER_JOBS} x fewer" if due else "", fewer >= AIM_FEWER_JOBS if due else None,
            )
        )  # fmt: skip
    else:
        rows.append(Row(f"jobs, {where}", jobs, "jobs"))
    if scans in AIM_S:
        reached = row_of("", walls, "").value <= AIM_S[scans]
        aim = {"aim": f"<= {AIM_S[scans]:.0f} s", "reached": reached}
    rows.append(row_of(f"plan, {where}", walls, "s", peer=peer, **aim))
    rows.append(row_of(f"plan, CPU time, {where}", [cost.cpu_s for cost in warm], "s"))
    rows.append(Row(f"plan for the first time, {where}", cold.wall_s, "s"))
    rows.append(row_of(f"plan, memory, {where}", [cost.memory_mb for cost in warm], "MB"))
    shutil.rmtree(folder)
    return rows


def measure_finished(repeats: int, work: Path) -> list[Row]:
    """Rows of a study in which nothing is left to do."""
    print(f"{DONE_AT:,} scans, finished ...", flush=True)
    folder = work / "finished"
    make_study(folder, DONE_AT, CENTERS[DONE_AT])
    make_done(folder)
    costs = [run(planning_command(folder, "-n"), cwd=REPOSITORY) for _ in range(repeats)]
    if "Nothing to be done" not in costs[0].output:
        raise RuntimeError("the finished placeholder study is not finished:\n" + costs[0].output[-2000:])
    shutil.rmtree(folder)
    return [row_of(f"plan of a finished study, {DONE_AT:,} scans", [cost.wall_s for cost in costs], "s")]


def measure_listing(work: Path, scans: int = 2_000, slices: int = 30) -> list[Row]:
    """Rows of the listing of DICOM centers: all folders for the first time, then again with nothing new."""
    print(f"listing of {scans * slices:,} DICOM files ...", flush=True)
    folder = work / "dicom"
    sheet = make_study(folder, scans, 2, slices=slices)
    sources = [folder / f"sources/{center.name}/ct" for center in sheet]
    time.sleep(61)  # folders that changed within the last minute are not kept
    seconds, digests = [], set()
    for _ in range(4):
        started = time.perf_counter()
        digests.add(names_digest(sources, folder / "work/listing"))
        seconds.append(time.perf_counter() - started)
    if len(digests) != 1:
        raise RuntimeError("the listing changed by itself")
    what = f"{scans * slices:,} DICOM files in {scans:,} folders, local disk"
    shutil.rmtree(folder)
    peer = f"first time: {seconds[0]:.2f} s"
    return [row_of(f"listing again, {what}", seconds[1:], "s", peer=peer)]


def measure_demo(repeats: int) -> list[Row]:
    """Row of starting the finished demo again, if there is one in the repository."""
    if not (REPOSITORY / "results/report/index.html").is_file():
        print("The demo was not run here (make demo), so its rerun is not measured.")
        return []
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    costs = [run(command, cwd=REPOSITORY) for _ in range(repeats)]
    if "Nothing to be done" not in costs[0].output:
        print("The demo is not finished, so its rerun is not measured.")
        return []
    walls = [cost.wall_s for cost in costs]
    reached = row_of("", walls, "").value <= 10
    return [row_of("nothing-to-do rerun of the demo", walls, "s", aim="<= 10 s", reached=reached)]


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, nargs="+", default=list(CENTERS), choices=list(CENTERS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--work", type=Path, help="folder for the placeholder studies (a temporary one)")
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=options.work) as place:
        work, rows = Path(place), []
        for scans in options.scans:
            rows += measure_size(scans, options.repeats, work)
        rows += measure_finished(options.repeats, work)
        rows += measure_listing(work)
    rows += measure_demo(options.repeats)
    save("planning", rows, time.perf_counter() - started)


if __name__ == "__main__":
    main()
