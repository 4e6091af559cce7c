"""SHAP values of any tabular model (Lundberg and Lee, NeurIPS 2017): what each feature adds to a prediction.

A patient's values and the expected value add up to the model's answer, on the scale that the model is additive on: log
odds for logistic regression, boosted trees, dense nets and scores mapped by a regression, the probability for forests,
trees and published risks. Features that are left out of a coalition take the values of background rows
(interventional SHAP), which are train rows and nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ichor.cohort.fences import assert_train
from ichor.explain.coalitions import Answers, shapley_values
from ichor.models.dense_net import forward
from ichor.models.node_arrays import NodeArrays
from ichor.models.tabular import LogisticModel, TabularModel
from ichor.seeds import seed_for


@dataclass(frozen=True)
class Attribution:
    """SHAP values of some rows.

    Attributes
    ----------
    values : pandas.DataFrame
        One row per explained row, one column per feature (columns of the cohort table).
    expected : float
        Mean answer of the background.
    scale : {"log_odds", "probability"}
        Scale of both.
    """

    values: pd.DataFrame
    expected: float
    scale: str


def attribute(model: TabularModel, rows: pd.DataFrame, background: pd.DataFrame, seed: int) -> Attribution:
    """SHAP values of a fitted tabular model of any kind.

    Parameters
    ----------
    model : TabularModel
        The model.
    rows, background : pandas.DataFrame
        Rows of the cohort table, all usable by the model; the background are train rows.
    seed : int
        Of the permutations, where there are any; with the row's patient it decides all draws for that row.

    Returns
    -------
    Attribution
        See there.
    """
    if hasattr(model, "nodes") or getattr(model, "booster", None) is not None:
        return _of_trees(model, rows, background)
    if isinstance(model, LogisticModel) and _is_direct(model, rows):
        return _of_line(model, rows, background)
    return _of_any(model, rows, background, seed)


def drawn_background(cohort: pd.DataFrame, model: TabularModel, split: str, count: int, seed: int) -> pd.DataFrame:
    """Train rows of a split that the model can read, by lot.

    Raises
    ------
    ichor.cohort.fences.LeakError
        If another row would be among them.
    """
    train = cohort[cohort["role"] == "train"]
    train = train[model.usable(model.design(train))]
    order = sorted(range(len(train)), key=lambda place: seed_for(seed, "background", train["patient"].iloc[place]))
    chosen = train.iloc[sorted(order[:count])]
    assert_train(chosen, cohort, split)
    return chosen


def answer(model: TabularModel, rows: pd.DataFrame) -> np.ndarray:
    """What the model says of rows on its scale: the sum of expected value and SHAP values."""
    design = model.design(rows)
    found = model.log_odds(design)
    return model.probability(design) if found is None else found


def _of_trees(model: TabularModel, rows: pd.DataFrame, background: pd.DataFrame) -> Attribution:
    """Exact values by the trees' structure (Lundberg et al., Nat Mach Intell 2020;2:56-67)."""
    import shap

    nodes = getattr(model, "nodes", None)
    known = model.coding.matrix(model.design(background))
    described = _tree_model(nodes) if nodes else model.booster
    explainer = shap.TreeExplainer(described, data=known, feature_perturbation="interventional", model_output="raw")
    design = model.design(rows)
    found = np.asarray(explainer.shap_values(model.coding.matrix(design), check_additivity=False))
    names = [name for name, _ in model.coding.columns(design.columns)]
    scale = "probability" if nodes else "log_odds"
    values = _by_feature(found.reshape(len(rows), -1), names, list(design.columns), rows.index)
    return Attribution(values, float(np.ravel(explainer.expected_value)[0]), scale)


def _tree_model(nodes: NodeArrays) -> dict:
    """The trees in the form that the shap library reads; each has its part of the mean as its values."""
    trees = []
    for number in range(len(nodes.first)):
        tree = nodes.of_tree(number)
        trees.append(
            {
                "children_left": tree.left,
                "children_right": tree.right,
                "children_default": np.where(tree.gap_left, tree.left, tree.right),
                "features": np.where(tree.column < 0, -2, tree.column),
                "thresholds": tree.cut,
                "values": tree.share[:, None] / len(nodes.first),
                "node_sample_weight": tree.rows,
            }
        )
    return {"trees": trees, "input_dtype": np.float32, "internal_dtype": np.float64, "tree_output": "raw_value"}


