"""`snakemake viewer` on a finished study: nothing else runs, and a browser draws a scan of every center."""

import json
import re
import shutil

import pytest
from tests.browser import Browser, find_chromium, lacking
from tests.e2e.small_study import SMALL
from tests.snakemake_run import snakemake

from ichor import tables
from ichor.errors import StudyError
from ichor.viewer import niivue
from ichor.viewer.shard import FACTS


@pytest.fixture(scope="module")
def viewer(study, tmp_path_factory):
    """A copy of the study with its viewer, and what the run printed."""
    try:
        niivue.find()
    except StudyError as error:
        lacking(str(error))
    copy = tmp_path_factory.mktemp("viewer") / "study"
    shutil.copytree(study, copy, symlinks=True)
    done = snakemake(copy, "viewer", config=SMALL)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    return copy, done.stdout + done.stderr


def test_only_the_viewer_is_made(viewer):
    ran = set(re.findall(r"^(?:local)?rule (\w+):$", viewer[1], flags=re.M))
    assert ran == {"viewer_shard", "viewer_library", "viewer_page", "viewer"}


def test_every_segmented_scan_is_there_with_its_measures(viewer):
    copy, _ = viewer
    masks = tables.read("masks", copy / "results/masks.tsv")
    made = {
        (fact["patient"], fact["time_point"])
        for facts in copy.glob(f"results/viewer/*/*/{FACTS}")
        for fact in json.loads(facts.read_text())
    }
    assert made == set(zip(masks["patient"], masks["time_point"], strict=True))
    measures = tables.read("measures", copy / "results/measures.tsv").set_index(["patient", "time_point"])["iph_ml"]
    for page in copy.glob("results/viewer/*.html"):
        data = re.search(r'<script id="data" type="application/json">(.*?)</script>', page.read_text(), re.S)[1]
        for case in json.loads(data)["cases"]:
            known = measures[case["patient"], case["time"]]
            assert case["volumes"]["iph"] == pytest.approx(known, abs=1e-3) if known == known else True


def test_a_browser_draws_the_first_scan_of_a_center(viewer, tmp_path):
    chromium = find_chromium()
    if not chromium:
        lacking("no chromium on this machine")
    folder = viewer[0] / "results/viewer"
    with Browser(chromium, tmp_path / "profile", width=900, height=520) as browser:
        browser.open(folder / "aurora.html")
        browser.wait("document.body.dataset.drawn")
        assert browser.console == [] and all(url.startswith(folder.as_uri()) for url in browser.requests)
