"""Overlays: the right slices, the right side, lines in their colours, no face."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ichor.viewer.overlays import CAPTION, COLORS, REFERENCE, SIDE, overlay, plain, slices
from ichor.viewer.shard import caption

SPACING = np.array([2.0, 2.0, 5.0])


def shown(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def like(pixels, color):
    """Pixels that are near a colour; WebP changes it a little."""
    return np.abs(pixels - np.array(tuple(bytes.fromhex(color[1:])))).sum(axis=2) < 130


def test_slices_are_the_largest_and_its_neighbours_ten_millimetres_away(head, brain):
    _, mask = head
    assert slices(mask, None, brain, 5.0) == [11, 13, 15]
    assert slices(mask, None, brain, 10.0) == [12, 13, 14]
    assert slices(np.zeros_like(mask), mask, brain, 5.0) == [11, 13, 15]  # what was missed is shown
    top = np.roll(mask, 8, axis=2)
    assert slices(top, None, brain, 5.0) == [19, 21]  # at the scan's end
    levels = np.flatnonzero(brain.any(axis=(0, 1)))
    assert slices(None, None, brain, 5.0)[1] == round(levels[0] + 0.55 * (levels[-1] - levels[0]))


def test_a_prediction_and_its_reference_are_drawn_where_they_are(head, brain):
    volume, mask = head
    predicted, reference = np.roll(mask, 3, axis=0), mask
    pixels = shown(overlay(volume, brain, predicted, reference, SPACING, ["one", "two"]))
    assert pixels.shape == (SIDE + CAPTION, 3 * SIDE, 3)
    middle = pixels[:SIDE, SIDE : 2 * SIDE]
    red, blue = like(middle, COLORS["iph"]), like(middle, REFERENCE)
    assert red.sum() > 60 and blue.sum() > 40
    first = [np.flatnonzero(found.any(axis=0)).min() for found in (red, blue)]  # the prediction lies 6 mm further right
    assert first[1] - first[0] == pytest.approx(3 * 2.0 * SIDE / 200, abs=4)
    none = shown(overlay(volume, brain, None, None, SPACING, ["one"]))[:SIDE]
    assert not like(none, COLORS["iph"]).any() and not like(none, REFERENCE).any()


def test_the_patients_left_is_on_the_right(head, brain):
    volume, mask = head
    pixels = shown(overlay(volume, brain, mask, None, SPACING, []))[:SIDE, SIDE : 2 * SIDE]
    place = np.flatnonzero(like(pixels, COLORS["iph"]).any(axis=0)).mean()
    assert place == pytest.approx(SIDE / 2 + (42 - 28) * 2.0 * SIDE / 200, abs=6)  # small x is the patient's left


def test_the_nose_is_blacked_out_but_what_a_mask_reaches_is_not(head, brain):
    volume, mask = head
    low = brain & (np.indices(brain.shape)[1] < 70)
    pixels = shown(overlay(volume, low, mask, None, SPACING, []))[:SIDE, SIDE : 2 * SIDE]
    assert pixels[20 : SIDE // 2 - 95, SIDE // 2 - 8 : SIDE // 2 + 8].max() < 40


def test_a_caption_says_what_was_found_and_how_it_agrees():
    case = pd.DataFrame(
        [dict(label="iph", reference_ml=20.0, dice=0.913, emptiness=None)]
        + [dict(label="ivh", reference_ml=0.0, dice=np.nan, emptiness="both_empty")]
    )
    row = dict(found=1, iph_ml=21.26, ivh_ml=0.0, edema_ml=np.nan, location="deep", side="left", reasons=None)
    assert caption(row, case, None) == ["IPH 21.3 mL, IVH 0.0 mL, deep left", "Reference: IPH 20.0 mL, Dice 0.91"]
    assert caption({"found": 0}, case.iloc[:0], None) == ["Nothing found: 0.0 mL", "No reference mask"]
    failed = caption({}, case.iloc[:0], "segmentation_failed")
    assert failed[0] == "No volume (segmentation_failed)"
    cut = caption(dict(found=1, iph_ml=np.nan, reasons="mask_at_scan_edge"), case.iloc[1:], "mask_at_scan_edge")
    assert cut == ["No volume (mask_at_scan_edge)", "Reference: nothing, as predicted"]
    assert plain("−3 – 4") == "-3 - 4"
