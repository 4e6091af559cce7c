"""One lock, and every way to install from it: the container recipe, the conda environment and `make install` agree."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.snakemake_run import REPOSITORY

from ichor import __version__

ENVS = REPOSITORY / "envs"
# Python that a release of Debian brings (packages.debian.org/python3)
DEBIAN_PYTHON = {"11": "3.9", "12": "3.11", "13": "3.13"}


def lock() -> list[str]:
    lines = (ENVS / "requirements.lock").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def python() -> str:
    """The Python that the project says it needs: 3.11 of `>=3.11,<3.12`."""
    wanted = re.search(r'requires-python = ">=(\d+\.\d+),<(\d+)\.(\d+)"', (REPOSITORY / "pyproject.toml").read_text())
    low, major, minor = wanted.groups()
    assert low == f"{major}.{int(minor) - 1}"
    return low


def recipe(section: str) -> str:
    """A section of the container recipe, comments left out; `""` is what stands before the first."""
    text = re.sub(r"^\s*#.*\n", "", (ENVS / "ichor.def").read_text(), flags=re.M)
    parts = re.split(r"^%(\w+)\n", text, flags=re.M)
    return dict(zip(["", *parts[1::2]], parts[::2], strict=True))[section]


def test_the_lock_pins_every_package_to_one_version():
    assert len(lock()) > 100
    for line in lock():
        assert re.fullmatch(r"[a-z0-9._-]+==[0-9][A-Za-z0-9.]*", line), line


def test_the_conda_environment_is_the_lock_with_its_python():
    environment = yaml.safe_load((ENVS / "ichor.yaml").read_text())
    *conda, pip = environment["dependencies"]
    assert conda == [f"python ={python()}", "pip"] and pip["pip"] == lock()


def test_make_lock_writes_the_conda_environment(tmp_path):
    """The recipe of the target itself, after the resolver's line, on a lock with one more package."""
    (tmp_path / "envs").mkdir()
    for name in ("requirements.lock", "ichor.yaml"):
        (tmp_path / "envs" / name).write_text((ENVS / name).read_text())
    with open(tmp_path / "envs/requirements.lock", "a") as file:
        file.write("zzz==1.0\n")
    target = re.search(r"^conda-environment:.*\n((?:\t.*\n)+)", (REPOSITORY / "Makefile").read_text(), flags=re.M)
    (tmp_path / "Makefile").write_text(f"conda-environment:\n{target[1]}")
    subprocess.run(["make", "-s", "conda-environment"], cwd=tmp_path, check=True)
    made = (tmp_path / "envs/ichor.yaml").read_text()
    assert made == (ENVS / "ichor.yaml").read_text() + "      - zzz==1.0\n"
    assert re.search(r"^lock:.*\n(\t.*\n)*\t.*conda-environment", (REPOSITORY / "Makefile").read_text(), flags=re.M)


def test_the_container_has_the_projects_python_and_installs_the_lock_and_nothing_else():
    base = re.search(r"^From: debian:(\d+)\.\d+-slim$", recipe(""), flags=re.M)
    assert base, "the base image must be pinned to a point release"
    post = recipe("post")
    assert DEBIAN_PYTHON[base[1]] == python() and re.findall(r"python3\.\d+", post) == [f"python{python()}"] * 2
    assert "/opt/ichor/envs/install.sh" in post and not re.search(r"\bpip\S* install|==\d|curl|wget|git ", post)
    assert f"version {__version__}\n" in recipe("labels")


def test_the_container_holds_what_the_workflow_needs_and_its_commands_find_it():
    files = dict(line.split() for line in recipe("files").splitlines() if line.strip())
    for source, target in files.items():
        assert (REPOSITORY / source).exists() and target == f"/opt/ichor/{source}"
    assert {"Snakefile", "workflow", "config", "profiles", "envs"} <= files.keys()
    venv = re.search(r"install\.sh (\S+)$", recipe("post"), flags=re.M)[1]
    assert f'PATH="{venv}/bin:$PATH"' in recipe("environment")
    assert "--snakefile /opt/ichor/Snakefile" in recipe("runscript")


@pytest.mark.parametrize("section", ["post", "environment", "runscript", "test"])
def test_the_containers_shell_parses(section):
    subprocess.run(["sh", "-n"], input=recipe(section), text=True, check=True)


def install(folder: Path, **variables: str) -> subprocess.CompletedProcess:
    """Run install.sh into folder/venv, with Python's own variables alone."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHON": sys.executable} | variables
    script = folder / "envs/install.sh"
    return subprocess.run(["bash", script, folder / "venv"], env=env, capture_output=True, text=True, timeout=300)


@pytest.fixture
def small(tmp_path) -> Path:
    """install.sh beside a lock of one small package."""
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs/install.sh").write_text((ENVS / "install.sh").read_text())
    (tmp_path / "envs/requirements.lock").write_text("ichor-made==1.0\n")
    return tmp_path


def wheel(folder: Path, name: str, version: str) -> None:
    """Write a wheel with one empty module."""
    import zipfile

    folder.mkdir(exist_ok=True)
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{module}.py", "")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: ichor\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", f"{module}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


def test_install_takes_everything_from_a_folder_of_wheels(small):
    wheel(small / "wheels", "ichor-made", "1.0")
    wheel(small / "wheels", "pip", "0.0")  # is looked for, and not needed where Python brings its own
    done = install(small, ICHOR_WHEELS=str(small / "wheels"))
    assert done.returncode == 0, done.stderr
    subprocess.run([small / "venv/bin/python", "-c", "import ichor_made"], check=True)


def test_a_folder_without_a_wheel_of_the_lock_fails_and_asks_no_index(small):
    wheel(small / "wheels", "ichor-made", "0.9")
    wheel(small / "wheels", "pip", "0.0")
    done = install(small, ICHOR_WHEELS=str(small / "wheels"), PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert done.returncode != 0 and "ichor-made==1.0" in done.stderr
    assert "127.0.0.1" not in done.stderr + done.stdout and "0.9" in done.stderr


def test_a_wrong_folder_of_wheels_is_named_before_anything_is_made(small):
    done = install(small, ICHOR_WHEELS=str(small / "no-such"))
    assert done.returncode == 2 and "no-such" in done.stderr and "install-offline.md" in done.stderr
    assert not (small / "venv").exists()
