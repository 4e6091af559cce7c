"""What the functional groups of an enhanced CT object say of each frame, and when nobody knows where frames lie."""

import io

import numpy as np
import pytest
from other_forms import enhance, file_bytes
from phantom_series import Scan, write_series
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from ichor.dicom.candidates import file_reasons, find_candidates
from ichor.dicom.header_reader import describe_stream

HEAD = dict(rows=4, columns=4, along_mm=[10.0 * k for k in range(12)], thickness_mm=10.0)


@pytest.fixture
def plain(tmp_path):
    return write_series(tmp_path / "plain", Scan(**HEAD))


def frames(plain, tmp_path, change=None, **tags):
    whole = dcmread(enhance(plain, tmp_path / "x", **tags))
    if change:
        change(whole)
    return describe_stream(io.BytesIO(file_bytes(whole)))


def item(**values):
    out = Dataset()
    for name, value in values.items():
        setattr(out, name, value)
    return out


@pytest.mark.parametrize("legacy", [False, True])
def test_every_frame_is_described_as_its_classic_image_is(legacy, plain, tmp_path):
    found = frames(plain, tmp_path, legacy=legacy)
    for number, (frame, path) in enumerate(zip(found, plain, strict=True), start=1):
        (classic,) = describe_stream(io.BytesIO(path.read_bytes()))
        assert frame["frame"] == number and frame["frames"] == 1
        for name in ("position", "orientation", "spacing", "thickness_mm", "kernel", "when", "slope", "intercept"):
            assert frame[name] == classic[name], name


def test_what_frames_say_themselves_wins_over_what_they_share(plain, tmp_path):
    def change(whole):
        whole.PerFrameFunctionalGroupsSequence[3].PixelMeasuresSequence = [item(PixelSpacing=[1, 1], SliceThickness=2)]

    found = frames(plain, tmp_path, change)
    assert [frame["thickness_mm"] for frame in found] == [10, 10, 10, 2] + [10] * 8
    assert found[3]["spacing"] == [1, 1]


@pytest.mark.parametrize(("given", "contrast"), [("YES", True), ("NO", False), (None, True)])
def test_an_agent_counts_unless_the_frame_was_taken_without_it(given, contrast, plain, tmp_path):
    def change(whole):
        whole.ContrastBolusAgentSequence = [item(CodeMeaning="Iodine")]
        if given:
            usage = item(ContrastBolusAgentNumber=1, ContrastBolusAgentAdministered=given)
            whole.SharedFunctionalGroupsSequence[0].ContrastBolusUsageSequence = [usage]

    assert {frame["contrast"] for frame in frames(plain, tmp_path, change)} == {contrast}
    assert {frame["contrast"] for frame in frames(plain, tmp_path)} == {False}


@pytest.mark.parametrize(("region", "other"), [("Head", False), ("Chest", True)])
def test_the_region_of_the_frames(region, other, plain, tmp_path):
    def change(whole):
        anatomy = item(AnatomicRegionSequence=[item(CodeMeaning=region)])
        whole.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = [anatomy]

    assert {frame["other_body_part"] for frame in frames(plain, tmp_path, change)} == {other}


def drop_groups(whole):
    del whole.PerFrameFunctionalGroupsSequence


def lose_one(whole):
    whole.PerFrameFunctionalGroupsSequence = whole.PerFrameFunctionalGroupsSequence[:-1]


def screen_captures(whole):
    whole.SOPClassUID = SecondaryCaptureImageStorage


@pytest.mark.parametrize("change", [drop_groups, lose_one, screen_captures])
def test_objects_that_do_not_say_where_their_frames_lie_have_a_code(change, plain, tmp_path, index):
    (tmp_path / "in").mkdir()
    whole = dcmread(enhance(plain, tmp_path / "x"))
    change(whole)
    (tmp_path / "in" / "x").write_bytes(file_bytes(whole))
    rows, status = index(tmp_path / "in")
    assert status.empty and file_reasons(rows).tolist() == ["multi_frame"]


def test_two_time_points_in_one_object_come_apart(plain, tmp_path, index):
    def later(whole):
        for number, frame in enumerate(whole.PerFrameFunctionalGroupsSequence):
            frame.FrameContentSequence[0].FrameAcquisitionNumber = 1 + number // 12
            frame.FrameContentSequence[0].FrameAcquisitionDateTime = f"2020010112{number // 12:02d}00"

    (tmp_path / "in").mkdir()
    whole = dcmread(enhance([*plain, *plain], tmp_path / "x"))
    later(whole)
    (tmp_path / "in" / "x").write_bytes(file_bytes(whole))
    rows, _ = index(tmp_path / "in")
    found = list(find_candidates(rows))
    assert [(len(files), reason) for _, reason, files in found] == [(12, ""), (12, "")]
    assert rows["sop"].nunique() == 24 and sorted(rows["frame"]) == list(np.arange(24.0) + 1)
