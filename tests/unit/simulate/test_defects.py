"""Every simulated defect through the real index, selection and conversion: caught, or corrected as it says."""

import nibabel as nib
import numpy as np
import pytest

from ichor.dicom.regrid import LPS_TO_RAS
from ichor.reasons import Reason
from ichor.simulate.anatomy import build_template, compose_head, draw_individual
from ichor.simulate.bleeds import BleedPlan, bleed, draw_center
from ichor.simulate.defects.catalogue import DEFECTS
from ichor.simulate.dicom_writer import Encoding, Exam, Series, write_ct_series
from ichor.simulate.scanner import Scanner, draw_pose, scan_head
from ichor.simulate.trials import fault, ingest, read_images, write_images


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What became of every defect, and of the clean series that all are made from."""
    rng = np.random.default_rng(3)
    template = build_template(96, rng)
    person = draw_individual(60, rng)
    plan = BleedPlan(draw_center("deep", 30, rng), 0.5, 0.5, False, (30, 30), (5, 5), (10, 10))
    bled, _ = bleed(template, compose_head(template, person), plan, rng)
    scan = scan_head(template, bled, person.scale, draw_pose(rng), Scanner(), 96, rng, with_labels=False)
    work = tmp_path_factory.mktemp("defects")
    volume = np.clip(scan.hu, -1024, 3071).transpose(2, 1, 0)
    exam, encoding = Exam(key="clean", patient_id="clean"), Encoding(signed=False, bits_stored=16)
    clean = read_images(write_ct_series(volume, scan.affine, work / "dicom" / "clean", exam, Series(), encoding))
    for name, defect in DEFECTS.items():
        write_images(defect.make(clean, np.random.default_rng(1)), work / "dicom" / name, name)
    return ingest(work / "dicom", work)


@pytest.mark.parametrize("name", DEFECTS)
def test_the_defect_is_caught_or_corrected(name, outcomes):
    assert fault(DEFECTS[name], outcomes.get(name), outcomes["clean"]) == ""


def test_the_clean_series_is_accepted_without_flags(outcomes):
    assert outcomes["clean"].scan is not None and outcomes["clean"].flags == set()


def test_every_refusal_names_what_was_measured(outcomes):
    """Refusals of the conversion; the selection's codes are about the header's words."""
    for name, outcome in outcomes.items():
        if outcome.scan is None and outcome.details and any(outcome.details):
            assert any(character.isdigit() for detail in outcome.details for character in detail), name


def test_codes_and_flags_of_the_catalogue_exist():
    codes = {str(reason) for reason in Reason}
    for defect in DEFECTS.values():
        assert defect.codes <= codes and (defect.flag in codes or defect.flag in ("", "none"))
        assert bool(defect.codes) != bool(defect.flag)


@pytest.mark.parametrize("name", ["tilt_without_tag", "two_blocks", "every_second_slice"])
def test_a_corrected_scan_has_its_brain_where_the_clean_one_has_it(name, outcomes):
    """The center of mass of the skull and its volume: within a third of a slice and 5 %."""
    found = []
    for outcome in (outcomes["clean"], outcomes[name]):
        image = nib.load(outcome.scan["image"])
        skull = np.argwhere(np.asanyarray(image.dataobj) > 300)
        volume = len(skull) * abs(np.linalg.det(image.affine))
        found.append(((image.affine @ [*skull.mean(axis=0), 1])[:3] * LPS_TO_RAS, volume))
    (center, volume), (corrected, again) = found
    assert np.abs(center - corrected).max() < 1.7
    assert again == pytest.approx(volume, rel=0.05)
