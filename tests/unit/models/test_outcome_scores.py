"""The scores of outcome as models."""

import numpy as np
import pandas as pd
import pytest

from ichor.errors import StudyError
from ichor.models import registry

ROWS = pd.DataFrame(
    {
        "gcs": pd.array([15, 12, 8, 3, None], dtype="Int64"),
        "nihss": pd.array([2, 12, 22, 42, None], dtype="Int64"),
        "iph_ml": [5.0, 25.0, 55.0, 90.0, 90.0],
        "ivh_ml": [0.0, 0.05, 5.0, 3.0, 3.0],
        "location": ["lobar", "lobar", "deep", "infratentorial", "deep"],
        "age_years": [40.0, 66.0, 76.0, 85.0, 85.0],
        "anticoagulant": [0, 0, 0, 1, 1],
        "prior_cognitive_impairment": [0, 0, 0, 1, 1],
    }
)
KINDS = [
    ({"kind": "ich_score"}, [0, 1, 3, 6]),
    ({"kind": "ich_gs_score"}, [5, 8, 11, 13]),
    ({"kind": "func_score"}, [11, 11, 5, 0]),
    ({"kind": "max_ich_score"}, [0, 1, 7, 9]),
    ({"kind": "modified_ich_score"}, [0, 1, 4, 6]),
    ({"kind": "modified_ich_score", "variant": "cho"}, [0, 2, 5, 5]),
    ({"kind": "modified_ich_score", "variant": "rich"}, [0, 1, 4, 6]),
]


def model(spec):
    resolved = registry.resolve(spec)
    return registry.load(resolved["kind"]).Model(resolved)


@pytest.mark.parametrize(("spec", "points"), KINDS)
def test_points_are_mapped_on_train_rows_and_come_back_from_the_state(spec, points):
    made = model(spec)
    design = made.design(ROWS)
    assert design.iloc[:4, 0].tolist() == points
    assert made.usable(design).tolist() == [True] * 4 + [False]
    made.fit(design[:4], np.array([0, 1, 0, 1]), 1)
    probability = made.probability(design[:4])
    worse = np.diff(points) * (-1 if spec["kind"] == "func_score" else 1)
    assert (np.sign(np.diff(probability)) == np.sign(worse)).all()
    again = model(spec)
    again.restore(*made.state())
    np.testing.assert_array_equal(again.probability(design[:4]), probability)
    np.testing.assert_allclose(made.log_odds(design[:4]), np.log(probability / (1 - probability)))


@pytest.mark.parametrize(
    ("spec", "risks"),
    [
        ({"kind": "ich_score"}, [0, 0.13, 0.72, 1]),
        ({"kind": "func_score"}, [0.18, 0.18, 0.87, 1]),
        ({"kind": "modified_ich_score"}, [0, 0.04, 0.65, 1]),
        ({"kind": "modified_ich_score", "variant": "rich"}, [0.06, 0.15, 0.75, 1]),
    ],
)
def test_published_risks_are_taken_as_they_are(spec, risks):
    spec = spec | {"probability": "published"}
    made = model(spec)
    design = made.design(ROWS)[:4]
    made.fit(design, np.array([1, 1, 0, 0]), 1)
    again = model(spec)
    again.restore(*made.state())
    np.testing.assert_allclose(again.probability(design), risks, atol=1e-12)
    assert again.log_odds(design) is None


def test_the_variant_is_named_and_one_without_known_risks_says_so():
    assert registry.resolve({"kind": "modified_ich_score"})["variant"] == "cheung_zou"
    with pytest.raises(StudyError, match="found 'modified'; write cheung_zou, cho, rich"):
        model({"kind": "modified_ich_score", "variant": "modified"}).columns()
    made = model({"kind": "modified_ich_score", "variant": "cho", "probability": "published"})
    with pytest.raises(StudyError, match="variant cho was not at hand"):
        made.fit(made.design(ROWS)[:4], np.array([1, 1, 0, 0]), 1)


def test_unknown_items_can_be_asked_to_count_as_few_or_as_many_points_as_they_could():
    rows = pd.concat([ROWS, pd.DataFrame({"iph_ml": [np.nan]})], ignore_index=True)
    for wish, points in (("no_score", np.nan), ("fewest", 3.0), ("most", 5.0)):
        made = model({"kind": "ich_score", "unknown_items": wish})
        found = made.design(rows)["ich_points"]
        assert found[:4].tolist() == [0, 1, 3, 6]
        np.testing.assert_equal(found.iloc[4:].to_numpy(), [points, np.nan])  # of the last nothing is known
        assert made.usable(made.design(rows)).tolist() == [True] * 4 + [wish != "no_score", False]
    with pytest.raises(StudyError, match="found 'zero'; write no_score, fewest or most"):
        model({"kind": "ich_score", "unknown_items": "zero"}).design(rows)
