"""The viewer page: every scan is in it, worst first, nothing comes from a network, and a real browser draws it."""

import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests.browser import Browser

from ichor import tables
from ichor.viewer import niivue
from ichor.viewer.overlays import COLORS, REFERENCE
from ichor.viewer.page import case_rows, measured_columns, write_viewer_page
from ichor.viewer.shard import FACTS, write_shard

STUDY = {"title": "Made-up <b>study</b>", "simulated": True}
KEYS = [f"{number:012x}_baseline" for number in range(4)]


@pytest.fixture(scope="module")
def folder(shard, tmp_path_factory):
    """The page and what lies beside it, but for NiiVue."""
    folder = tmp_path_factory.mktemp("viewer")
    write_shard(**shard, folder=folder / "aurora/0")
    write_viewer_page(
        folder / "aurora.html", "aurora", "external", **shard, facts=[folder / "aurora/0" / FACTS],
        library=niivue.FILE, study=STUDY, centers=["aurora", "boreal"],
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "aurora.html").read_text()


def embedded(text):
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)[1])


def test_every_scan_has_an_overlay_and_a_script_of_its_own(folder):
    facts = json.loads((folder / "aurora/0" / FACTS).read_text())
    assert [f"{fact['patient']}_{fact['time_point']}" for fact in facts] == KEYS
    for fact in facts:
        assert (folder / "aurora/0" / fact["overlay"]).stat().st_size > 1000
        assert (folder / "aurora/0" / fact["script"]).stat().st_size == fact["bytes"] < 200_000
    assert [fact["compared"] for fact in facts] == [True, True, True, False]


def test_the_page_begins_with_what_failed_then_the_worst(text):
    data = embedded(text)
    assert [case["key"] for case in data["cases"]] == [KEYS[2], KEYS[1], KEYS[0], KEYS[3]]
    failed, poor, good, empty = data["cases"]
    assert failed["failed"] and failed["flags"] == ["segmentation_failed"] and failed["volumes"]["iph"] is None
    assert poor["dice"] < 0.8 < good["dice"] == 1.0 and poor["flags"] == ["tilt_corrected"]
    assert empty["found"] == 0 and empty["volumes"]["iph"] == 0.0 and empty["agreement"] == {}
    assert data["meanings"].keys() == {"segmentation_failed", "tilt_corrected"}
    assert text.count('loading="lazy"') == 4
    order = [text.index(f'<li data-key="{case["key"]}"') for case in data["cases"]]
    assert order == sorted(order)


def test_the_page_shows_text_as_text_and_asks_no_network(text):
    assert "Made-up &lt;b&gt;study" in text and "Simulated" not in text.split("<body>")[0]
    assert not re.search(r"(src|href)=\"(https?:)?//", text) and "connect-src data: blob:" in text
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'") and "http" not in policy
    assert 'href="boreal.html"' in text and "results/measures.tsv" in text


def test_scans_without_a_reference_come_by_their_uncertainty():
    keys = [dict(patient=f"{n:012x}", center="c", time_point="baseline") for n in range(3)]
    masks = pd.DataFrame([key | dict(split="s", mask="m", reason=None) for key in keys])
    scans = pd.DataFrame([key | dict(flags=None) for key in keys])
    errors = zip(keys, (1, 3, 2), strict=True)
    measures = tables.frame(
        "measures", [key | dict(split="s", found=1, iph_ml=5.0, iph_error_ml=error) for key, error in errors]
    )
    rows = case_rows("c", "s", scans, masks, measures, tables.empty("agreement_cases"), {})
    assert [row["error_ml"] for row in rows] == [3, 2, 1] and all(row["script"] is None for row in rows)
    columns = measured_columns(measures)
    assert [(column["words"], column["unit"]) for column in columns] == [("IPH", "mL"), ("IPH error", "mL")]
    other = case_rows("c", "another", scans, masks, measures, tables.empty("agreement_cases"), {})
    assert other == []


