from pathlib import Path

import pytest

from ichor.dicom.file_patterns import any_name, pattern_regex
from ichor.dicom.references import ReferenceMasks, parse_labels
from ichor.errors import StudyError

PATTERN = "{patient}_ID_{scan}.nii.gz"


def test_a_scan_field_takes_what_tells_two_scans_of_a_patient_apart():
    match = pattern_regex(PATTERN).fullmatch("ID_2db7ee14_ID_2591d00dfc.nii.gz")
    assert match.groupdict() == {"patient": "ID_2db7ee14", "scan": "2591d00dfc"}
    assert any_name(PATTERN).fullmatch("ID_a_ID_b.nii.gz") and not any_name(PATTERN).fullmatch("ID_a.nii.gz")


@pytest.mark.parametrize("pattern", ["ct.nii.gz", "{patient}_{scan}_{scan}.nii", "{patient}_{slice}.nii"])
def test_a_wrong_pattern_says_what_is_expected(pattern):
    with pytest.raises(StudyError, match="expected {patient} once, {time_point} and {scan} at most once"):
        pattern_regex(pattern)


def test_a_mask_is_that_of_the_scans_own_file():
    digests = {"A_ID_1.nii.gz": "one", "A_ID_2.nii.gz": "two", "B_ID_3.nii.gz": "three"}
    masks = ReferenceMasks(Path("masks"), PATTERN, digests)
    assert masks.find("A", "baseline", "images/A_ID_2.nii.gz") == ("masks/A_ID_2.nii.gz", "two")
    assert masks.find("A", "baseline", "images/A_ID_9.nii.gz") == ("", "")  # none of its own
    assert masks.find("A", "followup", "images/A_ID_2.nii.gz") == ("", "")
    assert masks.find("A", "baseline")[1] == "one;two"  # what all of the patient's scans depend on
    assert masks.find("C", "baseline", "images/C_ID_3.nii.gz") == ("", "")


def test_values_that_are_none_of_our_labels_become_background():
    assert parse_labels("1=background;2=iph;3=ivh;255=edema") == {1: 0, 2: 1, 3: 2, 255: 3}
    with pytest.raises(StudyError, match="'4=sdh'.*iph, ivh, edema, extraaxial, background"):
        parse_labels("2=iph;4=sdh")
