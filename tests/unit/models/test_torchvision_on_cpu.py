import subprocess
import sys

import pytest
import torch

from ichor.models.torchvision_on_cpu import import_torchvision


def test_torchvision_and_timm_can_be_imported():
    torchvision = import_torchvision()
    assert import_torchvision() is torchvision
    import timm

    network = timm.create_model("vit_tiny_patch16_224", img_size=32, num_classes=2)
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 2)


@pytest.mark.skipif(torch.version.cuda is not None, reason="a CUDA build of torch needs no help")
def test_a_fresh_process_can_import_it_too():
    code = "from ichor.models.torchvision_on_cpu import import_torchvision as i; i(); import torchvision.transforms.v2"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_environment())
    assert result.returncode == 0, result.stderr


def _environment():
    import os
    from pathlib import Path

    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3] / "workflow")}
