"""Rows of figures: shown as a table, written to ``benchmarks/results.json`` with the machine and the versions."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "benchmarks/results.json"
PACKAGES = ("snakemake", "pandas", "torch", "nnunetv2", "pydicom")


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes
    ----------
    figure, unit : str
        What was measured.
    value : float
        Median of the repeats.
    peer : str
        What it stands against, measured in the same run; "" if there is nothing.
    aim : str
        What it should be; "" if there is no aim.
    reached : bool or None
        Whether the aim is reached; None without aim.
    low, high : float or None
        Range of the repeats.
    n : int
        Number of repeats.
    """

    figure: str
    value: float
    unit: str
    peer: str = ""
    aim: str = ""
    reached: bool | None = None
    low: float | None = None
    high: float | None = None
    n: int = 1


@dataclass(frozen=True)
class Cost:
    """What a command took: wall time and CPU time of it and its children (s), largest memory of one process (MB)."""

    wall_s: float
    cpu_s: float
    memory_mb: float
    output: str


def run(command: list[str], *, expect: int = 0, **options) -> Cost:
    """Run a command to its end and tell what it took.

    Raises
    ------
    RuntimeError
        If it exits with another code than `expect`, with its last lines.
    """
    started = time.perf_counter()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = dict(os.environ, PATH=path) | options.pop("env", {})
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, **options
    ) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expect:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n" + output[-3000:])
    cpu_s, memory_mb = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    return Cost(time.perf_counter() - started, cpu_s, memory_mb, output)


def row_of(figure: str, values: list[float], unit: str, **more) -> Row:
    """Row with the median and range of repeats."""
    return Row(figure, statistics.median(values), unit, low=min(values), high=max(values), n=len(values), **more)


def save(script: str, rows: list[Row], seconds: float) -> None:
    """Show rows, and put them into the results in place of what the same script wrote before."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    entry = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds),
        "machine": machine(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "rows": [{key: _short(value) for key, value in asdict(row).items()} for row in rows],
    }
    RESULTS.write_text(json.dumps(kept | {script: entry}, indent=1) + "\n")
    print(f"\n{script}: {entry['machine']}, load at the end {os.getloadavg()[0]:.1f}")
    show(entry["rows"])


def show(rows: list[dict]) -> None:
    """Print rows as a table."""
    cells = [("figure", "value", "range", "aim", "reached", "peer")]
    for row in rows:
        value = f"{row['value']:,g} {row['unit']}"
        spread = f"{row['low']:,g} to {row['high']:,g}" if row["n"] > 1 else ""
        reached = {None: "", True: "yes", False: "NO"}[row["reached"]]
        cells.append((row["figure"], value, spread, row["aim"], reached, row["peer"]))
    widths = [max(len(line[column]) for line in cells) for column in range(6)]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def machine() -> str:
    """Processor, cores and memory in words."""
    names = [line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = [int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")]
    size = f", {memory[0] / 2**20:.0f} GB" if memory else ""
    return f"{os.cpu_count()} cores of {names[0] if names else platform.machine()}{size}, {platform.system()}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).is_file() else []


def _short(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    for name, part in json.loads(RESULTS.read_text()).items():
        print(f"\n{name}: {part['machine']}, {part['measured']}")
        show(part["rows"])
