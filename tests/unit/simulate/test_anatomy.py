import numpy as np
import pytest

from ichor.simulate.anatomy import Individual, compose_head, draw_individual
from ichor.simulate.brain import PINEAL

PLAIN = Individual((1.0, 1.0, 1.0), 0.0, 0.8, 0, 36.0, 27.0, 0.0, (0.0, 0.0, 0.0))


def test_volumes_are_those_of_an_adult(template, head):
    voxel = template.grid.voxel_ml * 0.97**3  # the mean size of the people drawn from the template
    assert 1150 < head.tissue.sum() * voxel < 1450
    assert 10 < head.ventricle.sum() * voxel < 90
    assert 1350 < template.shell.cavity.sum() * voxel < 1600


def test_tissues_have_their_hu(template, head):
    brain = head.hu[head.tissue > 0.95]
    assert 25 < np.median(brain) < 36
    assert 0 < np.median(head.hu[head.ventricle > 0.95]) < 12
    assert np.median(head.hu[template.shell.bone > 0.95]) > 500
    assert head.hu[0, 0, 0] == pytest.approx(-1000)


def test_brain_is_wrapped_in_bone_above_the_base(template):
    """From the brain, every way sideways, to the front and back crosses bone."""
    z = template.grid.index_of((0, 0, 30))[0]
    inside, bone = template.shell.cavity[z] > 0.5, template.shell.bone[z] > 0.5
    for axis in (0, 1):
        lines = inside.any(axis=axis)
        assert (bone.any(axis=axis) | ~lines).all()


def test_ventricles_widen_with_age():
    young = [draw_individual(35, np.random.default_rng(i)).ventricle_mm for i in range(40)]
    old = [draw_individual(85, np.random.default_rng(i)).ventricle_mm for i in range(40)]
    assert np.mean(old) > np.mean(young) + 1.5


def test_calcified_pineal_is_bright_and_no_tissue_elsewhere_changes(template):
    plain = compose_head(template, PLAIN)
    calcified = compose_head(template, Individual(**{**PLAIN.__dict__, "calcified": (0.0, 0.0, 220.0)}))
    assert calcified.hu[template.grid.index_of(PINEAL)] > 120
    changed = np.argwhere(np.abs(calcified.hu - plain.hu) > 1e-3)
    assert 0 < len(changed) < 400
