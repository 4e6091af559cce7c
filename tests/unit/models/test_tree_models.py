"""Forest and tree are scikit-learn's, kept as arrays; the tree's cut points can be read."""

import numpy as np
import pandas as pd
import pytest

from ichor.errors import StudyError
from ichor.models import registry

FEATURES = ["age_years", "gcs", "sex"]


def model(kind, **settings):
    spec = registry.resolve({"kind": kind, "features": FEATURES, **settings})
    return registry.load(kind).Model(spec)


def made_rows(n, seed=0):
    """Rows with gaps in a number and in a level, and labels that depend on both."""
    rng = np.random.default_rng(seed)
    gcs = rng.integers(3, 16, n).astype(float)
    labels = (rng.random(n) < 1 / (1 + np.exp(0.5 * (gcs - 9)))).astype(int)
    sex = rng.choice(["male", "female"], n).astype(object)
    rows = pd.DataFrame({"age_years": rng.normal(65, 12, n), "gcs": gcs, "sex": sex})
    rows.loc[rng.random(n) < 0.2, "gcs"] = np.nan
    rows.loc[rng.random(n) < 0.1, "sex"] = None
    return rows, labels


def their_columns(rows):
    """The coding of the rows by hand, for scikit-learn itself."""
    known = rows["sex"].notna()
    sexes = [np.where(known, rows["sex"] == level, np.nan) for level in ("female", "male")]
    return np.column_stack([rows["age_years"], rows["gcs"], *sexes]).astype(np.float32)


def test_the_forest_saved_as_arrays_says_what_scikit_learn_says_to_the_last_bit():
    from sklearn.ensemble import RandomForestClassifier

    (rows, labels), (fresh, _) = made_rows(150), made_rows(80, seed=1)
    fresh.loc[:9, "age_years"] = np.nan  # never missing in training
    first = model("random_forest", trees=40, rows_per_leaf=2)
    first.fit(rows, labels, 7)
    second = model("random_forest")
    second.restore(*first.state())
    theirs = RandomForestClassifier(40, min_samples_leaf=2, random_state=7).fit(their_columns(rows), labels)
    expected = theirs.predict_proba(their_columns(fresh))[:, 1]
    np.testing.assert_array_equal(second.probability(fresh), expected)
    one_by_one = [second.probability(fresh.iloc[[place]])[0] for place in range(len(fresh))]
    np.testing.assert_array_equal(one_by_one, expected)
    again = model("random_forest", trees=40, rows_per_leaf=2)
    again.fit(rows, labels, 8)
    assert not np.array_equal(again.probability(fresh), expected)


def test_the_tree_is_scikit_learns_and_its_cut_points_decide_every_row():
    from sklearn.tree import DecisionTreeClassifier

    rows, labels = made_rows(200)
    ours = model("tree")
    ours.fit(rows, labels, 7)
    _, facts = ours.state()
    theirs = DecisionTreeClassifier(max_depth=3, min_samples_leaf=10, random_state=7).fit(their_columns(rows), labels)
    np.testing.assert_array_equal(ours.probability(rows), theirs.predict_proba(their_columns(rows))[:, 1])

    questions = {question["node"]: question for question in facts["cut_points"]}
    assert questions[0]["feature"] == "gcs" and questions[0]["rows"] == 200
    assert questions[0]["events"] == labels.sum()

    def leaf(row, node=0):
        if node not in questions:
            return node
        asked, value = questions[node], row[questions[node]["feature"]]
        if pd.isna(value):
            return leaf(row, asked[asked["unknown"]])
        yes = value <= asked["cut"] if asked["level"] is None else value != asked["level"]
        return leaf(row, asked["yes" if yes else "no"])

    leaves = rows.apply(leaf, axis=1)
    assert leaves.nunique() == len(facts["rules"])
    for node, group in pd.Series(labels).groupby(leaves):
        np.testing.assert_allclose(ours.probability(rows)[leaves == node], group.mean(), rtol=1e-12)
        counts = f"{group.sum()} of {len(group)} train rows have the outcome"
        assert sum(counts in rule for rule in facts["rules"]) >= 1


def test_the_words_of_a_tree_name_number_level_and_gap():
    rows = pd.DataFrame({"age_years": [60.0] * 40, "gcs": [5.0, 12.0] * 20, "sex": ["male"] * 20 + ["female"] * 20})
    rows.loc[rows.index % 8 == 0, "gcs"] = np.nan
    low = rows["gcs"].isna() | (rows["gcs"] == 5)
    ours = model("tree", rows_per_leaf=1)
    ours.fit(rows, (low & (rows["sex"] == "male")).to_numpy(dtype=int), 1)
    rules = ours.state()[1]["rules"]
    assert sorted(rule.split(":")[1] for rule in rules)[0] == " 0 of 10 train rows have the outcome (0 %)"
    assert any("sex is male" in rule and "gcs <= 8.5 or unknown" in rule for rule in rules)
    assert any("10 of 10 train rows have the outcome (100 %)" in rule for rule in rules)


def test_a_feature_that_no_train_row_has_is_refused_by_name():
    rows, labels = made_rows(40)
    with pytest.raises(StudyError, match="gcs is missing in every train row"):
        model("random_forest").fit(rows.assign(gcs=np.nan), labels, 1)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("random_forest", {"trees": 20}), ("tree", {}), ("dense_net", {"epochs": 10, "imputer": "multivariate"})],
)
def test_one_seed_gives_the_same_numbers_on_any_number_of_threads(kind, settings):
    import torch
    from threadpoolctl import threadpool_limits

    (rows, labels), said = made_rows(160), []
    kept = torch.get_num_threads()
    for threads in (1, 4):
        with threadpool_limits(threads):
            torch.set_num_threads(threads)
            fitted = model(kind, **settings)
            fitted.fit(rows[:120], labels[:120], 5)
            fitted.choose(rows[120:], labels[120:])
            said.append(fitted.probability(rows).round(6))
    torch.set_num_threads(kept)
    np.testing.assert_array_equal(said[0], said[1])
