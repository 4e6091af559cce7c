import pandas as pd

from ichor.simulate.centers import CENTERS
from ichor.simulate.record_tables import FORMATS, columns_sheet


def test_columns_sheet_of_the_demo_is_ours(repository):
    sheet = pd.read_csv(repository / "config" / "columns.tsv", sep="\t", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(sheet, columns_sheet())


def test_centers_sheet_of_the_demo_names_our_centers(repository):
    sheet = pd.read_csv(repository / "config" / "centers.tsv", sep="\t", dtype=str, keep_default_na=False)
    assert list(sheet["center"]) == list(CENTERS) == list(FORMATS)
    assert {c for c, masks in zip(sheet["center"], sheet["masks"], strict=True) if not masks} == {"estuary"}


def test_no_two_centers_write_the_same_table():
    assert len({tuple(layout.headers.values()) for layout in FORMATS.values()}) == len(FORMATS)
