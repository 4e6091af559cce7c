"""Mean absolute SHAP values: of held-out patients alone, with the direction of numbers."""

import pandas as pd

from ichor.report.shap_summary import shap_summary


def made(split="cv-0", role="test", model="logistic", factor=1.0):
    rows = [
        dict(split=split, role=role, model=model, patient=f"{role}{i}", feature=name, value=value, shap=factor * move)
        for i in range(6)
        for name, value, move in (("gcs", str(3 + i), 2.0 - i), ("nihss", str(10 + i), 0.1 * i), ("sex", "male", 0.05))
    ]
    return pd.DataFrame(rows).assign(task="deterioration", scale="log_odds")


def test_size_order_and_direction():
    table = shap_summary(made(), "cv", {"logistic": "Logistic regression"})
    assert [column["name"] for column in table["columns"]] == ["Variable", "Logistic regression, log odds"]
    found = {row["cells"][0]: (row["cells"][1]["text"], row["cells"][1]["small"]) for row in table["rows"]}
    assert found == {"GCS": ("1.50", ["falls with it"]), "NIHSS": ("0.25", ["rises with it"]), "Sex": ("0.05", [])}
    assert [row["cells"][0] for row in table["rows"]] == ["GCS", "NIHSS", "Sex"]


def test_other_roles_splits_and_models_take_no_part():
    more = [made(role="train", factor=9.0), made(split="external", factor=9.0), made(model="other", factor=9.0)]
    labels = {"logistic": "Logistic regression"}
    assert shap_summary(pd.concat([made(), *more]), "cv", labels) == shap_summary(made(), "cv", labels)
    assert shap_summary(made(role="tune"), "cv", labels) is None
