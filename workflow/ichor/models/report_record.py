"""Report text and clinical record in one network; a patient with either gets an answer."""

from torch import nn

from ichor.models.report_network import ReportAndRecord, encoder_of

FAMILY = "text"
BASE = "report_text"
SPEC = {
    "fusion": "concat",  # concat, as in Sun et al. 2026 | gated | cross_attention
    "record_width": 16,  # length of the record's vector
    "record_branch": "linear",  # linear | hidden
    "attention_heads": 4,  # of cross_attention
    "record": {
        "features": ["age_years", "gcs", "iph_ml", "ivh_ml", "onset_to_ct_h"],  # of the cohort table, or sets of them
        "post_baseline": [],  # those of them that are known later and wanted all the same
        "dropout": 0.1,  # share of the train rows that are shown without their record
        "report_dropout": 0.1,  # share of the train rows that are shown without their report
    },
}


def build(spec: dict, tokens: int, record: int, description: dict | None) -> nn.Module:
    """Build the network; parameters as of `ichor.models.report_text.build`, with the record's columns."""
    return ReportAndRecord(encoder_of(spec, tokens, description), spec, record)
