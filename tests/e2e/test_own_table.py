"""`snakemake evaluation --config predictions=FILE` on a table of somebody else's model."""

import pandas as pd
import pytest
from tests.snakemake_run import snakemake


@pytest.fixture(scope="module")
def oracle(repository) -> pd.DataFrame:
    return pd.read_csv(repository / "tests/oracles/data.tsv", sep="\t")


def as_predictions(data: pd.DataFrame, *models: str) -> pd.DataFrame:
    """The oracle's cohort in the predictions schema."""
    common = dict(task="outcome", target="poor_outcome", split="theirs", role="test", time="baseline", seed=0)
    parts = [
        pd.DataFrame(
            common
            | dict(model=name, patient=data["id"], center=data["center"], label=data["y"], probability=data[name])
        )
        for name in models
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("suffix", ["tsv", "parquet"])
def test_figures_agree_with_r(oracle, tmp_path, repository, suffix):
    table = as_predictions(oracle, "p1", "p2")
    file = tmp_path / f"theirs.{suffix}"
    table.to_parquet(file) if suffix == "parquet" else table.to_csv(file, sep="\t", index=False)
    done = snakemake(tmp_path, "evaluation", "--config", f"predictions={file.name}")
    assert done.returncode == 0, done.stderr[-3000:]
    expected = pd.read_csv(repository / "tests/oracles/expected.tsv", sep="\t").set_index("quantity")["value"]
    metrics = pd.read_csv(tmp_path / "results/evaluation/metrics.tsv", sep="\t")
    found = metrics.set_index(["model", "center", "quantity"])
    for model in ("p1", "p2"):
        row = found.loc[(model, "all", "auc")]
        assert row["estimate"] == pytest.approx(float(expected[f"auc_{model}"]), abs=1e-6)
        assert row["low"] == pytest.approx(float(expected[f"auc_ci_low_{model}"]), abs=1e-6)
        slope = found.loc[(model, "all", "calibration_slope"), "estimate"]
        assert slope == pytest.approx(float(expected[f"calibration_slope_{model}"]), abs=1e-6)
    following = found.loc[("p1", "next", "auc")]
    assert following["low"] == pytest.approx(float(expected["meta_auc_pi_low"]), abs=1e-6)
    assert following["high"] == pytest.approx(float(expected["meta_auc_pi_high"]), abs=1e-6)
    comparisons = pd.read_csv(tmp_path / "results/evaluation/comparisons.tsv", sep="\t")
    paired = comparisons[(comparisons["test"] == "delong_paired") & (comparisons["center"] == "all")]
    assert paired["p"].iloc[0] == pytest.approx(float(expected["delong_p_p1_p2"]), abs=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="role"), ["theirs.tsv", "role"]),
        (lambda t: t.assign(probability=1.5), ["theirs.tsv", "probability", "1.5"]),
        (lambda t: pd.concat([t, t.iloc[:1].assign(role="train", seed=1)]), ["theirs.tsv", "train", "test"]),
    ],
)
def test_a_wrong_table_is_explained(oracle, tmp_path, change, words):
    change(as_predictions(oracle, "p1")).to_csv(tmp_path / "theirs.tsv", sep="\t", index=False)
    done = snakemake(tmp_path, "evaluation", "--config", "predictions=theirs.tsv")
    assert done.returncode == 1
    for word in words:
        assert word in done.stdout + done.stderr, done.stderr[-2000:]
