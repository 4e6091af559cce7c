import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from ichor.cohort.deterioration import Deterioration, label_deterioration
from ichor.simulate.courses import until_death
from ichor.simulate.deterioration_risks import TARGETS, deterioration_risks
from ichor.simulate.followup import earliest_death_h


@pytest.fixture(scope="module")
def labels(followed, repository):
    """Labels that the cohort gives by the default config, from the readings that were made."""
    rows, planned = followed
    settings = yaml.safe_load((repository / "config" / "config.yaml").read_text())["cohort"]["deterioration"]
    people = rows.assign(death_180d=(rows["mrs_180d"] == 6).astype(int), onset_to_last_contact_h=4400.0)
    found = label_deterioration(people, until_death(planned, rows), Deterioration.of(settings))
    return found.set_index(rows["patient"])


@pytest.mark.parametrize("target", TARGETS)
def test_truth_is_of_the_labels_that_the_cohort_gives(told, labels, target):
    truth = told[told["target"] == target].set_index("patient")
    label = labels[f"label_{target}"].dropna().astype(int)
    truth = truth.loc[label.index]
    pd.testing.assert_series_equal(truth["event"], label, check_names=False, check_dtype=False)
    spread = np.sqrt((truth["risk"] * (1 - truth["risk"])).sum())
    assert abs((label - truth["risk"]).sum()) < 3.5 * spread
    assert roc_auc_score(label, truth["risk"]) > 0.8


def test_the_report_tells_what_the_record_does_not(followed, told, labels):
    rows, planned = followed
    label = labels["label_deterioration_7d"].dropna().astype(int)
    plans, earliest = dict(list(planned.groupby("patient"))), earliest_death_h(rows)
    unread = {
        row["patient"]: deterioration_risks(row, plans[row["patient"]], death, None)["deterioration_7d"]
        for row, death in zip(rows.to_dict("records"), earliest, strict=True)
    }
    read = told[told["target"] == "deterioration_7d"].set_index("patient")["risk"]
    alone = roc_auc_score(label, rows.set_index("patient")["leading_signs"].loc[label.index])
    without = roc_auc_score(label, [unread[patient] for patient in label.index])
    together = roc_auc_score(label, read.loc[label.index])
    assert together > max(alone, without) + 0.05 and min(alone, without) > 0.6
    assert 0.3 < label.mean() < 0.5
