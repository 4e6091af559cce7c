"""The lines of Python in docs/how-to/use-a-trained-segmentation.md, run as they stand."""

import os
import re
import shutil
import subprocess
import sys

import nibabel as nib
import numpy as np
import torch
import yaml

from ichor.imaging.measures import LABEL_CODES
from ichor.segmentation.bundle import save_model
from ichor.segmentation.description import check_about
from ichor.segmentation.network import build_network


def blocks(repository, language):
    text = (repository / "docs/how-to/use-a-trained-segmentation.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.S)


def test_the_documented_lines_segment_a_scan(repository, planned, cohort, tmp_path):
    _, plan = planned
    torch.manual_seed(2)
    description = {key: plan[key] for key in ("architecture", "grid", "patch_size", "labels")} | {"fold": None}
    save_model(tmp_path / "bundle", build_network(plan["architecture"], 1, 3), description, [])
    shutil.copy(cohort[0]["image"][0], tmp_path / "head.nii.gz")
    (lines,) = blocks(repository, "python")
    assert len([line for line in lines.splitlines() if line.strip()]) == 10
    environment = {**os.environ, "PYTHONPATH": str(repository / "workflow")}
    subprocess.run([sys.executable, "-c", lines], cwd=tmp_path, env=environment, check=True)
    head, mask = nib.load(tmp_path / "head.nii.gz"), nib.load(tmp_path / "head_mask.nii.gz")
    assert mask.shape == head.shape and np.allclose(mask.affine, nib.as_closest_canonical(head).affine)
    found = set(np.unique(np.asarray(mask.dataobj)).tolist())
    assert found <= {0, *LABEL_CODES.values()} and len(found) > 1


def test_the_documented_about_is_complete(repository):
    about = next(text for text in blocks(repository, "yaml") if text.startswith("name:"))
    assert check_about(yaml.safe_load(about), "the page")["name"] == "my-bundle"
