import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ichor.report import flow, flow_chart, montage, performance
from ichor.report.axes import Panel, nice_ticks, thin
from ichor.report.figure_files import FIGURES, write_figures
from ichor.report.palette import looks
from ichor.report.svg import LIGHT, Canvas, note

SIMULATED = {"simulated": True}


@pytest.fixture(scope="module")
def case():
    x, y, z = np.meshgrid(*map(np.arange, (40, 50, 12)), indexing="ij")
    blood = ((x - 30) / 6) ** 2 + ((y - 25) / 5) ** 2 + ((z - 7) / 3) ** 2 < 1
    return montage.Case("Median Dice", "aurora, Dice 0.80", np.where(blood, 65.0, 35.0), blood, blood, (0.9, 0.9))


def test_every_figure_is_written_stands_alone_and_is_stamped(made_tables, models, case, tmp_path):
    paths = write_figures(tmp_path, made_tables, study=SIMULATED, models=models, cases=[case])
    assert [path.stem for path in paths] == list(FIGURES)
    for path in paths:
        text = path.read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        assert root.get("aria-label") and text.count("simulated patients</text>") == 1
        used, given = set(re.findall(r"var\((--[\w-]+)\)", text)), set(re.findall(r"(--[\w-]+):#", text))
        assert used <= given, path.name
        assert "nan" not in re.sub(r"base64,[^\"]*", "", text).lower().replace("finance", "")


def test_figures_without_data_say_so(tmp_path):
    for path in write_figures(tmp_path, {}, study={"simulated": False}):
        assert "simulated patients</text>" not in path.read_text(encoding="utf-8")
        assert len(path.read_text(encoding="utf-8")) > 200


def test_page_and_files_have_the_same_colors(repository):
    css = (repository / "workflow/ichor/report/template/page.css").read_text()
    light = dict(re.findall(r"(--[\w-]+):(#\w+)", css.partition("@media")[0]))
    shared = {name: value for name, value in LIGHT.items() if name.startswith(("--net", "--floor", "--center"))}
    assert {name: light[name] for name in shared} == shared


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_enough_in_the_light_and_in_the_dark(repository):
    """Text 4.5:1, lines and symbols 3:1 (WCAG 2.2, 1.4.3 and 1.4.11)."""
    css = (repository / "workflow/ichor/report/template/page.css").read_text()
    light = dict(re.findall(r"(--[\w-]+):(#\w{6})", css.partition("@media")[0]))
    dark = dict(re.findall(r"(--[\w-]+):(#\w{6})", re.search(r"\[data-theme=dark\]\{(.*?)\}", css, re.S).group(1)))
    for theme in (light, dark):
        for ground in ("--paper", "--panel"):
            for name in ("--ink", "--muted", "--link", "--accent"):
                assert contrast(theme[name], theme[ground]) >= 4.5, (name, ground)
            for name in [n for n in theme if n.startswith(("--net", "--floor", "--center"))]:
                assert contrast(theme[name], theme[ground]) >= 3, (name, ground)
        assert contrast(theme["--warn-ink"], theme["--warn-bg"]) >= 4.5


def test_networks_stand_before_the_floor_and_are_drawn_apart(made_tables, models):
    found = looks(made_tables["metrics"], models)
    expansion = [look for (task, _), look in found.items() if task == "expansion"]
    assert [look.model for look in expansion] == ["vit", "volume", "logistic"]
    assert [look.network for look in expansion] == [True, False, False]
    assert len({(look.color, look.dash, look.marker) for look in expansion}) == 3
    many = pd.DataFrame({"task": "t", "model": [f"network{i}" for i in range(8)] + ["volume", "bat", "nag", "func"]})
    assert len({(look.color, look.dash, look.marker) for look in looks(many).values()}) == 12


def test_montage_shows_the_largest_slice_with_the_right_side_left(case):
    assert montage.largest_slice(case.predicted) == 7
    assert montage.largest_slice(np.zeros((3, 3, 9), bool)) == 4
    root = ElementTree.fromstring(montage.draw(case, simulated=True).render(alone=True))
    outline = next(p for p in root.iter("{http://www.w3.org/2000/svg}path") if "#ffb000" in (p.get("style") or ""))
    xs = [float(v) for v in re.findall(r"[ML]([\d.]+) ", outline.get("d"))]
    assert np.mean(xs) < (montage.PIXELS + 4) / 2, "blood on the patient's right stands on the left of the picture"


def test_outlines_run_along_the_edges_of_the_voxels():
    mask = np.zeros((6, 8), bool)
    mask[2:4, 3:6] = True  # x 2..3, y 3..5; shown: columns 6 - 4 = 2..4, rows 8 - 6 = 2..5
    (outline,) = montage.outlines(mask)
    assert outline.min(axis=0) == pytest.approx([2, 2]) and outline.max(axis=0) == pytest.approx([4, 5])


