"""NiiVue is the pinned one or none: the installation puts it, a wrong file is refused, and nobody asks twice."""

import os
import shutil
import subprocess

import pytest
from tests.snakemake_run import REPOSITORY

from ichor.errors import StudyError
from ichor.viewer import niivue


def vendor(prefix, **variables):
    """Run envs/niivue.sh for an installation, with a PATH on which no deno is."""
    env = {"PATH": "/usr/bin:/bin", "HOME": str(prefix)} | variables
    command = ["bash", str(REPOSITORY / "envs/niivue.sh"), str(prefix)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)


def test_what_is_missing_or_another_file_is_told_with_the_way_out(tmp_path):
    with pytest.raises(StudyError, match=rf"NiiVue {niivue.VERSION}.*bash .*envs/niivue\.sh {tmp_path}"):
        niivue.find(tmp_path)
    path = niivue.place(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text("var niivue = {};")
    with pytest.raises(StudyError, match="SHA-256"):
        niivue.find(tmp_path)


def test_a_folder_of_wheels_gives_it_without_network_if_it_is_the_right_file(library, tmp_path):
    wheels, prefix = tmp_path / "wheels", tmp_path / "venv"
    wheels.mkdir(), prefix.mkdir()
    done = vendor(prefix, ICHOR_WHEELS=str(wheels))
    assert done.returncode != 0 and niivue.FILE in done.stderr and "install-offline.md" in done.stderr
    (wheels / niivue.FILE).write_text("var niivue = {};")
    done = vendor(prefix, ICHOR_WHEELS=str(wheels))
    assert done.returncode != 0 and "SHA-256" in done.stderr and not niivue.place(prefix).exists()
    shutil.copyfile(library, wheels / niivue.FILE)
    assert vendor(prefix, ICHOR_WHEELS=str(wheels)).returncode == 0
    assert niivue.find(prefix) == niivue.place(prefix)
    shutil.rmtree(wheels)
    assert vendor(prefix, ICHOR_WHEELS=str(wheels)).returncode == 0  # it is there already


def test_without_deno_and_wheels_it_says_so_and_leaves_nothing(tmp_path):
    if shutil.which("deno", path="/usr/bin:/bin"):
        pytest.skip("a deno of the system would fetch it")
    done = vendor(tmp_path)
    assert done.returncode != 0 and "deno" in done.stderr and os.listdir(tmp_path) == []


def test_the_script_reads_version_and_digest_from_the_module():
    text = (REPOSITORY / "envs/niivue.sh").read_text()
    assert niivue.VERSION not in text and niivue.SHA256 not in text
    assert "workflow/ichor/viewer/niivue.py" in text
