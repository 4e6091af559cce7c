from ichor.report.page import write_page
from ichor.report.used_bundle import section

FACTS = {
    "name": "tiny",
    "labels": ["iph", "edema"],
    "weights_sha256": "ab" * 32,
    "knows_patients": False,
    "about": {
        "title": "A <tiny> network",
        "licence": "CC BY 4.0",
        "citation": "Nobody 2026",
        "limits": ["Phantoms only."],
        "figures": {"how": "Ten phantoms.", "rows": [{"label": "iph", "Dice": 0.91234, "cases": 3}]},
    },
}


def test_what_the_report_says_of_a_bundle():
    assert section(None) is None
    found = section(FACTS)
    facts = dict(found["facts"])
    assert facts["Finds"] == "Parenchymal hemorrhage, Perihematomal edema"
    assert facts["Does not know"].startswith("Intraventricular hemorrhage") and "not 0" in facts["Does not know"]
    assert (facts["Licence"], facts["Cite"]) == ("CC BY 4.0", "Nobody 2026") and "does not say whom" in facts["To know"]
    assert found["figures"] == {"columns": ["label", "Dice", "cases"], "rows": [["iph", "0.912", "3"]]}
    bare = section(FACTS | {"about": {}, "knows_patients": True})
    assert bare["title"] == "tiny" and bare["figures"] is None and "To know" not in dict(bare["facts"])


def test_the_page_names_the_bundle_its_terms_and_figures(models, made_tables, tmp_path):
    study = {"name": "made", "title": "Made-up study", "simulated": True}
    options = {"study": study, "tables": made_tables, "models": models}
    with_bundle = write_page(tmp_path / "a.html", bundle=FACTS, **options).read_text()
    for text in ("A &lt;tiny&gt; network", "CC BY 4.0", "Nobody 2026", "Ten phantoms.", "0.912", "Phantoms only."):
        assert text in with_bundle
    without = write_page(tmp_path / "b.html", **options).read_text()
    assert "never saw its patient" in without and "never saw its patient" not in with_bundle
