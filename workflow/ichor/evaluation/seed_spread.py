"""How far the networks of one model, trained from different seeds, differ among themselves."""

import re

import numpy as np
import pandas as pd

from ichor.evaluation.discrimination import area, auc

MEMBER = re.compile(r"probability_seed_(\d+)")
COLUMNS = "model seeds auc auc_low auc_high auc_mean auc_sd auc_least auc_most probability_sd n events".split()


def member_predictions(predictions: pd.DataFrame, details: pd.DataFrame | None) -> pd.DataFrame:
    """Predictions of single networks.

    Parameters
    ----------
    predictions : DataFrame
        Table ``predictions``; several values of ``seed`` for one patient are networks of their own.
    details : DataFrame, optional
        Table ``prediction_details``; quantities ``probability_seed_0``, ``probability_seed_1``, ... are networks.

    Returns
    -------
    DataFrame
        Columns model, split, patient, center, role, label, member, probability, of models with two networks or more.
    """
    columns = ["model", "split", "patient", "center", "role", "label", "member", "probability"]
    parts = [predictions.rename(columns={"seed": "member"})[columns]]
    if details is not None and len(details):
        named = details["quantity"].str.fullmatch(MEMBER.pattern)
        own = details[named].rename(columns={"value": "probability"})
        own = own.assign(member=own["quantity"].str.extract(MEMBER, expand=False).astype(int))
        labels = predictions.drop_duplicates(["split", "patient"])[["split", "patient", "label"]]
        parts.append(own.merge(labels, on=["split", "patient"])[columns])
        parts[0] = parts[0][~parts[0]["model"].isin(set(own["model"]))]
    found = pd.concat(parts, ignore_index=True)
    several = found.groupby("model")["member"].transform("nunique") > 1
    return found[several].astype({"label": int, "probability": float})


def seed_spread(members: pd.DataFrame) -> pd.DataFrame:
    """AUC of each model's single networks and of their mean, on the test rows that all of its networks predicted.

    Parameters
    ----------
    members : DataFrame
        Of `member_predictions`.

    Returns
    -------
    DataFrame
        A row per model: ``seeds`` networks; ``auc`` of their mean probability with DeLong's interval; mean, standard
        deviation (n - 1), least and most of the single networks' AUCs; ``probability_sd``, the mean over patients of
        the standard deviation of a patient's probabilities. The spread over seeds is no interval: it says what another
        training would give on the same patients, not what other patients would.
    """
    out = []
    for model, rows in members[members["role"] == "test"].groupby("model", sort=False):
        wide = rows.pivot_table(index=["patient", "label"], columns="member", values="probability").dropna()
        labels = wide.index.get_level_values("label").to_numpy()
        single = np.array([area(labels, wide[member].to_numpy()) for member in wide])
        whole = auc(labels, wide.mean(axis=1).to_numpy())
        spread = {"auc_mean": single.mean(), "auc_sd": single.std(ddof=1)}
        spread |= {"auc_least": single.min(), "auc_most": single.max()}
        spread |= {"probability_sd": wide.std(axis=1, ddof=1).mean(), "n": len(wide), "events": int(labels.sum())}
        value = {"auc": whole.estimate, "auc_low": whole.low, "auc_high": whole.high}
        out.append({"model": model, "seeds": wide.shape[1]} | value | spread)
    return pd.DataFrame(out, columns=COLUMNS)
