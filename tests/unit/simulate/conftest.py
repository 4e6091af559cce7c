"""Fixtures of the simulated cohort: one small head template for all tests, and patients with their courses."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def template():
    from ichor.simulate.anatomy import build_template

    return build_template(96, np.random.default_rng(3))


@pytest.fixture(scope="session")
def head(template):
    from ichor.simulate.anatomy import compose_head, draw_individual

    return compose_head(template, draw_individual(60, np.random.default_rng(4)))


@pytest.fixture(scope="session")
def followed():
    """Patients of one center with what their courses follow, and all readings should they live."""
    from ichor.simulate.center import draw_center_patients, with_course
    from ichor.simulate.centers import CENTERS
    from ichor.simulate.courses import draw_courses

    rows = with_course(draw_center_patients(CENTERS["aurora"], 250, 5), CENTERS["aurora"], 5)
    return rows, draw_courses(rows, np.random.default_rng(6))


@pytest.fixture(scope="session")
def told(followed):
    """True risks of `followed`, when everybody has a report."""
    from ichor.simulate.courses import until_death
    from ichor.simulate.truth import course_truth

    rows, planned = followed
    return course_truth(rows, planned, until_death(planned, rows), set(rows["patient"]))
