import numpy as np
import pandas as pd
import pytest

from ichor.simulate.center import draw_center_patients, with_course
from ichor.simulate.centers import CENTERS
from ichor.simulate.courses import until_death
from ichor.simulate.followup import draw_deaths, earliest_death_h, follow, share_dead


@pytest.fixture(scope="module")
def many():
    return with_course(draw_center_patients(CENTERS["delta"], 3000, 4), CENTERS["delta"], 4)


def test_deaths_agree_with_the_scales(many):
    death = many["onset_to_death_h"]
    assert ((death <= 720) == (many["death_30d"] == 1)).all()
    assert ((death <= 90 * 24) == (many["mrs_90d"] == 6)).all()
    assert (death.notna() == (many["mrs_180d"] == 6)).all()
    operated = many["onset_to_surgery_h"].notna()
    assert (death[operated] > many.loc[operated, "onset_to_surgery_h"])[death[operated].notna()].all()


def test_deaths_come_when_they_are_said_to(many):
    early = many[many["death_30d"] == 1]
    chance = share_dead(early["onset_to_death_h"], earliest_death_h(early))
    np.testing.assert_allclose(np.quantile(chance, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.04)  # uniform
    assert share_dead(720.0, 60.0) == pytest.approx(1.0) and share_dead(60.0, 60.0) == 0.0


def test_follow_up_ends_only_where_the_record_has_nothing_later(many):
    rng = np.random.default_rng(1)
    record = many.assign(mrs_180d=many["mrs_180d"].mask(rng.random(len(many)) < 0.3))
    record["mrs_90d"] = record["mrs_90d"].mask(rng.random(len(many)) < 0.2)
    known = follow(many, record, np.random.default_rng(2))
    last, lost = known["onset_to_last_contact_h"], known["death_180d"].isna()
    assert 0.1 < lost.mean() < 0.25
    assert record.loc[lost, "mrs_180d"].isna().all() and (last[lost] < 180 * 24).all() and (last >= 720)[lost].all()
    assert (last[lost & record["mrs_90d"].notna()] > 90 * 24).all()
    assert (last[known["death_180d"] == 0] >= 180 * 24).all()
    dead = known["death_180d"] == 1
    pd.testing.assert_series_equal(known.loc[dead, "onset_to_death_h"], last[dead], check_names=False)
    assert (many.loc[~lost, "mrs_180d"] == 6).astype(int).equals(known.loc[~lost, "death_180d"].astype(int))


def test_nothing_is_measured_after_death(followed):
    rows, planned = followed
    made = until_death(planned, rows)
    death = made["patient"].map(rows.set_index("patient")["onset_to_death_h"])
    assert len(made) < len(planned) and not (made["time_h"] >= death).any()
    again = draw_deaths(rows, np.random.default_rng(9))
    assert set(np.isnan(again)) == {True, False}
