import numpy as np
import pytest

from ichor.segmentation.case_store import MAX_LOCATIONS, CaseStore, save_case


@pytest.mark.parametrize("shape", [(1, 7, 33, 20), (1, 3, 400, 380)])
def test_a_case_reads_back(tmp_path, shape):
    rng = np.random.default_rng(0)
    image, labels = rng.normal(size=shape).astype(np.float32), rng.integers(-1, 3, shape).astype(np.int8)
    save_case(tmp_path, "case-0", image, labels, seed=1)
    store = CaseStore(str(tmp_path), ["case-0"])
    data, seg, previous, properties = store.load_case("case-0")
    assert np.allclose(data[:], image, atol=2e-3) and np.array_equal(seg[:], labels) and previous is None
    for label in (1, 2):
        locations = properties["class_locations"][label]
        assert len(locations) == min(MAX_LOCATIONS, (labels == label).sum())
        assert (labels[tuple(locations.T)] == label).all()
    assert -1 not in properties["class_locations"] and 0 not in properties["class_locations"]


def test_an_empty_reference_has_no_locations(tmp_path):
    save_case(tmp_path, "case-0", np.zeros((1, 4, 8, 8)), np.zeros((1, 4, 8, 8), np.int8), seed=1)
    assert CaseStore(str(tmp_path), ["case-0"]).load_case("case-0")[3]["class_locations"] == {}


def test_nothing_is_pickled(tmp_path):
    save_case(tmp_path, "case-0", np.zeros((1, 4, 8, 8)), np.zeros((1, 4, 8, 8), np.int8), seed=1)
    assert {path.suffix for path in tmp_path.iterdir()} == {".b2nd", ".npy"}
    np.load(tmp_path / "case-0_locations.npy", allow_pickle=False)
