"""Tables and pages that the tests of the report share."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from ichor.report.page import write_page

_spec = importlib.util.spec_from_file_location("made_tables", Path(__file__).with_name("made_tables.py"))
made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made)

STUDY = {"name": "made", "title": "Made-up study", "simulated": True}


@pytest.fixture(scope="session")
def models():
    return made.MODELS


@pytest.fixture(scope="session")
def made_tables():
    return made.made_tables(per_center=24, bootstrap=20)


@pytest.fixture(scope="session")
def page(made_tables, models, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("page") / "index.html"
    record = {"ichor": "0.1.0", "python": "3.11", "seed": 1, "packages": {"numpy": "2"}, "config": {"a": 1}}
    return write_page(out, study=STUDY, tables=made_tables, provenance=record, models=models, growth_ml=6.0)


@pytest.fixture(scope="session")
def real_page(models, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("real") / "index.html"
    tables = made.made_tables(per_center=24, bootstrap=20, truth=False)
    return write_page(out, study=STUDY | {"simulated": False}, tables=tables, models=models, auc_alarm=0.6)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no chromium on this machine")
    return found