def _is_direct(model: LogisticModel, rows: pd.DataFrame) -> bool:
    """Whether there is a regression on columns of the cohort table, and not on what is derived from them."""
    return hasattr(model, "preparation") and set(model.preparation.predictors) <= set(rows.columns)


def _of_line(model: LogisticModel, rows: pd.DataFrame, background: pd.DataFrame) -> Attribution:
    """Closed form: coefficient times the distance from the background's mean; all columns of a feature together."""
    import shap

    prepared, known = (model.preparation.prepared(model.design(part)) for part in (rows, background))
    masker = shap.maskers.Independent(known, max_samples=len(known))
    explainer = shap.LinearExplainer((model.coefficients, model.intercept), masker)
    found = np.asarray(explainer.shap_values(prepared)).reshape(len(rows), -1)
    values = _by_feature(found, model.preparation.sources(), model.preparation.predictors, rows.index)
    return Attribution(values, float(np.ravel(explainer.expected_value)[0]), "log_odds")


def _of_any(model: TabularModel, rows: pd.DataFrame, background: pd.DataFrame, seed: int) -> Attribution:
    """Any model by its answers alone: exact for few features, else along permutations."""
    features = list(dict.fromkeys(model.columns()))
    gather = _prepared_groups(model) if hasattr(model, "layers") else _cohort_columns(model, features)
    found, expected = [], []
    for place in range(len(rows)):
        row = rows.iloc[[place]]
        own_seed = seed_for(seed, row["patient"].iloc[0])  # the patient's, wherever the row stands
        values, base = shapley_values(gather(row, background), len(features), len(background), own_seed)
        found.append(values)
        expected.append(base)
    scale = "probability" if model.log_odds(model.design(rows.head(1))) is None else "log_odds"
    return Attribution(pd.DataFrame(found, index=rows.index, columns=features), float(expected[0]), scale)


def _prepared_groups(model: TabularModel) -> Callable[[pd.DataFrame, pd.DataFrame], Answers]:
    """For dense nets: all prepared columns of a feature change together."""
    sources, predictors = model.preparation.sources(), model.preparation.predictors
    feature_of = np.array([predictors.index(name) for name in sources])

    def gather(row: pd.DataFrame, background: pd.DataFrame) -> Answers:
        pool = model.preparation.prepared(model.design(pd.concat([background, row])))
        columns = np.arange(pool.shape[1])[None, :]
        return lambda places: forward(model.layers, pool[places[:, feature_of], columns])

    return gather


def _cohort_columns(model: TabularModel, features: list[str]) -> Callable[[pd.DataFrame, pd.DataFrame], Answers]:
    """For scores and all others: columns of the cohort table, each different row answered once."""

    def gather(row: pd.DataFrame, background: pd.DataFrame) -> Answers:
        pool = pd.concat([background, row])
        codes = np.stack([pd.factorize(pool[name], use_na_sentinel=False)[0] for name in features], axis=1)

        def answers(places: np.ndarray) -> np.ndarray:
            at = places % len(pool)
            wanted = np.take_along_axis(codes, at, axis=0)
            _, first, back = np.unique(wanted, axis=0, return_index=True, return_inverse=True)
            made = {name: pool[name].array.take(at[first, place]) for place, name in enumerate(features)}
            return answer(model, pd.DataFrame(made))[np.ravel(back)]

        return answers

    return gather


def _by_feature(found: np.ndarray, sources: list[str], features: list[str], index: pd.Index) -> pd.DataFrame:
    """Sum the values of all columns that a feature was coded into."""
    made = pd.DataFrame(0.0, index=index, columns=features)
    for place, name in enumerate(sources):
        made[name] += found[:, place]
    return made
