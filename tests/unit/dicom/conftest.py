"""Makes the phantom writer importable in these tests, and offers the chain index, select, convert as one call."""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

for _name in ("phantom_series", "other_forms"):
    _spec = importlib.util.spec_from_file_location(_name, Path(__file__).with_name(f"{_name}.py"))
    sys.modules[_name] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[_name])

KEY = b"k" * 32
MASKS = "{patient}_{time_point}.nii.gz"


@dataclass
class Ingest:
    """What the three stages gave."""

    index: pd.DataFrame
    selection: pd.DataFrame
    public: pd.DataFrame
    scans: pd.DataFrame
    status: pd.DataFrame
    out: Path

    def codes(self, outcome=None):
        rows = self.status if outcome is None else self.status[self.status["outcome"] == outcome]
        return set(rows["reason"]) - {""}


@pytest.fixture
def index(tmp_path_factory):
    """Index a DICOM folder: the private index and the status table."""
    from ichor.dicom.index import index_center
    from ichor.private_tables import read_private

    def run(folder, **options):
        out = tmp_path_factory.mktemp("work") / "index.parquet"
        status = index_center("aurora", folder, out, key=KEY, **options)
        return read_private(out), status

    return run


@pytest.fixture
def ingest(tmp_path, monkeypatch, index):
    """Run a DICOM folder through the whole ingest, with the relative paths that the workflow uses."""
    from ichor.dicom.convert import convert_shard
    from ichor.dicom.references import ReferenceMasks, list_masks
    from ichor.dicom.select import select_series

    monkeypatch.chdir(tmp_path)

    def run(folder, records=None, rules=None, limits=None, masks=None, pattern=MASKS, **options):
        rows, found = index(folder, limits=limits)
        reference = masks and ReferenceMasks(masks, pattern, dict(list_masks(masks, pattern).itertuples(index=False)))
        selection, public, refused = select_series(rows, records, center="aurora", rules=rules, masks=reference)
        out = Path("images")
        scans, converted = convert_shard(selection[0], "aurora", out, limits=limits, **options)
        status = pd.concat([found, refused, converted], ignore_index=True)
        return Ingest(rows, selection[0], public, scans, status, out)

    return run
