"""The quality page: pictures show a brain and no face, all that was set aside is told, 500 scans open from a file."""

import io
import json
import re
import subprocess

import numpy as np
import pytest
from PIL import Image

from ichor import tables
from ichor.reasons import ADVICE, MEANING, Reason
from ichor.report.quality import write_quality_page
from ichor.report.quality_pictures import BINS, FACTS, HEIGHTS, SIDE, picture, write_pictures
from ichor.tables import status_row

STUDY = {"title": "Made-up study", "simulated": True}
SPACING = np.array([2.0, 2.0, 5.0])


def head():
    """Skull around a brain of 32 HU with a bleed of 65 HU on the patient's left, and a nose in front of it."""
    x, y, z = np.indices((110, 120, 30))
    radius = np.sqrt(((x - 55) / 34) ** 2 + ((y - 58) / 42) ** 2 + ((z - 14) / 13) ** 2)
    volume = np.full(radius.shape, -1000, np.int16)
    volume[(np.abs(x - 55) < 5) & (y > 100) & (y < 116)] = 40
    volume[radius < 1.12] = 900
    volume[radius < 1.0] = 32
    volume[(x - 38) ** 2 + (y - 60) ** 2 + (4 * (z - 18)) ** 2 < 80] = 65
    return volume


def brain(volume):
    return (volume > 0) & (volume < 80) & (np.indices(volume.shape)[1] <= 100)


