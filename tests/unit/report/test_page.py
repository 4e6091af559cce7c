import re
import subprocess
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from ichor.errors import StudyError
from ichor.report.page import write_page

VOID = {"meta", "link", "br", "img", "input", "hr"}
ADDRESSES = {"src", "href", "action", "data", "poster", "srcset", "xlink:href"}


class Reader(HTMLParser):
    """Collects tags and addresses, and checks that tags close in order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.addresses, self.ids, self.wrong = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.addresses += [value for name, value in attrs.items() if name in ADDRESSES]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def read(path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def visible(text: str) -> str:
    return re.sub(r"<(style|script)\b.*?</\1>", "", text, flags=re.S)


def test_the_page_is_one_file_that_needs_no_network(page):
    text, reader = page.read_text(encoding="utf-8"), read(page)
    assert reader.addresses and all(a.startswith(("#", "data:image/png;base64,")) for a in reader.addresses)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|\bimport\b\s*\(", text)
    without_namespace = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "http://" not in without_namespace and "https://" not in without_namespace
    assert page.stat().st_size < 5_000_000
    assert not list(page.parent.glob("*.part"))


def test_the_page_is_well_formed_and_its_links_lead_somewhere(page):
    reader = read(page)
    assert reader.wrong == [] and reader.open == []
    assert len(reader.ids) == len(set(reader.ids)), "an id stands twice"
    assert {a[1:] for a in reader.addresses if a.startswith("#")} <= set(reader.ids)


@pytest.mark.parametrize("kind", ["forest", "roc", "calibration", "utility"])
@pytest.mark.parametrize("scheme", ["external", "loco"])
@pytest.mark.parametrize("task", ["t-expansion-expansion", "t-outcome-poor-outcome"])
def test_every_task_and_scheme_has_its_figures(page, task, scheme, kind):
    assert f"fig-{task}-{scheme}-{kind}" in read(page).ids


def test_sections_and_their_figures_are_there(page):
    ids = set(read(page).ids)
    sections = {"findings", "flow", "patients", "segmentation", "reachable", "set-aside", "glossary", "provenance"}
    assert sections <= ids
    assert {"fig-flow", "fig-iph", "fig-ivh", "fig-reachable-t-outcome-poor-outcome"} <= ids


def test_agreement_is_told_by_group_and_measures_are_counted(page):
    text = page.read_text()
    assert "By size, location and scanner" in text and "reference: 30 mL or more" in text
    assert "Measures that are known" in text and "Location and side" in text


def test_figures_and_tables_speak_to_those_who_do_not_see_them(page):
    tags = read(page).tags
    figures = [attrs for tag, attrs in tags if tag == "svg" and "fig" in attrs.get("class", "").split()]
    assert len(figures) > 20
    assert all(a["role"] == "img" and len(a["aria-label"]) > 15 for a in figures)
    tables, captions = (sum(tag == name for tag, _ in tags) for name in ("table", "caption"))
    assert tables == captions > 8
    assert dict(tags[1][1] or {}).get("lang") == "en" or any(t == "html" and a.get("lang") == "en" for t, a in tags)


def test_simulated_stands_on_the_page_and_on_every_figure(page):
    text = page.read_text(encoding="utf-8")
    assert "Simulated patients: no number on this page" in text
    figures = re.findall(r'<svg [^>]*class="fig[^>]*>.*?</svg>', text, flags=re.S)
    assert len(figures) > 20 and all(">simulated patients</text>" in figure for figure in figures)


def test_simulated_stands_nowhere_on_a_page_of_real_patients(real_page):
    text = visible(real_page.read_text(encoding="utf-8"))
    assert 'class="stamp"' not in text and 'class="banner"' not in text
    mentions = [m.group(0) for m in re.finditer(r"[^.<>]*simulated[^.<>]*", text, flags=re.I)]
    assert mentions and all("for simulated patients only" in m or "simulated patient" in m.lower() for m in mentions)
    assert "for real patients this cannot be stated" in text


def test_a_suspicious_auc_raises_an_alarm_on_real_patients_only(page, real_page):
    assert "Possible leak" in real_page.read_text(encoding="utf-8")
    assert "Possible leak" not in page.read_text(encoding="utf-8")


def test_a_missing_number_is_a_dash_with_its_reason_and_never_a_zero(made_tables, models, tmp_path):
    metrics = made_tables["metrics"].copy()
    gone = (
        (metrics["task"] == "expansion") & (metrics["split"] == "external") & metrics["quantity"].isin(["auc", "brier"])
    )
    metrics.loc[gone, ["estimate", "low", "high"]] = np.nan
    metrics.loc[gone, "reason"] = "one_class"
    out = write_page(
        tmp_path / "p.html",
        study={"name": "a", "title": "b", "simulated": True},
        tables=made_tables | {"metrics": metrics},
        models=models,
    )
    text = out.read_text(encoding="utf-8")
    section = text[
        text.index('<section id="t-expansion-expansion"') : text.index('<section id="t-outcome-poor-outcome"')
    ]
    table = section[section.index("<tbody>") : section.index("</table>")]
    first = re.search(r"<tr class=\"net\">.*?</tr>", table, flags=re.S).group(0)
    cells = re.findall(r"<td>(.*?)</td>", first, flags=re.S)
    assert "–" in cells[0] and "All patients have the same outcome" in cells[0] and "0.0" not in cells[0]
    assert "the AUC has no interval, so nothing is said about it" in text
    assert "<li><sup>a</sup>All patients have the same outcome.</li>" in section
    assert not re.search(r">\s*(nan|NaN|None|<NA>|inf)\s*<", visible(text))


def test_no_missing_value_leaks_as_text(page):
    assert not re.search(
        r">\s*(nan|NaN|None|NA|inf|-inf)\s*<|\bnan\b|&lt;NA&gt;", visible(page.read_text(encoding="utf-8"))
    )


def test_values_are_escaped(made_tables, models, tmp_path):
    evil = '<script>alert("x")</script>'
    tables = {name: frame.copy() for name, frame in made_tables.items()}
    tables["status"].loc[0, "detail"] = evil
    tables["status"].loc[0, "outcome"], tables["status"].loc[0, "reason"] = "set_aside", "localizer"
    for name in ("masks", "scans", "agreement", "metrics", "curves", "flow"):
        tables[name]["center"] = tables[name]["center"].replace("delta", '"><img src=x onerror=y>')
    labels = {"expansion": {"vit": {"kind": "vit", "label": "<b>V&T</b>"}}}
    out = write_page(
        tmp_path / "p.html",
        study={"name": "a", "title": "A & <i>B</i>", "simulated": True},
        tables=tables,
        models=labels,
        provenance={"ichor": "1", "config": {"x": "</pre><script>z</script>"}},
    )
    text, reader = out.read_text(encoding="utf-8"), read(out)
    assert not [attrs for tag, attrs in reader.tags if tag == "img"]
    assert sum(tag == "script" for tag, _ in reader.tags) == 1
    assert "&lt;b&gt;V&amp;T&lt;/b&gt;" in text and "<b>V&T</b>" not in text and "<i>B</i>" not in text
    assert reader.wrong == [] and reader.open == []


def test_same_tables_same_page(page, made_tables, models, tmp_path):
    study = {"name": "made", "title": "Made-up study", "simulated": True}
    first, second = (
        write_page(tmp_path / name, study=study, tables=made_tables, models=models).read_bytes() for name in ("a", "b")
    )
    assert first == second


def test_an_empty_study_still_gets_a_page_that_says_what_is_missing(tmp_path):
    out = write_page(tmp_path / "p.html", study={"name": "a", "title": "b", "simulated": False}, tables={})
    text = out.read_text(encoding="utf-8")
    for words in (
        "No predictions were evaluated",
        "No flow table was given",
        "agreement cannot be stated",
        "Nothing was flagged",
    ):
        assert words in text


def test_tables_may_be_files(made_tables, models, tmp_path):
    for name in ("metrics", "flow", "table_one"):
        made_tables[name].to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
    made_tables["curves"].to_parquet(tmp_path / "curves.parquet")
    halves = [tmp_path / "scans0.tsv", tmp_path / "scans1.tsv"]
    for i, path in enumerate(halves):
        made_tables["scans"].iloc[i::2].to_csv(path, sep="\t", index=False)
    files = {name: tmp_path / f"{name}.tsv" for name in ("metrics", "flow", "table_one")}
    files |= {"curves": tmp_path / "curves.parquet", "scans": halves}
    study = {"name": "a", "title": "b", "simulated": True}
    from_files = write_page(tmp_path / "f.html", study=study, tables=made_tables | files, models=models)
    assert "fig-t-expansion-expansion-external-roc" in read(from_files).ids
    assert f">{len(made_tables['scans'])}</dd>" in from_files.read_text(encoding="utf-8")


def test_wrong_input_is_named(made_tables, tmp_path):
    study = {"name": "a", "title": "b", "simulated": True}
    with pytest.raises(StudyError, match="study.simulated"):
        write_page(tmp_path / "p.html", study={"name": "a", "title": "b"}, tables={})
    with pytest.raises(StudyError, match="knows no table metrix"):
        write_page(tmp_path / "p.html", study=study, tables={"metrix": pd.DataFrame()})
    with pytest.raises(StudyError, match="column.*model_b.* missing"):
        write_page(
            tmp_path / "p.html", study=study, tables={"comparisons": made_tables["comparisons"].drop(columns="model_b")}
        )
    with pytest.raises(StudyError, match="gone.tsv: no such file"):
        write_page(tmp_path / "p.html", study=study, tables={"curves": tmp_path / "gone.tsv"})


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_the_page_without_scrolling_sideways(page, chromium, tmp_path, width):
    probe = (
        "<script>addEventListener('load', function () { var page = document.getElementById('p').contentDocument;"
        "document.title = [page.documentElement.scrollWidth, page.querySelectorAll('#filters[hidden]').length].join()"
        "})</script>"
    )
    frame = tmp_path / "frame.html"
    (tmp_path / "page.html").write_bytes(page.read_bytes())
    frame.write_text(f'<iframe id="p" src="page.html" width="{width}" height="900" style="border:0"></iframe>{probe}')
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,1000", "--dump-dom", frame.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    found = re.search(r"<title>(\d+),(\d+)</title>", shown)
    assert found, shown[:500]
    assert int(found.group(1)) <= width and found.group(2) == "0"


def test_pages_of_attribution_maps_are_linked_in_their_task(made_tables, models, tmp_path):
    study = {"name": "a", "title": "b", "simulated": True}
    linked = {"task": "expansion", "target": "expansion", "model": "vit", "split": "external"}
    page = "../explain/expansion/vit/external/index.html"
    out = write_page(
        tmp_path / "p.html", study=study, tables=made_tables, models=models, explained=[linked | {"page": page}]
    )
    reader = read(out)
    assert reader.addresses.count(page) == 1 and not reader.wrong
    assert "What the networks look at: <a" in out.read_text()
