"""Templates of all pages, and how they are filled in."""

import re
from pathlib import Path

import jinja2

TEMPLATES = Path(__file__).resolve().parent / "template"


def environment() -> jinja2.Environment:
    """Everything is escaped, and a name that is not given is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["anchor"] = anchor
    return made


def anchor(words: str) -> str:
    """Name for a place in the page, from words."""
    return "t-" + re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:60]