def shown(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def test_a_picture_shows_slices_of_the_brain_with_its_outline_and_no_face():
    volume = head()
    pixels = shown(picture(volume, brain(volume), SPACING))
    assert pixels.shape == (SIDE, SIDE * len(HEIGHTS), 3)
    outline = pixels[:, :, 0] - pixels[:, :, 2] > 40  # all else is gray
    assert all(outline[:, SIDE * i : SIDE * (i + 1)].sum() > 100 for i in range(len(HEIGHTS)))
    low = brain(volume) & (np.indices(volume.shape)[1] <= 80)  # as if the front of the head were a face
    pixels = shown(picture(volume, low, SPACING))
    edge = SIDE // 2 - round(64 * SIDE / 200)  # front of the mask: 64 mm before its middle
    beyond, within = edge - round(18 * SIDE / 200), edge - round(8 * SIDE / 200)
    middle = slice(SIDE // 2 - 5, SIDE // 2 + 5)
    assert pixels[:beyond].max() < 30 and pixels[within, middle].min() > 60


def test_the_patients_left_is_on_the_right():
    volume = head()
    tile = shown(picture(volume, brain(volume), SPACING))[:, SIDE : 2 * SIDE].mean(axis=2)
    left, right = tile[40:100, 40 : SIDE // 2], tile[40:100, SIDE // 2 : SIDE - 40]
    assert right.mean() > left.mean() + 5


def test_without_a_brain_nothing_is_shown():
    volume = head()
    assert shown(picture(volume, np.zeros(volume.shape, bool), SPACING)).max() < 10


def scan_row(number, time_point="baseline", **changed):
    return dict(
        patient=f"{number:012x}", center="aurora", time_point=time_point, image="none.nii.gz", source="dicom",
        columns=512, rows=512, slices=30 + number % 5, spacing_x_mm=0.45, spacing_y_mm=0.45, extent_mm=150.0,
        spacing_z_mm=5.0 if number % 3 else 4.8, tilt_deg=-14.0 if number % 2 else 0.0, hu_min=-1024, hu_max=1900,
        kernel="H30s" if number % 4 else "<b>&J40s", voxel_sha256=f"{number}{time_point}",
        flags="tilt_corrected" if number % 2 else None,
    ) | changed  # fmt: skip


@pytest.fixture
def made(tmp_path):
    """Write a page of n scans whose picture is one small file each."""

    def write(count, extra_status=(), **options):
        rows = [scan_row(i) for i in range(count)]
        volume = head()
        content = picture(volume, brain(volume), SPACING)
        folder = tmp_path / "aurora/0"
        folder.mkdir(parents=True, exist_ok=True)
        facts = []
        for row in rows:
            name = f"{row['patient']}_baseline.webp"
            (folder / name).write_bytes(content)
            histogram = np.bincount([25] * 60 + [30] * 20 + [42] * 5, minlength=BINS).tolist()
            facts.append(
                dict(patient=row["patient"], time_point="baseline", picture=name, brain_hu=31.0, brain_ml=1310.0,
                     histogram=histogram)
            )  # fmt: skip
        (folder / FACTS).write_text(json.dumps(facts))
        status = [
            status_row("aurora", row["patient"], "convert", "flagged", Reason.TILT_CORRECTED, "baseline: -14 degrees")
            for row in rows[1::2]
        ]
        page = tmp_path / "aurora.html"
        write_quality_page(
            page, "aurora", tables.frame("scans", rows), tables.frame("status", [*status, *extra_status]),
            [folder / FACTS], study=STUDY, **options,
        )  # fmt: skip
        return page

    return write


def test_the_page_tells_every_scan_and_everything_set_aside(made):
    text = made(
        6,
        [
            status_row("aurora", "series-1", "select", "set_aside", Reason.BONE_KERNEL, "H70h"),
            status_row("aurora", "series-2", "select", "set_aside", Reason.BONE_KERNEL, "<script>alert(1)</script>"),
            status_row("boreal", "series-3", "select", "set_aside", Reason.LOCALIZER, "of another center"),
            status_row("aurora", f"{2:012x}", "merge", "set_aside", Reason.TWO_PATIENTS_ONE_SCAN, "one scan for two"),
        ],
        centers=["aurora", "boreal"],
    ).read_text()
    assert text.count('<li class="card') == 6 and text.count('<li class="card out"') == 1
    assert text.count('loading="lazy"') == 6
    for part in (
        MEANING[Reason.BONE_KERNEL],
        ADVICE[Reason.TWO_PATIENTS_ONE_SCAN],
        "docs/reference/reasons/bone_kernel.md",
    ):
        assert part.replace("'", "&#39;") in text
    assert "of another center" not in text and "<script>alert" not in text and "<b>&J40s" not in text
    assert 'href="boreal.html"' in text and "Simulated patients" in text
    assert not re.search(r"(src|href)=\"(https?:)?//", text)


def test_a_center_without_scans_has_a_page(tmp_path):
    status = [status_row("empty", "", "index", "set_aside", Reason.EMPTY_FOLDER)]
    page = tmp_path / "empty.html"
    write_quality_page(page, "empty", tables.empty("scans"), tables.frame("status", status), [], study=STUDY)
    text = page.read_text()
    assert "No scan of this center was accepted" in text and "empty_folder" in text and "(whole center)" in text


def test_pictures_and_numbers_of_a_shard(tmp_path):
    import nibabel as nib

    volume = head()
    nib.save(nib.Nifti1Image(volume, np.diag([*SPACING, 1.0])), tmp_path / "ct.nii.gz")
    rows = tables.frame("scans", [scan_row(1, image=str(tmp_path / "ct.nii.gz"))])
    write_pictures(rows, tmp_path / "made", tmp_path / "made" / FACTS)
    (facts,) = json.loads((tmp_path / "made" / FACTS).read_text())
    assert facts["brain_hu"] == 32 and 1000 < facts["brain_ml"] < 2000
    assert len(facts["histogram"]) == BINS and np.argmax(facts["histogram"]) == 26  # 32 to 34 HU
    assert shown((tmp_path / "made" / facts["picture"]).read_bytes()).max() > 200


def in_browser(chromium, folder, page, script):
    """Title of a frame that holds the page, opened from disk, after a script looked into it."""
    frame = folder / "frame.html"
    frame.write_text(
        f'<iframe id="p" src="{page.name}" width="1280" height="900"></iframe><script>addEventListener("load", '
        f'function () {{ var d = document.getElementById("p").contentDocument; {script} }})</script>'
    )
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    command += [f"--user-data-dir={folder / 'profile'}", "--window-size=1400,1000", "--dump-dom", frame.as_uri()]
    output = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    return re.search(r"<title>(.*?)</title>", output).group(1)


def test_a_browser_opens_500_scans_and_filters_them(made, chromium, tmp_path):
    page = made(500)
    assert page.stat().st_size < 2_000_000
    script = """
        var count = function () { return d.querySelectorAll("#cards > .card:not([hidden])").length; };
        var form = d.getElementById("filters"), tell = function () { form.dispatchEvent(new Event("input")); };
        var found = [d.documentElement.scrollWidth <= 1280, form.hidden, count()];
        form.elements.flag.value = "tilt_corrected"; tell(); found.push(count());
        form.elements.flag.value = "-"; tell(); found.push(count());
        form.elements.flag.value = ""; form.elements.words.value = "0000000000ff"; tell(); found.push(count());
        form.elements.words.value = ""; d.querySelector(".chip").click(); found.push(count());
        found.push(d.getElementById("shown").textContent);
        document.title = found.join();
    """
    assert in_browser(chromium, tmp_path, page, script) == "true,false,500,250,250,1,250,250"
