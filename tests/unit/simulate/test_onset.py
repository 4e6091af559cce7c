import numpy as np
import pytest
from scipy import special
from sklearn.metrics import roc_auc_score

from ichor.simulate.onset import OnsetTimes, mean_risk
from ichor.simulate.patients import CaseMix, draw_patients, visible_growth_logit


@pytest.fixture(scope="module")
def drawn():
    return draw_patients(20_000, CaseMix(onset_factor=1.2, anticoagulant=0.06), np.random.default_rng(5))


def test_shares_are_those_of_the_drawn_times():
    times = OnsetTimes(3.0)
    hours, shares = times.shares()
    assert hours[[0, -1]].tolist() == [0.5, 23.5] and shares.sum() == pytest.approx(1.0)
    drawn = times.draw(200_000, np.random.default_rng(2))
    counted = np.bincount(np.rint(10 * drawn).astype(int), minlength=236)[5:236] / drawn.size
    assert np.abs(counted - shares).max() < 0.0015
    # without clipping and rounding the median would be 3 h and a share of Phi(ln(5 / 3) / 0.66) below 5 h
    assert shares[hours <= 5.0].sum() == pytest.approx(special.ndtr(np.log(5.05 / 3) / 0.66), abs=1e-12)


def test_a_risk_that_does_not_depend_on_the_time_stays_what_it_is():
    logit = np.array([-3.0, 0.0, 1.5])
    np.testing.assert_allclose(mean_risk(logit, OnsetTimes(3.0), 0.0), special.expit(logit), atol=1e-12)


def test_mean_risk_is_the_mean_over_drawn_times():
    times, logit = OnsetTimes(2.5), np.array([-2.0, 0.7])
    hours = times.draw(400_000, np.random.default_rng(3))
    expected = [special.expit(x - 0.9 * np.log2(hours / 3.0)).mean() for x in logit]
    np.testing.assert_allclose(mean_risk(logit, times, -0.9), expected, atol=1e-3)


def test_the_part_of_the_risk_that_the_scan_shows(drawn):
    """Same mean as the risk (tower rule), calibrated, a little less discriminating, blind to the time of the scan."""
    image, risk = drawn["risk_expansion_image"], drawn["risk_expansion"]
    assert image.mean() == pytest.approx(risk.mean(), abs=0.001)
    fifth = np.digitize(image, np.quantile(image, [0.2, 0.4, 0.6, 0.8]))
    for group in range(5):
        assert drawn["expansion"][fifth == group].mean() == pytest.approx(image[fifth == group].mean(), abs=0.02)
    whole, visible = (roc_auc_score(drawn["expansion"], score) for score in (risk, image))
    assert 0.002 < whole - visible < 0.02
    assert abs(np.corrcoef(image, np.log(drawn["onset_to_ct_h"]))[0, 1]) < 0.02
    assert np.corrcoef(risk - image, np.log(drawn["onset_to_ct_h"]))[0, 1] < -0.4


def test_two_patients_with_one_scan_have_one_image_risk():
    alike = draw_patients(6, CaseMix(), np.random.default_rng(1))
    columns = ["heterogeneity", "irregularity", "iph_ml", "anticoagulant"]
    alike[columns] = alike.loc[[0] * 6, columns].to_numpy()
    assert np.ptp(visible_growth_logit(alike, CaseMix())) == 0 and alike["onset_to_ct_h"].nunique() > 1
