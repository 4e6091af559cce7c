"""Every row of R's numbers: see tests/oracles/README.md."""

import math

import numpy as np
import pandas as pd
import pytest

from ichor.evaluation.association import odds_ratios
from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.calibration import (
    brier,
    calibration_errors,
    calibration_intercept,
    calibration_slope,
    nagelkerke_r2,
    observed_expected,
)
from ichor.evaluation.discrimination import auc, delong_paired, delong_unpaired, delong_variance
from ichor.evaluation.heterogeneity import pool, random_effects
from ichor.evaluation.survival import cox, kaplan_meier, log_rank, survival_at
from ichor.evaluation.utility import net_benefit


def read(repository, name):
    return pd.read_csv(repository / "tests" / "oracles" / name, sep="\t")


def computed(data: pd.DataFrame) -> dict[str, float]:
    y = data["y"].to_numpy()
    none = Resamples(np.zeros(len(data)), 0, 0)
    out: dict[str, float] = {"n": len(data)}
    for model in ("p1", "p2", "p3"):
        p = data[model].to_numpy()
        value = auc(y, p)
        out |= {f"auc_{model}": value.estimate, f"auc_var_delong_{model}": delong_variance(y, p)}
        out |= {f"auc_ci_low_{model}": value.low, f"auc_ci_high_{model}": value.high}
    for first, second in (("p1", "p2"), ("p1", "p3"), ("p2", "p3")):
        test = delong_paired(y, data[first].to_numpy(), data[second].to_numpy())
        out |= {f"delong_z_{first}_{second}": test.statistic, f"delong_p_{first}_{second}": test.p}
    for model in ("p1", "p2"):
        p = data[model].to_numpy()
        maximum, e90, average = calibration_errors(y, p)[::-1]
        out |= {
            f"calibration_slope_{model}": calibration_slope(y, p).estimate,
            f"calibration_intercept_in_the_large_{model}": calibration_intercept(y, p).estimate,
            f"brier_{model}": brier(y, p, none).estimate,
            f"observed_expected_{model}": observed_expected(y, p).estimate,
            f"nagelkerke_r2_{model}": nagelkerke_r2(y, p),
            f"val_prob_Emax_lowess_{model}": maximum,
            f"val_prob_E90_lowess_{model}": e90,
            f"val_prob_Eavg_lowess_{model}": average,
        }
        out |= {f"net_benefit_{model}_at_{t}": net_benefit(y, p, t, none).estimate for t in (0.1, 0.2, 0.3)}
    return out | centers(data) | survival(data) | association(data)


def centers(data: pd.DataFrame) -> dict[str, float]:
    groups = {name: (part["y"].to_numpy(), part["p1"].to_numpy()) for name, part in data.groupby("center")}
    test = delong_unpaired(*groups["A"], *groups["B"])
    values = [auc(*group) for group in groups.values()]
    logits = [math.log(v.estimate / (1 - v.estimate)) for v in values]
    variances = [(v.standard_error / (v.estimate * (1 - v.estimate))) ** 2 for v in values]
    result = random_effects(np.array(logits), np.array(variances), at_least_usual=False)
    pooled = pool("auc", values)
    return {
        "delong_unpaired_D_A_B_p1": test.statistic, "delong_unpaired_df": test.df, "delong_unpaired_p": test.p,
        "meta_logit_auc": result.mean, "meta_se_knha": result.standard_error, "meta_tau2_reml": result.tau2,
        "meta_ci_low": result.low, "meta_ci_high": result.high,
        "meta_pi_low": result.prediction_low, "meta_pi_high": result.prediction_high,
        "meta_auc_pooled": pooled["pooled"].estimate,
        "meta_auc_pi_low": pooled["next"].low, "meta_auc_pi_high": pooled["next"].high,
    }  # fmt: skip


def survival(data: pd.DataFrame) -> dict[str, float]:
    out = {"logrank_chisq": log_rank(data["time"], data["event"], data["group"])[0]}
    for group, part in data.groupby("group"):
        out[f"km_surv_at_5_group{group}"] = survival_at(kaplan_meier(part["time"], part["event"]), 5)
    fit = cox(data["time"], data["event"], data[["p1"]])
    return out | {"cox_efron_coef_p1": fit.loc["p1", "coefficient"]}


def association(data: pd.DataFrame) -> dict[str, float]:
    design = pd.DataFrame({"p1": data["p1"], "center_a": (data["center"] == "A").astype(float)})
    row = odds_ratios(data["y"], design).loc["p1"]
    return {"logistic_or_p1": row["odds_ratio"], "logistic_or_wald_low_p1": row["low"],
            "logistic_or_wald_high_p1": row["high"]}  # fmt: skip


def test_every_row_of_the_oracle(repository):
    expected = read(repository, "expected.tsv").set_index("quantity")["value"].drop("r_version").astype(float)
    found = pd.Series(computed(read(repository, "data.tsv"))).reindex(expected.index)
    # R printed 12 digits; the lowess rows are another smoother's
    tolerance = np.where(expected.index.str.contains("lowess"), 0.01, 1e-6 * np.maximum(1, expected.abs()))
    wrong = ~((found - expected).abs() <= tolerance)
    assert not wrong.any(), pd.DataFrame({"expected": expected, "found": found})[wrong].to_string()
    assert len(expected) == 61


@pytest.mark.parametrize(
    ("events", "totals", "expected"),
    [
        ([235, 357, 365, 234, 74, 13], [587, 593, 463, 257, 77, 13], 0.7327),
        ([33, 188, 277, 262, 213, 167, 82, 48, 8], [93, 426, 531, 335, 265, 190, 92, 50, 8], 0.7229),
    ],
    ids=["ICH score", "ICH-GS"],
)
def test_published_grouped_scores(events, totals, expected):
    """Chen et al., Eur J Radiol 2023: poor outcome by score, printed AUC .733 and .723."""
    assert (sum(events), sum(totals)) == (1278, 1990)
    scores = np.repeat(np.arange(len(totals)), totals)
    labels = np.concatenate([np.r_[np.ones(e), np.zeros(t - e)] for e, t in zip(events, totals, strict=True)])
    assert auc(labels, scores).estimate == pytest.approx(expected, abs=5e-5)


def test_real_patients_against_proc(real_data):
    """The aSAH data of pROC, whose documentation prints these figures."""
    table = pd.read_csv(real_data / "tables" / "asah.tsv", sep="\t")
    y = (table["outcome"] == "Poor").to_numpy()
    wfns, ndka = table["wfns"].to_numpy(float), table["ndka"].to_numpy(float)
    assert auc(y, wfns).estimate == pytest.approx(0.8237, abs=5e-5)
    assert auc(y, ndka).estimate == pytest.approx(0.6120, abs=5e-5)
    test = delong_paired(y, wfns, ndka)
    assert test.statistic == pytest.approx(2.7978, abs=5e-5)
    assert test.p == pytest.approx(0.005146, abs=5e-7)
