"""A model that reads report texts taken from its bundle, and what it predicts."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import expit

from ichor.models import registry
from ichor.reasons import Reason
from ichor.training.record import Record
from ichor.training.text_documents import Documents, documents_of, require_reports
from ichor.training.text_fit import readable
from ichor.training.text_tokens import Vocabulary

FROM_BOTH, FROM_REPORT, FROM_RECORD = 0.0, 1.0, 2.0
"""Values of the quantity ``answered_from`` of a kind that reads report and record."""


@dataclass
class TextPredictor:
    """A model of one bundle.

    Attributes
    ----------
    description : dict
        Content of ``model.json``.
    vocabulary : ichor.training.text_tokens.Vocabulary
        What texts are spelled with.
    record : ichor.training.record.Record or None
        How the record is prepared, for a kind that reads it.
    networks : list of torch.nn.Module
        Networks whose probabilities are averaged; none for a kind without network.
    model : object
        The model of a kind without network.
    device : object
        ``torch.device`` of the networks.
    """

    description: dict
    vocabulary: Vocabulary
    record: Record | None = None
    networks: list = field(default_factory=list)
    model: object = None
    device: object = None

    @classmethod
    def restored(cls, arrays: dict[str, np.ndarray], description: dict, device: str, threads: int) -> "TextPredictor":
        """Make the model of a bundle again."""
        vocabulary = Vocabulary.restored(description["vocabulary"])
        module = registry.load(description["kind"])
        if not hasattr(module, "build"):
            model = module.Model(description["spec"])
            model.restore(arrays, description["state"])
            return cls(description, vocabulary, model=model)
        from ichor.training.device import choose_device, make_deterministic
        from ichor.training.text_networks import restored_networks  # torch

        target = choose_device(device)
        make_deterministic(target, threads)
        record = Record.restored(description["record"]) if description["record"] else None
        networks = restored_networks(arrays, description, target)
        return cls(description, vocabulary, record, networks, device=target)

    def predict(self, rows: pd.DataFrame, reports: pd.DataFrame | None = None) -> pd.DataFrame:
        """Predict rows of a cohort table.

        Parameters
        ----------
        rows : pandas.DataFrame
            Rows of `ichor.training.rows.model_rows`.
        reports : pandas.DataFrame
            Table ``reports``; an empty one if there are none of these patients.

        Returns
        -------
        pandas.DataFrame
            Same index: ``probability`` (NaN where it cannot be predicted), ``reason`` and ``detail`` (then given), and
            for networks quantities of the table ``prediction_details``.

        Raises
        ------
        ichor.errors.StudyError
            Without table of reports.
        """
        reports = require_reports(reports, str(self.description["model"]))
        documents = documents_of(reports, rows, self.description["spec"]["report"]["sections"])
        usable = readable(rows, documents, self.description["spec"])
        made = pd.DataFrame({"probability": np.nan, "reason": "", "detail": ""}, index=rows.index)
        made.loc[~usable, "reason"] = str(Reason.MISSING_INPUT)
        reads = "neither report nor record" if self.record else "no report"
        made.loc[~usable, "detail"] = f"{reads} that was known at the baseline scan"
        if not usable.any():
            return made
        answers = self._answers(rows[usable], documents.take(usable))
        return made.drop(columns="probability").join(answers.set_index(rows.index[usable]))

    def text_rows(self, rows: pd.DataFrame, documents: Documents):
        """What the networks read of rows and their documents, `ichor.training.text_loop.TextRows` without labels."""
        from ichor.training.text_loop import TextRows

        record = self.record.matrix(rows) if self.record else np.zeros((len(rows), 0), np.float32)
        return TextRows(self.vocabulary.encoded(documents.texts), record, np.zeros(0, np.float32))

    def _answers(self, rows: pd.DataFrame, documents: Documents) -> pd.DataFrame:
        if self.model is not None:
            tokens = self.vocabulary.encoded(documents.texts)
            return pd.DataFrame({"probability": self.model.probability([self.vocabulary.names(t) for t in tokens])})
        from ichor.training.text_loop import predict_text

        read = self.text_rows(rows, documents)
        prior = self.description["prior_logit"]
        each = [predict_text(network, read, prior, self.device) for network in self.networks]
        single = [expit(logits) for logits, _ in each]
        made = {"probability": np.mean(single, axis=0)}
        if len(single) > 1:
            made |= {f"probability_seed_{member}": own for member, own in enumerate(single)}
        made |= {name: np.mean([said[name] for _, said in each], axis=0) for name in each[0][1]}
        if self.record:
            recorded, reported = read.record[:, 0] > 0, documents.present
            made["answered_from"] = np.where(
                recorded & reported, FROM_BOTH, np.where(recorded, FROM_RECORD, FROM_REPORT)
            )
        return pd.DataFrame(made)
