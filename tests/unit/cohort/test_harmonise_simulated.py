"""Harmonising undoes what each simulated center does to its table: headers, units, codes, delimiter, encoding."""

import numpy as np
import pandas as pd
import pytest

from ichor.cohort.harmonise import harmonise_center
from ichor.pseudonyms import pseudonym
from ichor.simulate.center import draw_center_patients
from ichor.simulate.centers import CENTERS
from ichor.simulate.followup import draw_deaths, follow
from ichor.simulate.record_tables import FORMATS, columns_sheet, write_records

KEY = bytes(32)


@pytest.mark.parametrize("center", sorted(FORMATS))
def test_every_value_comes_back(center, tmp_path):
    drawn = draw_center_patients(CENTERS[center], 60, seed=5)
    rng = np.random.default_rng(6)
    drawn["onset_to_death_h"] = draw_deaths(drawn, rng)
    drawn = drawn.assign(**follow(drawn, drawn, rng))
    write_records(drawn, center, tmp_path / "records.csv")
    patients, status = harmonise_center(
        center, "external", tmp_path / "records.csv", columns_sheet().replace("", None), KEY
    )
    assert set(status["reason"]) <= {"unmapped_column"}
    drawn.index = [pseudonym(KEY, center, raw_id) for raw_id in drawn["patient"]]
    assert set(patients["patient"]) == set(drawn.index)
    for name in set(FORMATS[center].headers) - {"patient"}:
        found, expected = patients.set_index("patient")[name], drawn[name].reindex(patients["patient"])
        assert (found.isna() == expected.isna()).all(), name
        given = found.notna()
        if found.dtype == object:
            assert (found[given] == expected[given]).all(), name
        else:
            # one decimal is written, of creatinine in mg/dL and of days two
            unit = FORMATS[center].units.get(name)
            rounding = {"kPa": 0.4, "mg/dL": 0.45 if name == "creatinine_umol_l" else 0.06, "days": 0.13}.get(
                unit, 0.06
            )
            np.testing.assert_allclose(found[given].astype(float), expected[given].astype(float), atol=rounding)


def test_the_sheet_has_no_center_twice():
    assert not pd.DataFrame(columns_sheet()).duplicated(["center", "variable"]).any()
