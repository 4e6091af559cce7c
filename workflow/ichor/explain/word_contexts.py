"""Words in their context: for the words that bring most, a clause in which the word brings what is usual for it."""

import numpy as np
import pandas as pd

from ichor.explain import negation
from ichor.explain.report_words import AFFIRMED, NEGATED
from ichor.explain.seen_reports import SeenReport

WORDS = 8
"""Words that are shown in context, of each language: the largest sizes, those first that are negated somewhere."""


def contexts(words: pd.DataFrame, each: list[np.ndarray], seen: list[SeenReport]) -> list[dict]:
    """Rows of the table ``word_contexts``.

    Parameters
    ----------
    words : pandas.DataFrame
        Rows of the table ``word_attributions``.
    each : list of numpy.ndarray
        What each word of each report brings.
    seen : list of SeenReport
        The reports.
    """
    rows = []
    for _, word, mark in shown_words(words):
        places = [
            (float(each[number][at]), number, at)
            for number, one in enumerate(seen)
            for at, (_, own) in enumerate(one.words)
            if own.form == word and own.mark == mark and np.isfinite(each[number][at])
        ]
        if places:
            _, number, at = sorted(places)[len(places) // 2]
            rows += clause_rows(seen[number], each[number], at)
    return rows


def shown_words(words: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Language, word and mark of the contexts: words by their largest size, those with both marks first."""
    if not len(words):
        return []
    found = []
    said = words[words["mark"].isin([AFFIRMED, NEGATED])]
    for language, own in said.groupby("language", sort=True):
        size = (
            own.assign(size=own["estimate"].abs()).groupby("word").agg(size=("size", "max"), marks=("mark", "nunique"))
        )
        order = size.sort_values(["marks", "size"], ascending=False, kind="stable").head(WORDS).index
        for word in order:
            found += [
                (language, word, mark)
                for mark in (AFFIRMED, NEGATED)
                if mark in set(own.loc[own["word"] == word, "mark"])
            ]
    return found


def clause_rows(one: SeenReport, values: np.ndarray, at: int) -> list[dict]:
    """The clause around a word, cut at every word."""
    number, chosen = one.words[at]
    section, text = one.document[number]
    start, end = negation.clause_of(negation.clauses(text), chosen.start)
    inside = [
        (word, value)
        for (own, word), value in zip(one.words, values, strict=True)
        if own == number and start <= word.start and word.end <= end
    ]
    pieces, place = [], start
    for word, value in inside:
        pieces += [(text[place : word.start], None, None)] if word.start > place else []
        pieces.append((text[word.start : word.end], value if np.isfinite(value) else None, word.mark))
        place = word.end
    pieces += [(text[place:end], None, None)] if end > place else []
    shared = {"word": chosen.form, "mark": chosen.mark, "patient": one.patient, "center": one.center}
    return [
        shared | {"section": section, "place": order, "text": piece, "attribution": value, "piece_mark": mark}
        for order, (piece, value, mark) in enumerate(pieces)
    ]
