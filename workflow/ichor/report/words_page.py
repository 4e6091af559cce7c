"""The page of a network of report texts: sanity gate, words over all held-out patients, and words in their context."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from ichor import __version__
from ichor.disk_space import whole_file
from ichor.report import names, numbers
from ichor.report.attributions import similarities
from ichor.report.patient_page import verdicts
from ichor.report.templates import TEMPLATES, environment

MOST_WORDS = 25
"""Words of a table, those with the largest sizes first."""
LANGUAGES = {"other": "English and other languages", "zh": "Chinese"}
MARKS = {"affirmed": "as said", "negated": "negated", "cue": "negates"}
DARKEST = 60
"""Percent of color behind the word that brings most in a clause."""


def write_words_page(
    out: Path,
    *,
    gate: pd.DataFrame,
    words: pd.DataFrame,
    contexts: pd.DataFrame,
    named: Mapping[str, str],
    study: Mapping[str, object],
) -> None:
    """Write the page.

    Parameters
    ----------
    out : pathlib.Path
        The HTML file.
    gate, words, contexts : pandas.DataFrame
        Tables ``attribution_gate``, ``word_attributions`` and ``word_contexts``.
    named : mapping
        ``task``, ``target``, ``model`` and ``split``.
    study : mapping
        ``title`` and ``simulated``.
    """
    sheets = ("page.css", "attributions.css", "course.css")
    context = {
        "study": study,
        "version": __version__,
        "model": names.MODELS.get(named["model"], names.words(named["model"])),
        "heading": names.heading(named["task"], named["target"]),
        "event": names.event(named["target"]),
        "split": named["split"],
        "depth": "../" * 4,
        "verdicts": verdicts(gate),
        "similarities": similarities(gate),
        "limit": numbers.plain(gate["limit"].iloc[0]) if len(gate) else "",
        "languages": [_language(name, words, contexts) for name in LANGUAGES if (words["language"] == name).any()],
        "patients": int(words["of"].max()) if len(words) else 0,
        "css": Markup("".join((TEMPLATES / name).read_text() for name in sheets)),
    }
    text = environment().get_template("words.html.j2").render(context)
    with whole_file(out) as part:
        part.write_text(text.lstrip(), encoding="utf-8", newline="\n")


def _language(name: str, words: pd.DataFrame, contexts: pd.DataFrame) -> dict:
    own = words[words["language"] == name]
    top = float(own["estimate"].abs().max()) or 1.0
    size = own.assign(size=own["estimate"].abs()).groupby("word", sort=False)["size"].max()
    order = list(size.sort_values(ascending=False, kind="stable").index)
    found = own.set_index(["word", "mark"])
    lines = [
        {
            "word": word,
            "cells": [_cell(found.loc[(word, mark)], top) if (word, mark) in found.index else None for mark in MARKS],
        }
        for word in order[:MOST_WORDS]
    ]
    shown = contexts[contexts["word"].isin(set(own["word"]))]
    groups = shown.groupby(["word", "mark"], sort=False)
    return {
        "title": LANGUAGES[name],
        "code": "zh" if name == "zh" else "",
        "rows": lines,
        "left_out": max(0, len(order) - MOST_WORDS),
        "contexts": [_context(word, mark, rows) for (word, mark), rows in groups],
    }


def _cell(row: pd.Series, top: float) -> dict:
    return {
        "estimate": _signed(row["estimate"]),
        "interval": numbers.interval(row["low"], row["high"]),
        "n": int(row["n"]),
        "strength": round(45 * abs(row["estimate"]) / top),
        "color": _color(row["estimate"]),
    }


def _context(word: str, mark: str, rows: pd.DataFrame) -> dict:
    rows = rows.sort_values("place")
    top = float(rows["attribution"].abs().max()) or 1.0
    first = rows.iloc[0]
    return {
        "word": word,
        "mark": MARKS[mark],
        "patient": first["patient"],
        "center": first["center"],
        "section": first["section"],
        "pieces": [_piece(row, top) for row in rows.itertuples()],
    }


def _piece(row, top: float) -> dict:
    known = not numbers.missing(row.attribution)
    mark = row.piece_mark if isinstance(row.piece_mark, str) else ""
    said = f"{_signed(row.attribution)}, {MARKS[mark]}" if known and mark else ""
    return {
        "text": row.text,
        "mark": mark,
        "title": said,
        "color": _color(row.attribution) if known else "",
        "strength": round(DARKEST * abs(row.attribution) / top) if known else 0,
    }


def _color(number: float) -> str:
    return "var(--net-0)" if number >= 0 else "var(--floor-0)"


def _signed(number: float) -> str:
    return ("+" if number > 0 else "") + numbers.plain(number)
