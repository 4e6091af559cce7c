import re

from ichor.report.data_sources import section
from ichor.report.page import write_page

STUDY = dict(name="own", title="Own study", simulated=False)
BHSD = dict(
    preset="bhsd", title="BHSD", licence="MIT <and> terms", citation="Wu B", url="https://example.org/bhsd",
    remarks=["2 is parenchymal."], overlaps=["centers one (bhsd) and three (rsna2019): cut from it"],
)  # fmt: skip


def test_a_set_that_two_centers_use_stands_once():
    rows = section([BHSD | {"center": "one"}, BHSD | {"center": "two", "overlaps": []}])
    assert [(row["title"], row["centers"], len(row["overlaps"])) for row in rows] == [("BHSD", "one, two", 1)]


def test_the_page_gives_licence_citation_source_and_overlap(tmp_path):
    page = write_page(tmp_path / "page.html", study=STUDY, tables={}, sources=[BHSD | {"center": "one"}])
    text = page.read_text(encoding="utf-8")
    data = re.search(r'<section id="data">.*?</section>', text, flags=re.S)[0]
    for words in (
        "BHSD",
        "center one",
        "MIT &lt;and&gt; terms",
        "Wu B",
        "https://example.org/bhsd",
        "2 is parenchymal.",
    ):
        assert words in data
    assert "Centers one (bhsd) and three (rsna2019): cut from it." in data
    assert '<a href="#data">Data</a>' in text and "href" not in data


def test_without_public_sets_the_page_has_no_such_section(tmp_path):
    text = write_page(tmp_path / "page.html", study=STUDY, tables={}).read_text(encoding="utf-8")
    assert 'id="data"' not in text and '"#data"' not in text
