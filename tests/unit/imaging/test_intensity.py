import numpy as np
import pytest

from ichor.errors import StudyError
from ichor.imaging.intensity import apply_window, window_channels


def test_window_maps_its_ends_to_zero_and_one_and_is_linear_between():
    image_hu = np.array([0, 25, 50, 75, 100], dtype=np.int16)
    np.testing.assert_allclose(apply_window(image_hu, (0, 100)), [0, 0.25, 0.5, 0.75, 1], atol=1e-7)
    np.testing.assert_allclose(apply_window(np.array([15, 57.5, 100]), (15, 100)), [0, 0.5, 1], atol=1e-7)


def test_bone_is_clipped_to_one_and_not_set_to_black():
    image_hu = np.array([-1024, -1, 100, 101, 300, 3071], dtype=np.int16)
    for window_hu in ((15, 100), (0, 100)):
        np.testing.assert_array_equal(apply_window(image_hu, window_hu), [0, 0, 1, 1, 1, 1])


def test_input_is_left_as_it_was():
    image_hu = np.array([0.0, 50.0, 500.0], dtype=np.float32)
    apply_window(image_hu)
    np.testing.assert_array_equal(image_hu, [0, 50, 500])


def test_one_channel_per_window():
    image_hu = np.linspace(-50, 150, 24).reshape(2, 3, 4)
    channels = window_channels(image_hu, [(0, 100), (20, 80), (-100, 300)])
    assert channels.shape == (3, 2, 3, 4) and channels.dtype == np.float32
    np.testing.assert_array_equal(channels[1], apply_window(image_hu, (20, 80)))


@pytest.mark.parametrize("window_hu", [(100, 0), (50, 50), (1, 2, 3), None, ("a", "b")])
def test_a_window_that_is_none_is_refused(window_hu):
    with pytest.raises(StudyError, match="window_hu"):
        apply_window(np.zeros(3), window_hu)
