"""Fit a model that reads report texts, and save its bundle: vocabulary, record and weights from train rows alone."""

import numpy as np
import pandas as pd

from ichor.cohort.feature_sets import expand
from ichor.models import registry
from ichor.training import bundle
from ichor.training.job import Job, check_fitting, describe, too_few
from ichor.training.text_documents import Documents, documents_of, require_reports
from ichor.training.text_tokens import Vocabulary


def fit_text(job: Job, rows: pd.DataFrame, reports: pd.DataFrame | None) -> bool:
    """Fit on train rows, watched on tune rows.

    Parameters
    ----------
    job : ichor.training.job.Job
        What is fitted.
    rows : pandas.DataFrame
        Train and tune rows of `ichor.training.rows.model_rows`.
    reports : pandas.DataFrame
        Table ``reports``; those of other patients are not looked at.

    Returns
    -------
    bool
        Whether there is a model: False if too few train rows have anything to read, or none of them has a report.

    Raises
    ------
    ichor.errors.StudyError
        On wrong settings, or without table of reports.
    ichor.cohort.fences.LeakError
        If a row that is no train or tune row of this split would be learned from.
    """
    reports = require_reports(reports, job.name)
    parts, read = {}, {}
    for role in ("train", "tune"):
        of_role = rows[rows["role"] == role]
        found = documents_of(reports, of_role, job.spec["report"]["sections"])
        usable = readable(of_role, found, job.spec)
        parts[role], read[role] = of_role[usable], found.take(usable)
    if too_few(parts["train"]["label"]) or not read["train"].present.any():
        return False
    check_fitting(job, rows, **parts)
    vocabulary = learn_vocabulary(job.spec, read["train"])
    tokens = {role: vocabulary.encoded(found.texts) for role, found in read.items()}
    if hasattr(registry.load(job.spec["kind"]), "build"):
        from ichor.training.text_networks import fit_text_networks  # torch

        arrays, facts = fit_text_networks(job, parts, tokens, vocabulary)
    else:
        arrays, facts = _fit_plain(job, parts, tokens, vocabulary)
    learned = rows[rows.index.isin([*parts["train"].index, *parts["tune"].index])]
    cut = sum(len(text) >= vocabulary.max_tokens for role in tokens for text in tokens[role])
    counts = {role: int(found.present.sum()) for role, found in read.items()}
    facts |= {"vocabulary": vocabulary.facts(), "reports": counts | {"as_long_as_allowed": cut}}
    bundle.save(job.bundle_dir, arrays, {**describe(job, learned), **facts})
    print(
        f"{job.name}: reports of {counts['train']} train and {counts['tune']} tune patients, {vocabulary.size} tokens"
    )
    return True


def readable(rows: pd.DataFrame, documents: Documents, spec: dict) -> np.ndarray:
    """Which rows have something that the kind reads: a report, or for a kind with record a record; one bool per row."""
    present = documents.present
    if spec.get("record"):
        present = present | rows[expand(spec["record"]["features"])].notna().any(axis=1).to_numpy(dtype=bool)
    return present


def learn_vocabulary(spec: dict, train: Documents) -> Vocabulary:
    """The vocabulary of a model: of the folder that it names, else learned from the train rows' documents."""
    if spec.get("encoder"):
        return Vocabulary.of_folder(spec["encoder"], spec["report"]["max_tokens"])
    return Vocabulary.fitted(train.texts, spec["tokenizer"], spec["report"]["max_tokens"])


def _fit_plain(job: Job, parts: dict, tokens: dict, vocabulary: Vocabulary) -> tuple[dict, dict]:
    """Fit a kind without network on the tokens' names."""
    model = registry.load(job.spec["kind"]).Model(job.spec)
    pieces = {role: [vocabulary.names(text) for text in texts] for role, texts in tokens.items()}
    labels = {role: part["label"].to_numpy(dtype=int) for role, part in parts.items()}
    model.fit(pieces["train"], labels["train"], pieces["tune"], labels["tune"])
    arrays, facts = model.state()
    return arrays, {"state": facts}
