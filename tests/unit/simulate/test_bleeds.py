from dataclasses import replace

import numpy as np
import pytest

from ichor.simulate.bleeds import BleedPlan, bleed, draw_center, radius_of

PLAN = BleedPlan((28.0, 0.0, 4.0), 0.1, 0.2, False, (20.0, 32.0), (0.0, 0.0), (8.0, 15.0))


def make(template, head, plan, seed=1):
    return bleed(template, head, plan, np.random.default_rng(seed))


def test_radius_of_a_litre_sphere():
    assert radius_of(4 / 3 * np.pi) == pytest.approx(10.0)


@pytest.mark.parametrize("volumes", [(4.0, 4.2), (20.0, 32.0), (60.0, 90.0)])
@pytest.mark.parametrize("irregularity", [0.1, 0.9])
def test_volumes_are_the_planned_ones(template, head, volumes, irregularity):
    plan = replace(PLAN, iph_ml=volumes, irregularity=irregularity)
    for bled, expected in zip(make(template, head, plan), volumes, strict=True):
        assert bled.iph.sum() * template.grid.voxel_ml == pytest.approx(expected, rel=0.03)


def test_followup_holds_the_baseline_clot(template, head):
    before, after = make(template, head, PLAN)
    assert (after.iph >= before.iph - 1e-4).all()


def test_bleed_stays_in_the_brain_and_on_its_side(template, head):
    bled = make(template, head, PLAN)[0]
    core = bled.iph > 0.5
    assert (head.tissue[core] > 0.05).mean() > 0.98
    x = np.broadcast_to(template.grid.axes[0], core.shape)
    assert (x[core] > -5).mean() > 0.99


def test_supratentorial_bleed_does_not_cross_the_tentorium(template, head):
    plan = replace(PLAN, center_mm=(30.0, -55.0, 10.0), iph_ml=(40.0, 40.0))
    assert make(template, head, plan)[0].iph[template.brain.cerebellum > 0.9].sum() * template.grid.voxel_ml < 0.5


def test_heterogeneous_clots_hold_dark_pockets(template, head):
    dark = []
    for heterogeneity in (0.1, 0.8):
        bled = make(template, head, replace(PLAN, heterogeneity=heterogeneity))[0]
        dark.append((bled.hu[bled.iph > 0.95] < 50).mean())
    assert dark[0] < 0.05 and dark[1] > 0.20


def test_irregular_clots_have_more_surface(template, head):
    surfaces = []
    for irregularity in (0.1, 0.9):
        clot = make(template, head, replace(PLAN, irregularity=irregularity))[0].iph > 0.5
        surfaces.append(sum(np.abs(np.diff(clot.astype(int), axis=a)).sum() for a in range(3)))
    assert surfaces[1] > 1.3 * surfaces[0]


def test_ventricular_blood_pools_behind(template, head):
    bled = make(template, head, replace(PLAN, ivh_ml=(6.0, 9.0)))[0]
    y = np.broadcast_to(template.grid.axes[1], bled.ivh.shape)
    assert bled.ivh.sum() * template.grid.voxel_ml == pytest.approx(6.0, rel=0.15)
    assert np.average(y, weights=bled.ivh) < np.average(y, weights=head.ventricle) - 5


def test_edema_lies_around_the_clot_and_is_darker_than_brain(template, head):
    bled = make(template, head, PLAN)[0]
    edema = bled.edema > 0.8
    assert bled.edema.sum() * template.grid.voxel_ml == pytest.approx(8.0, rel=0.12)
    assert 14 < np.median(bled.hu[edema]) < 27
    assert not (edema & (bled.iph > 0.5)).any()


def test_clot_moves_the_ventricles_away(template, head):
    """A large clot on the right pushes what lies between it and the midline to the left."""
    large = make(template, head, replace(PLAN, iph_ml=(70.0, 70.0)))[0]
    small = make(template, head, replace(PLAN, iph_ml=(3.0, 3.0)))[0]
    x = np.broadcast_to(template.grid.axes[0], small.hu.shape)
    middle = (template.brain.depth_mm > 35) & (template.brain.cerebellum < 0.1)
    place = [x[middle & (b.hu > -5) & (b.hu < 16)].mean() for b in (small, large)]
    assert place[1] < place[0] - 1.0


@pytest.mark.parametrize("location", ["deep", "lobar", "infratentorial"])
def test_centers_lie_in_the_brain(template, location):
    rng = np.random.default_rng(0)
    for _ in range(30):
        place = template.grid.index_of(draw_center(location, 20.0, rng))
        assert template.shell.cavity[place] > 0.5
        if location != "infratentorial":
            assert template.brain.cerebellum[place] < 0.5
