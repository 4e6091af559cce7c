"""Fixtures of the simulated cohort: one small head template for all tests."""

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
