"""The patients of a study as in table 1 of Yu et al. (2025): development centers, external ones each and together."""

import pandas as pd

from ichor.cohort.table_one import table_one
from ichor.evaluation import printed_expansion as printed
from ichor.evaluation.expansion_study import external_names

ROWS = (
    "patients label_expansion sex age_years iph_ml followup_iph_ml ivh_ml onset_to_ct_h onset_to_followup_ct_h gcs "
    "systolic_mmhg anticoagulant antiplatelet hypertension location"
).split()
MEASURED = {"iph_ml": "mL", "ivh_ml": "mL", "followup_iph_ml": "mL", "label_expansion": None}
DROPPED_LEVELS = {"sex": ("female",)}
COLUMNS = (
    "variable level unit cohort center kind n missing median q1 q3 count percent text standardized_difference printed"
).split()


def study_patients(patients: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    """Describe the patients who have a label of expansion.

    Parameters
    ----------
    patients : DataFrame
        Table ``patients``.
    cohort : DataFrame
        Table ``cohort`` of the split ``external``. Where the label was made of two volumes, both are described, from
        the same source; else the baseline volume is that of the study's own mask.

    Returns
    -------
    DataFrame
        Columns of `ichor.cohort.table_one.table_one` with ``cohort`` (``development``, ``external 1``, ...,
        ``external``) and ``printed``, what the paper prints of the cohort in that place. Variables that nobody has
        are left out.
    """
    labelled = cohort[cohort["label_expansion"].notna()]
    baseline = (labelled["followup_iph_ml"] - labelled["growth_ml"]).fillna(labelled["iph_ml"])
    table = table_one(patients, {"external": labelled.assign(iph_ml=baseline)}, MEASURED)
    centers = sorted(labelled.loc[labelled["role"] == "test", "center"].unique())
    places = [("development", "development"), *external_names(centers), ("external", "external")]
    parts = []
    for name in ROWS:
        rows = table[(table["variable"] == name) & ~table["level"].isin(DROPPED_LEVELS.get(name, ()))]
        if not (rows["n"] > 0).any():
            continue
        difference = rows.loc[rows["center"] == "all"].set_index("level")["standardized_difference"]
        for level in rows["level"].drop_duplicates():
            for of, center in places:
                row = rows[(rows["center"] == center) & (_same(rows["level"], level))].iloc[0].to_dict()
                row |= {"cohort": of, "printed": _printed(name, level, of)}
                shown = of == "external" and not difference.empty
                row["standardized_difference"] = difference.iloc[0] if shown else None
                parts.append(row)
    return pd.DataFrame(parts, columns=COLUMNS)


def _same(levels: pd.Series, level: object) -> pd.Series:
    return levels.isna() if pd.isna(level) else levels == level


def _printed(variable: str, level: object, cohort: str) -> str:
    theirs = "train" if cohort == "development" else cohort
    found = printed.TABLE_1.get(variable) or printed.TABLE_1.get(f"{variable}: {level}")
    return found[printed.COHORTS.index(theirs)] if found and theirs in printed.COHORTS else ""
