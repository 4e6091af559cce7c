"""Which slices belong together, whatever series they were put in."""

import numpy as np
import pytest

from ichor.dicom.candidates import find_candidates
from ichor.dicom.index import index_frame


def slices(along, series="one", **columns):
    """Rows of an index: axial slices at these positions, mm."""
    rows = []
    for number, z in enumerate(along):
        row = dict(
            source=f"{series}/{number}", kind="dicom", patient="p", study="s", series=series, sop=f"{series}-{number}",
            sop_class="ct", modality="CT", image_type="ORIGINAL\\PRIMARY\\AXIAL", kernel="H31s", when="20200101120000",
            transfer_syntax="1.2.840.10008.1.2.1", acquisition=1, instance=number, thickness_mm=5.0, rows=64,
            columns=64, frames=1, samples=1, spacing_row_mm=0.5, spacing_column_mm=0.5,
            x_mm=-100.0, y_mm=-100.0, z_mm=float(z), row_x=1.0, row_y=0.0, row_z=0.0, column_x=0.0,
            column_y=1.0, column_z=0.0,
        )  # fmt: skip
        rows.append(
            row | {name: value[number] if isinstance(value, list) else value for name, value in columns.items()}
        )
    return rows


def candidates(*parts):
    """Number of slices and reason of each candidate, sorted."""
    found = list(find_candidates(index_frame([row for part in parts for row in part])))
    names = [name for name, _, _ in found]
    assert len(set(names)) == len(names)
    return sorted((len(rows), reason) for _, reason, rows in found)


HEAD = np.arange(30) * 5.0
SPLIT = {
    "two kernels": dict(kernel="H60s"),
    "contrast run": dict(contrast=True),
    "another acquisition": dict(acquisition=2),
    "another time": dict(when="20200101120400"),
    "another pixel size": dict(spacing_row_mm=0.4, spacing_column_mm=0.4),
    "another matrix": dict(rows=32),
    "another orientation": dict(column_y=float(np.cos(0.2)), column_z=float(np.sin(0.2))),
}


@pytest.mark.parametrize("what", SPLIT)
def test_one_series_that_holds_two_scans_comes_apart(what):
    reason = {"two kernels": "bone_kernel", "contrast run": "contrast_enhanced"}.get(what, "")
    second = slices(HEAD, sop=[f"x{k}" for k in range(30)], **SPLIT[what])
    assert candidates(slices(HEAD), second) == sorted([(30, ""), (30, reason)])


def test_copies_of_the_same_images_are_one_scan():
    twice = [row | dict(source="copy/" + row["source"]) for row in slices(HEAD)]
    assert candidates(slices(HEAD), twice) == [(30, "")]


def test_different_images_at_the_same_places_in_one_acquisition_stay_for_conversion_to_judge():
    assert candidates(slices(HEAD), slices(HEAD, sop=[f"x{k}" for k in range(30)])) == [(60, "")]


MERGED = {
    "blocks one above the other": (HEAD[:12], HEAD[12:], {}),
    "every second slice": (HEAD[::2], HEAD[1::2], {}),
    "blocks of two thicknesses": (np.arange(10) * 4.0, 36 + 5.0 + np.arange(14) * 5.0, {}),
    "within half an hour": (HEAD[:12], HEAD[12:], dict(when="20200101123000")),
    "one without time": (HEAD[:12], HEAD[12:], dict(when="")),
}


@pytest.mark.parametrize("what", MERGED)
def test_series_that_continue_each_other_are_one_scan(what):
    first, second, columns = MERGED[what]
    assert candidates(slices(first), slices(second, series="two", **columns)) == [(len(first) + len(second), "")]


APART = {
    "a gap between them": (HEAD[:12], HEAD[15:], {}),
    "more than half an hour": (HEAD[:12], HEAD[12:], dict(when="20200101123001")),
    "another field of view": (HEAD[:12], HEAD[12:], dict(x_mm=-90.0)),
    "two reconstructions of the same slices": (HEAD, HEAD + 2.5, {}),
    "another study": (HEAD[:12], HEAD[12:], dict(study="t")),
    "another patient": (HEAD[:12], HEAD[12:], dict(patient="q")),
}


@pytest.mark.parametrize("what", APART)
def test_series_that_do_not_continue_each_other_stay_apart(what):
    first, second, columns = APART[what]
    expected = sorted([(len(first), ""), (len(second), "")])
    assert candidates(slices(first), slices(second, series="two", **columns)) == expected


def test_a_name_does_not_depend_on_the_order_of_the_files():
    rows = [*slices(HEAD[:12]), *slices(HEAD[12:], series="two")]
    ((one, _, _),) = find_candidates(index_frame(rows))
    ((two, _, _),) = find_candidates(index_frame(rows[::-1]))
    assert one == two and one not in ("one", "two")


def test_syntaxes_that_nobody_knows_and_lossy_ones_are_told_apart():
    unknown = slices(HEAD, series="two", transfer_syntax="1.2.840.113619.5.2", kernel="B30f")
    lossy = slices(HEAD, series="three", lossy=True, transfer_syntax="1.2.840.10008.1.2.4.91", kernel="C")
    assert candidates(slices(HEAD), unknown, lossy) == [(30, ""), (30, "lossy_compression"), (30, "unknown_syntax")]
