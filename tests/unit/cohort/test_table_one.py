import math

import numpy as np
import pandas as pd
import pytest
from tableone import TableOne

from ichor import tables
from ichor.cohort.table_one import COLUMNS, standardized_difference, table_one


def people(n=300, seed=4):
    draw = np.random.default_rng(seed)
    center = draw.choice(["aurora", "boreal", "delta"], n)
    external = center == "delta"
    frame = tables.empty("patients").drop(columns=["patient"])
    frame = pd.DataFrame(index=range(n), columns=tables.columns("patients"), dtype=object)
    frame["patient"] = [f"p{number}" for number in range(n)]
    frame["center"] = center
    frame["center_role"] = np.where(external, "external", "development")
    frame["age_years"] = np.where(
        draw.random(n) < 0.1, np.nan, draw.normal(60 + 4 * external, 12).round(1).clip(18, 100)
    )
    frame["sex"] = np.where(draw.random(n) < 0.6, "male", "female")
    frame["location"] = draw.choice(["deep", "lobar", "infratentorial"], n, p=[0.6, 0.3, 0.1])
    frame["diabetes"] = np.where(draw.random(n) < 0.05, np.nan, draw.random(n) < 0.1 + 0.1 * external)
    return tables.validate("patients", frame, "simulated")


def row(table, variable, center, level=None):
    own = table[(table["variable"] == variable) & (table["center"] == center)]
    own = own if level is None else own[own["level"] == level]
    assert len(own) == 1
    return own.iloc[0]


def test_numbers_by_hand():
    frame = people(4).assign(center="aurora", center_role="development", age_years=[50.0, 60.0, 70.0, np.nan])
    frame["sex"] = ["male", "male", "female", None]
    frame["gcs"] = pd.array([3, 15, 15, 14], dtype="Int64")
    table = table_one(frame)
    assert list(table.columns) == COLUMNS
    age = row(table, "age_years", "aurora")
    assert (age["median"], age["q1"], age["q3"], age["n"], age["missing"]) == (60, 55, 65, 3, 1)
    assert age["text"] == "60 [55-65]"
    assert row(table, "sex", "all", "male")["text"] == "2 (66.7 %)"
    assert row(table, "gcs", "all")["text"] == "14.5 [11.2-15]"
    assert row(table, "patients", "all")["count"] == 4
    assert math.isnan(row(table, "age_years", "all")["standardized_difference"])


def test_agrees_with_the_tableone_package():
    frame = people()
    table = table_one(frame)
    plain = frame[["center", "center_role", "age_years", "sex", "location", "diabetes"]].copy()
    plain[["age_years", "diabetes"]] = plain[["age_years", "diabetes"]].astype(float)
    oracle = TableOne(
        plain.drop(columns="center_role"),
        columns=["age_years", "sex", "location", "diabetes"],
        categorical=["sex", "location", "diabetes"],
        nonnormal=["age_years"],
        groupby="center",
        include_null=False,
        decimals=1,
    ).tableone
    for center in ("aurora", "boreal", "delta"):
        column = ("Grouped by center", center)
        own = row(table, "age_years", center)
        assert (
            oracle.loc[("age_years, median [Q1,Q3]", ""), column]
            == f"{own['median']:.1f} [{own['q1']:.1f},{own['q3']:.1f}]"
        )
        for name, level, shown in [("sex", "male", "male"), ("location", "lobar", "lobar"), ("diabetes", 1, "1.0")]:
            own = row(table, name, center, level)
            assert oracle.loc[(f"{name}, n (%)", shown), column] == f"{own['count']} ({own['percent']:.1f})"


@pytest.mark.parametrize(
    ("variable", "label"),
    [
        ("age_years", "age_years, mean (SD)"),
        ("sex", "sex, n (%)"),
        ("location", "location, n (%)"),
        ("diabetes", "diabetes, n (%)"),
    ],
)
def test_standardized_differences_agree_with_the_tableone_package(variable, label):
    frame = people()
    plain = frame[["center_role", variable]].dropna()
    plain = plain.astype({variable: float}) if variable in ("age_years", "diabetes") else plain
    categorical = [] if variable == "age_years" else [variable]
    oracle = TableOne(plain, columns=[variable], categorical=categorical, groupby="center_role", smd=True).tableone
    column = next(name for name in oracle.columns if "SMD" in name[1])
    printed = float(next(value for value in oracle[column].loc[label] if value not in ("", None)))
    found = table_one(frame).query("variable == @variable and center == 'all'")["standardized_difference"].iloc[0]
    assert found == pytest.approx(printed, abs=5e-4)


def test_difference_of_shifted_samples():
    values = np.array([1.0, 2.0, 3.0])
    assert standardized_difference(values, values + 2) == pytest.approx(2.0)
    assert math.isnan(standardized_difference(values, np.array([1.0])))
    assert math.isnan(standardized_difference(np.ones(3), np.ones(3)))


def test_a_level_that_nobody_has_does_not_hide_the_difference():
    frame = people()
    frame["treatment"] = np.where(np.arange(len(frame)) % 3 == 0, "craniotomy", "conservative")
    found = table_one(frame).query("variable == 'treatment' and center == 'all'")["standardized_difference"]
    assert found.notna().all()


def test_volumes_and_labels_come_from_the_split_that_tests_the_patient():
    frame = people(3).assign(center="aurora", center_role="development")

    def cohort(roles, volume):
        return pd.DataFrame(
            dict(
                patient=["p0", "p1"],
                role=roles,
                iph_ml=[volume, volume + 1],
                ivh_ml=0.0,
                label_expansion=pd.array([1, None], dtype="Int64"),
                label_poor_outcome=pd.array([1, 0], dtype="Int64"),
                label_death=pd.array([None, 0], dtype="Int64"),
                label_deterioration_7d=pd.array([None, None], dtype="Int64"),
            )
        )

    cohorts = {"cv-0": cohort(["train", "test"], 10.0), "cv-1": cohort(["test", "train"], 20.0)}
    table = table_one(frame, cohorts)
    volume = row(table, "iph_ml", "all")
    assert (volume["n"], volume["median"]) == (2, 15.5)  # p0 from cv-1 (20 mL), p1 from cv-0 (11 mL)
    assert row(table, "patients", "all")["count"] == 2
    assert row(table, "label_expansion", "all", 1)["text"] == "1 (100.0 %)"
    assert row(table, "label_expansion", "all", 1)["missing"] == 1


def test_no_patient():
    assert table_one(tables.empty("patients"))["count"].fillna(0).sum() == 0
