"""Run the workflow in a directory of its own, as a user would."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent


def snakemake(
    directory: Path,
    *arguments: str,
    config: dict | None = None,
    timeout_s: int = 1500,
    repository: Path = REPOSITORY,
) -> subprocess.CompletedProcess:
    """Run ``snakemake --directory directory`` with the repository's workflow.

    Parameters
    ----------
    directory : Path
        The study's working directory.
    *arguments : str
        Further arguments, for example ``"-n"``.
    config : dict, optional
        Written to ``study.yaml`` in the directory and given as ``--configfile``.
    timeout_s : int
        Longest time, s.
    repository : Path
        The clone that is run.
    """
    command = snakemake_command(directory, *arguments, config=config)
    return subprocess.run(command, cwd=repository, env=environment(), capture_output=True, text=True, timeout=timeout_s)


def snakemake_command(directory: Path, *arguments: str, config: dict | None = None) -> list[str]:
    """Command line of `snakemake`, for tests that start and kill it themselves."""
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "snakemake", *arguments, "--directory", str(directory), "--cores", "2"]
    if config is not None:
        file = directory / "study.yaml"
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        command += ["--configfile", str(file)]
    return command


def environment() -> dict[str, str]:
    """Environment in which the interpreter's own commands (snakemake, dcm2niix, snakefmt) are found."""
    return dict(os.environ, PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
