"""Ventricles of simulated heads, where they are known, and of heads that cannot be told."""

import numpy as np
import pytest

from ichor.imaging.ventricles import ventricle_mask
from ichor.simulate.anatomy import build_template, compose_head, draw_individual

SLICES = 2
"""Slices of the simulated head that make a slice of the scan."""


@pytest.fixture(scope="module")
def head():
    """HU, spacing and true ventricles of a head of 70 years, slices of 5 mm, noise of 5 HU."""
    template = build_template(110, np.random.default_rng(3))
    made = compose_head(template, draw_individual(70.0, np.random.default_rng(5)))

    def scanned(field):
        field = field.transpose(2, 1, 0)
        field = field[:, :, : field.shape[2] // SLICES * SLICES]
        return field.reshape(*field.shape[:2], -1, SLICES).mean(axis=-1)

    hu = scanned(made.hu)
    hu = (hu + np.random.default_rng(0).normal(0, 5, hu.shape)).astype(np.int16)
    return hu, np.array(template.grid.spacing_mm) * [1, 1, SLICES], scanned(made.ventricle) > 0.5


def test_most_of_what_is_found_is_ventricle_and_most_ventricle_is_found(head):
    hu, spacing, truth = head
    found = ventricle_mask(hu, spacing)
    assert (found & truth).sum() > 0.8 * found.sum(), "sulci, fissures and cisterns are left out"
    assert (found & truth).sum() > 0.5 * truth.sum()


def test_blood_is_no_ventricle_and_a_head_of_even_tissue_has_none(head):
    hu, spacing, truth = head
    blood = np.zeros(hu.shape, bool)
    blood[: hu.shape[0] // 2] = True
    kept = ventricle_mask(hu, spacing, blood)
    assert kept.any() and not (kept & blood).any()
    even = np.where((hu > -100) & (hu < 25), 32, hu).astype(np.int16)
    assert not ventricle_mask(even, spacing).any()


def test_heights_are_not_known_in_a_scan_that_ends_inside_the_head(head):
    hu, spacing, _ = head
    assert ventricle_mask(hu[:, :, :20], spacing) is None
    assert ventricle_mask(np.full((40, 40, 10), -1000, np.int16), spacing) is None
