"""MONAI's networks come without transformers, which stays there for who wants it."""

import subprocess
import sys

CODE = """
import sys
sys.path.insert(0, "workflow")
from ichor.models.monai_networks import import_networks
network = import_networks("densenet").DenseNet
assert network.__name__ == "DenseNet" and "transformers.models" not in sys.modules
import transformers
assert transformers.__version__
print("transformers" in sys.modules)
"""


def test_monai_is_imported_without_transformers_which_can_be_imported_afterwards():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True"
