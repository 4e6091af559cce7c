"""Plots of volumes: every scan is a dot in its place, bands are the intervals, wide ranges get a cube root scale."""

import re

import numpy as np
import pandas as pd
import pytest

from ichor.report.axes import LEFT, TOP, Panel
from ichor.report.volume_plots import draw_bland_altman, draw_volumes
from ichor.segmentation.agreement_intervals import limits_with_intervals


def made(predicted, reference, label="edema"):
    rows = [
        dict(center="b" if i % 2 else "a", label=label, predicted_ml=p, reference_ml=r)
        for i, (p, r) in enumerate(zip(predicted, reference, strict=True))
    ]
    return pd.DataFrame(rows)


def dots(svg):
    """Places of all dots."""
    paths = re.findall(r'<path d="([^"]*h0)"', svg)
    return sorted(tuple(map(float, place)) for path in paths for place in re.findall(r"M([\d.]+) ([\d.]+)h0", path))


def summary(**known):
    return pd.DataFrame([dict(center="all", label="edema", ccc=0.9, icc=0.91) | known])


def test_the_bands_of_a_bland_altman_plot_are_the_intervals():
    predicted, reference = np.array([10.0, 12, 9, 14, 11]), np.array([9.0, 12, 10, 11, 12])
    canvas = draw_bland_altman(made(predicted, reference), "edema", simulated=True)
    svg = canvas.render()
    limits = limits_with_intervals(predicted - reference)
    bands = re.findall(r'<rect x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"[^>]*opacity:.13', svg)
    heights = [float(height) for _, height in bands]
    assert len(bands) == 3 and heights[0] == pytest.approx(heights[2], abs=0.2)
    widths = [high - low for low, high in (limits.low_interval, limits.bias_interval)]
    assert heights[1] / heights[0] == pytest.approx(widths[1] / widths[0], abs=0.02)
    assert "5 scans" in canvas.label and "bias 0.4 (" in canvas.label and "Perihematomal edema" in svg
    assert len(dots(svg)) == 5 and "cube root" not in svg


def test_a_wide_range_is_drawn_on_a_cube_root_scale_and_equal_volumes_lie_on_the_line():
    volumes = np.array([0.0, 1.0, 2.0, 3.0, 125.0])
    svg = draw_volumes(made(volumes, volumes), summary(), "edema", simulated=False).render()
    assert svg.count("cube root scale") == 2 and "CCC 0.90, ICC 0.91" in svg
    places = dots(svg)
    assert len(places) == 5
    for x, y in places:
        assert (x - LEFT) / 300 == pytest.approx((TOP + 210 - y) / 210, abs=0.005)
    high = 125 * 1.04
    assert places[0][0] == pytest.approx(LEFT, abs=0.1)
    assert places[1][0] == pytest.approx(LEFT + 300 * (1 / high) ** (1 / 3), abs=0.1)


def test_other_labels_do_not_enter_and_one_scan_has_no_limits():
    cases = pd.concat([made([4.0], [5.0]), made([50.0, 60.0], [1.0, 2.0], "iph")])
    svg = draw_bland_altman(cases, "edema", simulated=False).render()
    assert len(dots(svg)) == 1 and "upper limit" not in svg and "bias −1.0" in svg
    assert "nan" not in svg.lower()


def test_a_panel_keeps_its_scale_where_none_is_given():
    panel = Panel("t", "x", "y", (0, 10), (0, 10), label="l", simulated=False, y_scale=np.sqrt)
    assert panel.x(5) == pytest.approx(LEFT + 258 / 2) and panel.y(2.5) == pytest.approx(TOP + 258 / 2)
