"""Report texts as numbers: a vocabulary learned from train rows, or that of a local folder.

One vocabulary serves all languages. Texts are normalised (NFKC, so that the full-width digits and marks of Chinese
reports are those of the others; lower case; no accents), each Chinese character is a word of its own, each digit too,
and other scripts are cut at spaces and punctuation. Words are then spelled with pieces that byte-pair encoding learned
(Sennrich et al., ACL 2016). Why so, our choice: some hundred reports are too few to learn where Chinese words end, and
whole phrases as pieces would hide a negation (``未见`` before a finding) that stands in front of other findings too; a
misspelled word still shares pieces with the right one; one vocabulary needs no guess of the language. The WordPiece
trainer of the same library gives another vocabulary at each start (its table of letters has no order), byte-pair
encoding the same.

A word, or a letter, that stands in the reports of fewer than ``least_patients`` train patients is not learned as a
whole, so that a name that the scrubber overlooked does not get into a bundle.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from ichor.errors import StudyError
from ichor.training.text_documents import SECTIONS, Document

UNKNOWN = "[UNK]"
MARKERS = {section: f"[{section}]" for section in SECTIONS}
PADDING = -1
"""Stands in arrays of tokens where a text has ended; vocabularies of others use 0 for a token."""


@dataclass(frozen=True)
class Spelled:
    """One token of a document.

    Attributes
    ----------
    token : int
        Number in the vocabulary.
    section : str
        Section that it stands in.
    word : int
        Which word of the document it is a piece of, -1 for marks that no text holds.
    text : str
        That word as the report has it; "" for marks.
    start, end : int
        Where the word stands in its section's text.
    """

    token: int
    section: str
    word: int
    text: str
    start: int
    end: int


@dataclass
class Vocabulary:
    """A tokenizer and how documents are put together from its tokens.

    Attributes
    ----------
    tokenizer : tokenizers.Tokenizer
        Normalisation, cutting and pieces.
    max_tokens : int
        Longer documents are cut: every section keeps its beginning, and the longest are cut first.
    """

    tokenizer: Tokenizer
    max_tokens: int

    @classmethod
    def fitted(cls, documents: Iterable[Document], settings: dict, max_tokens: int) -> "Vocabulary":
        """Learn a vocabulary from documents of train rows, in no order.

        Parameters
        ----------
        documents : iterable of list of (section, text)
            Of train rows alone.
        settings : dict
            Part ``tokenizer`` of a kind's settings: ``vocabulary`` (tokens at most) and ``least_patients``.
        max_tokens : int
            See the attribute.
        """
        tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN, fuse_unk=True))
        tokenizer.normalizer = normalizers.Sequence(
            [
                normalizers.NFKC(),
                normalizers.BertNormalizer(
                    clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True
                ),
            ]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(individual_digits=True)]
        )
        trainer = trainers.BpeTrainer(
            vocab_size=settings["vocabulary"],
            min_frequency=settings["least_patients"],
            special_tokens=[UNKNOWN, *MARKERS.values()],
            show_progress=False,
        )
        tokenizer.train_from_iterator(_frequent(tokenizer, documents, settings["least_patients"]), trainer)
        return cls(tokenizer, max_tokens)

    @classmethod
    def of_folder(cls, folder: str | Path, max_tokens: int) -> "Vocabulary":
        """Take the vocabulary of a local transformers folder.

        Raises
        ------
        ichor.errors.StudyError
            If the folder has no ``tokenizer.json``, or it cannot be read.
        """
        path = Path(folder, "tokenizer.json")
        if not path.is_file():
            raise StudyError(
                f"encoder: {folder} has no tokenizer.json; save a fast tokenizer there "
                "(AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER))"
            )
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing more precise
            raise StudyError(f"encoder: {path} cannot be read as a tokenizer ({error})") from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(tokenizer, max_tokens)

    @classmethod
    def restored(cls, facts: dict) -> "Vocabulary":
        """Take up what :meth:`facts` gave."""
        return cls(Tokenizer.from_str(facts["tokenizer"]), facts["max_tokens"])

    def facts(self) -> dict:
        """Plain values for the bundle."""
        return {"tokenizer": self.tokenizer.to_str(), "tokens": self.size, "max_tokens": self.max_tokens}

    @property
    def size(self) -> int:
        """Number of tokens; their numbers are less than it."""
        return max(self.tokenizer.get_vocab(with_added_tokens=True).values()) + 1

    def spelled(self, document: Document) -> list[Spelled]:
        """Tokens of a document, with the words that they are of.

        A vocabulary of ours puts a mark before each section; one of a folder gets the marks of its own template around
        the whole.
        """
        sections, words = [], 0
        for section, text in document:
            encoded = self.tokenizer.encode(text, add_special_tokens=False)
            spans: dict[int, tuple[int, int]] = {}
            for word, (start, end) in zip(encoded.word_ids, encoded.offsets, strict=True):
                spans[word] = (min(start, spans[word][0]), max(end, spans[word][1])) if word in spans else (start, end)
            found = []
            for token, word in zip(encoded.ids, encoded.word_ids, strict=True):
                start, end = spans[word]
                found.append(Spelled(token, section, words + (word or 0), text[start:end], start, end))
            words = 1 + max((token.word for token in found), default=words - 1)
            mark = self.tokenizer.token_to_id(MARKERS[section])
            sections.append([_mark(mark, section), *found] if mark is not None else found)
        before, after = self._around() if sections else ([], [])
        kept = _cut(sections, self.max_tokens - len(before) - len(after))
        return [*(_mark(token, "") for token in before), *kept, *(_mark(token, "") for token in after)]

    def encoded(self, documents: Sequence[Document]) -> list[np.ndarray]:
        """Tokens of documents, int64 ``(tokens,)`` each; of no length where there is nothing to read."""
        return [np.array([item.token for item in self.spelled(document)], dtype=np.int64) for document in documents]

    def names(self, tokens: np.ndarray) -> list[str]:
        """The pieces that some tokens stand for."""
        return [self.tokenizer.id_to_token(int(token)) for token in tokens]

    def _around(self) -> tuple[list[int], list[int]]:
        """Tokens that the tokenizer's own template puts before and after a text."""
        marks = self.tokenizer.encode("", add_special_tokens=True).ids
        return marks[:1], marks[1:]


