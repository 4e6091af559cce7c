"""Images without a SOP class, as in RSNA 2019: a CT image by its modality and pixels, and by nothing less."""

import pytest
from tests.unit.dicom.test_candidates import HEAD, candidates, slices


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (dict(sop_class="none"), ""),
        (dict(sop_class="none", modality=""), "not_ct"),
        (dict(sop_class="none", modality="MR"), "not_ct"),
        (dict(sop_class="none", rows=None), "not_ct"),
        (dict(sop_class="other"), "not_ct"),
        (dict(modality=""), ""),
    ],
)
def test_what_counts_as_ct(changes, reason):
    assert {found for _, found in candidates(slices(HEAD, **changes))} == {reason}
