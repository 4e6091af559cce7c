"""Every reason code is explained: in words, in advice or a page, and in the index of the pages."""

import re

import pytest

from ichor.reasons import ADVICE, MEANING, Reason

PARTS = ("**Found by**: ", "**What happens**: ", "**What you can do**:")


@pytest.fixture(scope="module")
def folder(repository):
    return repository / "docs/reference/reasons"


def test_each_code_has_a_meaning_and_advice_is_for_known_codes():
    assert set(MEANING) == set(Reason)
    assert set(ADVICE) <= set(Reason)
    assert all(text.endswith(".") for text in [*MEANING.values(), *ADVICE.values()])


def test_each_code_has_a_page_and_each_page_a_code(folder):
    assert {path.stem for path in folder.glob("*.md")} - {"README"} == {str(code) for code in Reason}


@pytest.mark.parametrize("code", list(Reason))
def test_a_page_has_its_parts_in_order(folder, code):
    text = (folder / f"{code}.md").read_text()
    assert text.startswith(f"# {code}\n\n")
    places = [text.find(f"\n{part}") for part in PARTS]
    assert -1 not in places and places == sorted(places)
    assert 9 <= len(text.splitlines()) <= 30


def test_the_index_links_each_page_once_and_links_of_pages_lead_somewhere(folder):
    index = re.findall(r"\]\(([a-z_0-9]+)\.md\)", (folder / "README.md").read_text())
    assert sorted(index) == sorted(Reason)
    for path in folder.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            assert (folder / target).is_file(), f"{path.name} links {target}"
