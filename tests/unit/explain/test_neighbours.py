import numpy as np
import pandas as pd
import pytest

from ichor.cohort.fences import LeakError
from ichor.explain.neighbours import nearest


def frame(values, prefix):
    return pd.DataFrame(values, index=[f"{prefix}{number}" for number in range(len(values))], dtype=float)


def test_distances_are_in_standard_deviations_of_the_train_patients():
    train = frame([[0, 0, 7], [2, 100, 7], [0, 100, 7], [2, 0, 7]], "t")  # deviations 1, 50 and 0
    found = nearest(frame([[0, 10, 9]], "p"), train, 2)
    assert list(found["neighbour"]) == ["t0", "t2"] and list(found["rank"]) == [1, 2]
    assert found["distance"].tolist() == pytest.approx([np.sqrt(0.2**2 / 2), np.sqrt(1.8**2 / 2)])
    assert found["relative_distance"].tolist() == pytest.approx([0.2 / 2, 1.8 / 2]), "train patients are 2 apart"


def test_there_are_no_more_neighbours_than_train_patients_and_one_has_no_usual_distance():
    found = nearest(frame([[0.0], [3.0]], "p"), frame([[1.0]], "t"), 5)
    assert len(found) == 2 and found["relative_distance"].isna().all()
    assert nearest(frame(np.empty((0, 1)), "p"), frame([[1.0]], "t"), 5).empty


def test_a_patient_is_never_a_neighbour_of_his_own():
    train = frame([[0.0], [1.0]], "t")
    with pytest.raises(LeakError):
        nearest(train.head(1), train, 1)
