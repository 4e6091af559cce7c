"""Reports of patients as a network reads them, and as words with what each brings."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import nn

from ichor.explain.report_words import Word, words_of
from ichor.explain.word_gradients import word_gradients
from ichor.training.text_documents import Document, documents_of
from ichor.training.text_predict import TextPredictor
from ichor.training.text_tokens import Spelled


@dataclass(frozen=True)
class SeenReport:
    """One patient's report.

    Attributes
    ----------
    patient, center : str
        Who it is.
    document : list of (str, str)
        Sections and their texts.
    words : list of (int, Word)
        Every word, with the number of its section's text in the document.
    tokens : numpy.ndarray
        int64 ``(L,)``.
    word_of : numpy.ndarray
        int ``(L,)``, place in `words` of the word that a token is a piece of; -1 for numbers, signs and marks.
    held : numpy.ndarray
        bool ``(L,)``, tokens that no text holds.
    record : numpy.ndarray
        float32, what the network reads of the record.
    """

    patient: str
    center: str
    document: Document
    words: list[tuple[int, Word]]
    tokens: np.ndarray
    word_of: np.ndarray
    held: np.ndarray
    record: np.ndarray

    def tokens_bring(self, network: nn.Module, points: int) -> np.ndarray:
        """Part of a network's logit that each token brings, ``(L,)``."""
        return word_gradients(network, self.tokens, self.held, self.record, points)

    def words_bring(self, of_tokens: np.ndarray) -> np.ndarray:
        """Sums over the tokens of each word, ``(words,)``; NaN for words that were cut off."""
        known = self.word_of >= 0
        sums = np.bincount(self.word_of[known], of_tokens[known], minlength=len(self.words))
        counts = np.bincount(self.word_of[known], minlength=len(self.words))
        return np.where(counts > 0, sums, np.nan)


def see(predictor: TextPredictor, rows: pd.DataFrame, reports: pd.DataFrame) -> Iterator[SeenReport]:
    """Each patient with a report, in turn.

    Parameters
    ----------
    predictor : TextPredictor
        Of the model.
    rows : pandas.DataFrame
        Rows of `ichor.training.rows.model_rows`.
    reports : pandas.DataFrame
        Table ``reports``.
    """
    documents = documents_of(reports, rows, predictor.description["spec"]["report"]["sections"])
    record = predictor.text_rows(rows, documents).record
    for place, row in enumerate(rows.itertuples(index=False)):
        spelled = predictor.vocabulary.spelled(documents.texts[place])
        if not any(item.word >= 0 for item in spelled):
            continue
        yield seen_report(row.patient, row.center, documents.texts[place], spelled, record[place])


def seen_report(
    patient: str, center: str, document: Document, spelled: list[Spelled], record: np.ndarray
) -> SeenReport:
    """Tie the tokens of a document to its words."""
    words, starts = [], []
    for number, (_, text) in enumerate(document):
        starts.append(len(words))
        words += [(number, word) for word in words_of(text)]
    word_of = np.full(len(spelled), -1)
    for token, (number, item) in enumerate(zip(_texts(document, spelled), spelled, strict=True)):
        if number is None:
            continue
        first, last = starts[number], starts[number + 1] if number + 1 < len(starts) else len(words)
        inside = [at for at in range(first, last) if words[at][1].start <= item.start < words[at][1].end]
        word_of[token] = inside[0] if inside else -1
    tokens = np.array([item.token for item in spelled], dtype=np.int64)
    held = np.array([item.word < 0 for item in spelled])
    return SeenReport(patient, center, document, words, tokens, word_of, held, record)


def _texts(document: Document, spelled: list[Spelled]) -> list[int | None]:
    """Number of the text in the document that each token stands in; None for marks.

    A document may have several texts of one section; tokens stand in their order.
    """
    made, number, before = [], 0, -1
    for item in spelled:
        if item.word < 0:
            made.append(None)
            continue
        if before >= 0 and item.start < before:
            number += 1
        while document[number][0] != item.section or document[number][1][item.start : item.end] != item.text:
            number += 1
        made.append(number)
        before = item.start
    return made