def test_a_center_without_masks_has_a_page(tmp_path):
    empty = {name: tables.empty(name) for name in ("scans", "masks", "measures")}
    write_viewer_page(
        tmp_path / "none.html", "none", "external", **empty, cases=tables.empty("agreement_cases"), facts=[],
        library="x.js", study=STUDY | {"simulated": False},
    )  # fmt: skip
    text = (tmp_path / "none.html").read_text()
    assert embedded(text)["cases"] == [] and "simulated patients" not in text


def picture(browser):
    """Pixels of the canvas alone."""
    box = browser.value("(function () { var b = document.getElementById('canvas').getBoundingClientRect();"
                        "return [b.left, b.top, b.right, b.bottom].map(Math.round); })()")  # fmt: skip
    image = Image.open(io.BytesIO(browser.picture())).convert("RGB").crop(box)
    return np.asarray(image).astype(int)


def orange(pixels):
    """Pixels of the mask over the bleed: red well above blue."""
    return (pixels[:, :, 0] - pixels[:, :, 2] > 60) & (pixels[:, :, 0] > 120)


def blue(pixels):
    near = np.array(tuple(bytes.fromhex(REFERENCE[1:])))
    return np.abs(pixels - near).sum(axis=2) < 90


def test_a_browser_draws_scans_from_the_disk_and_scrolls(folder, library, chromium, tmp_path):
    niivue.copy(library, folder / niivue.FILE)
    assert COLORS["iph"] == "#ff5a1f"
    with Browser(chromium, tmp_path / "profile", width=900, height=520) as browser:
        browser.open(folder / "aurora.html")
        browser.wait(f"document.body.dataset.drawn === '{KEYS[2]}'")
        where = "document.getElementById('where').textContent"
        browser.press("ArrowRight")  # the poor mask: 12 mm to the patient's right of the reference
        browser.wait(f"document.body.dataset.drawn === '{KEYS[1]}'")
        level = int(browser.value(where).split()[1])
        pixels = picture(browser)
        mask, outline = orange(pixels), blue(pixels)
        assert pixels.max() > 200 and mask.sum() > 300 and outline.sum() > 30
        assert np.flatnonzero(mask.any(axis=0)).mean() < np.flatnonzero(outline.any(axis=0)).mean()  # right is left
        assert np.flatnonzero(outline.any(axis=0)).mean() > pixels.shape[1] / 2
        browser.press("m")
        pixels = picture(browser)
        assert not orange(pixels).any() and blue(pixels).sum() > 30
        browser.press("m")
        browser.press("r")
        pixels = picture(browser)
        assert orange(pixels).sum() > 300 and not blue(pixels).any()
        for _ in range(4):
            browser.press("ArrowUp")
        assert browser.value(where).startswith(f"slice {level + 4} of ")
        assert not orange(picture(browser)).any()  # above the bleed
        box = browser.value("JSON.stringify(document.getElementById('canvas').getBoundingClientRect())")
        box = json.loads(box)
        browser.wheel(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, 120)
        browser.wait(f"!{where}.startsWith('slice {level + 4} of ')")
        white = (picture(browser).min(axis=2) > 240).sum()  # bone in the window of the brain
        browser.press("4")  # the window of bone
        assert white > 100 and (picture(browser).min(axis=2) > 240).sum() < white / 10
        browser.value("document.querySelector('[name=words]').value = '000000000000';"
                      "document.getElementById('filters').dispatchEvent(new Event('input'))")  # fmt: skip
        assert browser.value("document.querySelectorAll('#list li:not([hidden])').length") == 1
        browser.value("document.querySelector('#list li:not([hidden]) button').click()")
        browser.wait(f"document.body.dataset.drawn === '{KEYS[0]}'")
        assert browser.value("document.querySelector('#facts h2').textContent") == KEYS[0].split("_")[0]
        assert browser.value("document.documentElement.scrollWidth <= innerWidth")
        assert browser.console == []
        assert browser.requests and all(url.startswith(folder.as_uri()) for url in browser.requests)