def padded(tokens: Sequence[np.ndarray]) -> np.ndarray:
    """Documents side by side, int64 ``(documents, longest)`` with `PADDING` at their ends; at least one column."""
    longest = max([1, *map(len, tokens)])
    made = np.full((len(tokens), longest), PADDING, dtype=np.int64)
    for row, document in enumerate(tokens):
        made[row, : len(document)] = document
    return made


def _frequent(tokenizer: Tokenizer, documents: Iterable[Document], least: int) -> list[str]:
    """Words and letters that stand in the texts of enough patients, each as often as there are such patients."""
    patients: Counter[str] = Counter()
    for document in documents:
        words: set[str] = set()
        for _, text in document:
            plain = tokenizer.normalizer.normalize_str(text)
            words |= {word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(plain)}
        patients.update(words | {letter for word in words for letter in word})
    return [" ".join([word] * count) for word, count in sorted(patients.items()) if count >= least]


def _cut(sections: Sequence[Sequence[Spelled]], most: int) -> list[Spelled]:
    """Beginnings of sections, `most` tokens together, those of the longest cut first."""
    left, cap = most, 0
    for rest, length in zip(range(len(sections), 0, -1), sorted(map(len, sections)), strict=True):
        cap = left // rest
        if length > cap:
            break
        left, cap = left - length, length
    return [token for section in sections for token in section[:cap]]


def _mark(token: int, section: str) -> Spelled:
    return Spelled(token, section, -1, "", 0, 0)
