import numpy as np
import pytest

from ichor import tables
from ichor.synthesis.cases import SyntheticCase, parents_of, read_case, write_cases


def case(seed=1, **changes):
    rng = np.random.default_rng(seed)
    image = rng.integers(-1000, 2000, size=(6, 5, 4)).astype(np.int16)
    mask = (rng.random((6, 5, 4)) < 0.3).astype(np.uint8)
    return SyntheticCase(**({"image_hu": image, "mask": mask, "spacing_mm": (0.5, 0.5, 5.0), "label": 1,
                             "parents": ("a", "b"), "seed": seed} | changes))  # fmt: skip


def test_what_is_written_is_read_again_and_same_cases_make_same_bytes(tmp_path):
    made = [case(1), case(2, parents=())]
    table = write_cases(made, tmp_path / "x", "external", "g")
    tables.write("synthetic", table, tmp_path / "cases.tsv")
    table = tables.read("synthetic", tmp_path / "cases.tsv")
    for one, (_, row) in zip(made, table.iterrows(), strict=True):
        image, mask, spacing = read_case(row)
        assert (image == one.image_hu).all() and (mask == one.mask).all() and spacing == one.spacing_mm
        assert parents_of(row) == one.parents and row["outcome"] == "candidate"
    write_cases(made, tmp_path / "y", "external", "g")
    for file in (tmp_path / "x").iterdir():
        assert file.read_bytes() == (tmp_path / "y" / file.name).read_bytes()
    assert table["image_sha256"].is_unique


@pytest.mark.parametrize(
    "wrong",
    [
        {"image_hu": np.zeros((6, 5, 4), np.float32)},
        {"image_hu": np.full((6, 5, 4), 4000, np.int16)},
        {"mask": np.zeros((6, 5, 3), np.uint8)},
        {"spacing_mm": (0.5, 0.5, 0.0)},
    ],
)
def test_what_is_no_scan_is_refused(wrong):
    with pytest.raises(ValueError):
        case(**wrong)
