import numpy as np
import pytest

from ichor.errors import StudyError
from ichor.segmentation.labels import check_labels, to_network, to_study


def test_labels_without_a_class_of_their_own_become_background():
    mask = np.array([0, 1, 2, 3])
    assert to_network(mask, ["iph", "edema"]).tolist() == [0, 1, 0, 2]


def test_study_codes_come_back():
    assert to_study(np.array([0, 1, 2]), ["iph", "edema"]).tolist() == [0, 1, 3]


def test_labels_are_put_in_the_order_of_their_codes():
    assert check_labels(["ivh", "iph"]) == ["iph", "ivh"]


@pytest.mark.parametrize("labels", [[], ["iph", "iph"], ["blood"]])
def test_wrong_labels_name_the_right_ones(labels):
    with pytest.raises(StudyError, match="write some of iph, ivh, edema, extraaxial"):
        check_labels(labels)