def test_thumbnails_stay_small():
    noise = np.random.default_rng(0).normal(40, 20, (512, 512))
    assert len(montage.picture(noise, (0.45, 0.45))) <= montage.LARGEST_BYTES


def test_montage_refuses_masks_of_another_shape(case):
    wrong = montage.Case("a", "b", case.image, case.predicted[:-1], None, (1.0, 1.0))
    with pytest.raises(ValueError, match=r"predicted mask has shape \(39, 50, 12\), the image \(40, 50, 12\)"):
        montage.draw(wrong, simulated=False)


def test_more_than_three_branches_of_the_flow_stand_in_rows_inside_the_chart(made_tables):
    arranged = flow.arrange(made_tables["flow"], made_tables["scans"])
    arranged = replace(arranged, targets=[replace(arranged.targets[0], title=f"Branch {i}") for i in range(4)])
    drawn = flow_chart.draw(arranged, simulated=True, width=760).render()
    boxes = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" class="[^"]*">Branch (\d)', drawn)
    (x0, y0, _), (x1, y1, _), (x2, y2, _), (x3, y3, _) = [tuple(map(float, box)) for box in boxes]
    assert (x0, x1) == (x2, x3) and x1 - x0 > 300 and y0 == y1 < y2 == y3


def test_flow_adds_up(made_tables):
    arranged = flow.arrange(made_tables["flow"], made_tables["scans"])
    records, images = arranged.sources
    assert records.count == len(made_tables["patients"]) and images.count == len(made_tables["scans"])
    assert records.count - sum(loss.count for loss in arranged.joined.losses) == arranged.joined.count
    for box in arranged.targets:
        assert box.count + sum(loss.count for loss in box.losses) == arranged.split.count


def test_a_patient_lost_without_a_reason_is_shown(made_tables):
    frame = made_tables["flow"].copy()
    frame = frame[~((frame["step"] == "merge") & (frame["reason"] == "no_scan"))]
    losses = flow.arrange(frame, made_tables["scans"]).joined.losses
    assert [(loss.reason, loss.count) for loss in losses] == [("", 10)]


def test_rows_of_a_group_count_all_its_patients(made_tables):
    metrics = made_tables["metrics"]
    own = metrics[(metrics["task"] == "outcome") & (metrics["split"] == "external")]
    group = next(g for g in performance.groups(own, "external") if g.center == "delta")
    auc = own[(own["center"] == "delta") & (own["quantity"] == "auc")].iloc[0]
    assert group.size.startswith(f"{auc['n']} patients, {auc['events']} events")


def test_scheme_of_several_splits_is_shown_by_split_without_repeats(made_tables):
    metrics = made_tables["metrics"]
    own = metrics[(metrics["task"] == "outcome") & (metrics["target"] == "poor_outcome")]
    headings = [group.heading for group in performance.groups(own, "loco")]
    assert headings[:3] == ["Left-out center aurora", "Left-out center boreal", "Left-out center cedar"]
    assert headings[3:] == ["All together", "Mean over centers", "A center not seen"]


def test_points_outside_the_axes_are_clipped_and_missing_ones_left_out():
    panel = Panel("t", "x", "y", (0, 1), (0, 1), label="l", simulated=False, width=100, height=100)
    points = panel.points([0.0, float("nan"), 2.0], [0.0, 0.5, 0.5])
    assert points == [(panel.x(0), panel.y(0)), (panel.x(1), panel.y(0.5))]


def test_thinning_keeps_the_corners():
    steps = [(0, 0), (0, 5), (0, 10), (5, 10), (10, 10)]
    assert thin(steps) == [(0, 0), (0, 10), (10, 10)]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-7.3, 9.1), (0.61, 0.74), (0, 163)])
def test_ticks_are_round_and_inside(low, high):
    ticks, digits = nice_ticks(low, high)
    assert 3 <= len(ticks) <= 8 and low <= min(ticks) and max(ticks) <= high
    assert [float(f"{t:.{digits}f}") for t in ticks] == pytest.approx(ticks)


def test_text_in_figures_is_escaped():
    canvas = Canvas(10, 10, 'a "label" & <more>', simulated=False)
    canvas.text(1, 1, "<b>&")
    canvas.region(0, 0, 1, 1, "<i>")
    assert ElementTree.fromstring(canvas.render()) is not None
    assert "<b>" not in canvas.render()
    assert "words" in note("words", simulated=True).render()


def test_a_model_that_reads_what_is_known_later_says_so_in_its_label(made_tables):
    plain = looks(made_tables["metrics"])
    (task, model), before = next(iter(plain.items()))
    for settings in ({"post_baseline": ["treatment"]}, {"record": {"post_baseline": ["treatment"]}}):
        assert looks(made_tables["metrics"], {task: {model: settings}})[task, model].label == (
            f"{before.label} (knows treatment)"
        )
