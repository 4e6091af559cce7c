import math

import pytest

from ichor import tables
from ichor.cohort.expansion import DEFINITIONS
from ichor.report import label_section, palette
from ichor.report.page import write_page

STUDY = {"name": "made", "title": "Made-up study", "simulated": True}


def row(quantity, estimate, low=None, high=None, n=100, events=20, definition="standard", center="all", **more):
    names = dict(task="expansion", target="expansion", model="vit", split="external")
    if quantity == "uncertain_share":
        names |= dict(task=None, target=None, model=None)
    values = dict(quantity=quantity, estimate=estimate, low=low, high=high, n=n, events=events)
    return names | values | dict(definition=definition, center=center) | more


def table(*rows):
    return tables.frame("label_sensitivity", list(rows))


FULL = (
    row("uncertain_share", 0.16, 0.12, 0.21, n=285, events=45),
    row("uncertain_share", 0.5, 0.4, 0.6, n=50, events=25, center="delta"),
    row("auc", 0.72, 0.60, 0.83, n=105, events=27),
    row("auc_drawn", 0.67, 0.51, 0.80, n=105, events=32),
    row("auc_redrawn", 0.67, 0.59, 0.74, n=105, events=32),
    row("auc", 0.76, 0.60, 0.83, n=105, events=13, definition="absolute_12.5"),
)
METRICS = tables.frame(
    "metrics",
    [
        dict(task="expansion", target="expansion", model=model, split="external", center="all", quantity="auc",
             estimate=0.7, low=0.6, high=0.8, n=100, events=20)
        for model in ("vit", "volume")
    ],
)  # fmt: skip
LOOKS = palette.looks(METRICS, None)


def test_sentences_give_counts_and_what_depends_on_the_labels():
    (found,) = label_section.section(table(*FULL), LOOKS, "standard")
    first, second = found["sentences"]
    assert first.startswith("Of 285 labels by the definition standard, 45 (16 %) lie within the error")
    assert "AUC 0.72 (0.60 to 0.83) with the labels as they are" in second
    assert "0.67 (0.51 to 0.80) when labels are drawn" in second
    assert "from 0.72 to 0.76 over 2 definitions" in second


def test_table_has_the_configured_definition_first_then_drawn_labels():
    (found,) = label_section.section(table(*FULL), LOOKS, "absolute_12.5")
    cells = [line["cells"] for line in found["table"]["rows"]]
    assert [line[0].split(":")[0] for line in cells] == [
        "absolute_12.5 (configured)",
        "absolute_12.5, labels drawn from their probabilities",
        "standard",
    ]
    assert cells[0][1] == "105 / 13" and cells[2][3] == {"text": "0.72", "small": ["0.60 to 0.83"], "code": False}
    assert found["centers"] is None  # no row of a center under this definition


def test_share_of_each_center():
    (found,) = label_section.section(table(*FULL), LOOKS, "standard")
    (line,) = found["centers"]["rows"]
    assert line["cells"][:3] == ["delta", "50", "25"] and line["cells"][3]["small"] == ["40 to 60 %"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("standard", "6 mL or 33 % or more"),
        ("strict", "more than 6 mL or 33 %"),
        ("over_26_percent", "more than 26 %"),
        ("absolute_12.5", "12.5 mL or more"),
        ("revised_1", "6 mL or 33 % or more, or any growth in the ventricles"),
        ("revised_2", "6 mL or 33 % or more, or 1 mL or more in the ventricles"),
        ("ivh_over_1_ml", "more than 1 mL in the ventricles"),
    ],
)
def test_definitions_in_words(name, words):
    assert label_section.words(DEFINITIONS[name]) == words


def test_unknown_errors_are_said_not_shown_as_zero():
    unknown = row("uncertain_share", math.nan, n=0, events=0, reason="volume_error_unknown")
    drawn = row("auc_drawn", math.nan, n=0, events=0, reason="volume_error_unknown")
    (found,) = label_section.section(table(unknown, row("auc", 0.7, 0.6, 0.8), drawn), LOOKS, "standard")
    assert "cannot be said. The error of a measured volume is not known" in found["sentences"][0]
    assert "drawn from" not in found["sentences"][1]
    assert found["table"]["rows"][1]["cells"][3]["text"] == "–"


EXTENT = (
    *(
        row("extent_share", n / 50, n=50, events=n, definition=f"extent_{k}", task=None, target=None, model=None)
        for k, n in enumerate((10, 20, 15, 5))
    ),
    row("uncertain_share", 0.3, 0.2, 0.4, n=40, events=12, definition="extent"),
    *(row("mean_risk", 0.1 * (k + 1), 0.05, 0.6, n=9, events=None, definition=f"extent_{k}") for k in range(3)),
    row("mean_risk", math.nan, n=0, events=None, definition="extent_3", reason="empty_denominator"),
    row("ordinal_c", 0.71, 0.61, 0.79, events=None, definition="extent"),
    row("trend_z", 3.9, events=None, definition="extent"),
)


def test_extent_of_expansion():
    (found,) = label_section.section(table(*FULL, *EXTENT), LOOKS, "standard")
    first, second, third = found["extent"]["sentences"]
    assert "in 50 patients: none 10 (20 %), up to 5.1 mL 20 (40 %)" in first
    assert "For 12 of 40 (30 %) no class" in second and "0.71 (0.61 to 0.79) of all pairs" in third
    cells = {line["cells"][0]: line["cells"][2] for line in found["extent"]["table"]["rows"]}
    assert cells["Growth: none, mean risk"]["text"] == "0.10"
    assert cells["Growth: more than 12.5 mL, mean risk"]["text"] == "–"
    assert cells["Concordance, extents drawn"]["text"] == "–"
    assert (cells["P of a trend"]["text"], cells["P of a trend"]["small"]) == ("< 0.001", ["rises"])
    assert len(found["table"]["rows"]) == 3, "an extent is no definition"
    (without,) = label_section.section(table(*FULL), LOOKS, "standard")
    assert without["extent"] is None


def test_no_label_at_all(tmp_path):
    nothing = table(row("uncertain_share", math.nan, n=0, events=0, reason="label_missing"))
    assert label_section.section(nothing, LOOKS, "standard") == []
    page = write_page(tmp_path / "index.html", study=STUDY, tables={"label_sensitivity": nothing})
    assert "No patient has an expansion label" in page.read_text()


def test_on_the_page(tmp_path):
    given = {"label_sensitivity": table(*FULL, *EXTENT), "metrics": METRICS}
    text = write_page(tmp_path / "index.html", study=STUDY, tables=given).read_text()
    assert 'id="labels"' in text and "45 (16 %) lie within the error" in text and 'href="#labels"' in text
    assert "Jonckheere-Terpstra" in text and "0.71 (0.61 to 0.79) of all pairs" in text
    without = write_page(tmp_path / "other.html", study=STUDY, tables={"metrics": METRICS}).read_text()
    assert 'id="labels"' not in without
