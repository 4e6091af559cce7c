"""What the attribution methods, tests and regions are called, and what a value of a map says; no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One attribution method in words.

    Attributes
    ----------
    title : str
        Name for people.
    meaning : str
        What a high value says, for the legend of a picture.
    signed : bool
        Whether values below 0 occur.
    source : str
        Who described it.
    """

    title: str
    meaning: str
    signed: bool
    source: str


METHODS = {
    "gradient": Words(
        "Gradient",
        "how much the logit rises when the voxel gets brighter",
        True,
        "Simonyan et al., ICLR workshop 2014 (arXiv 1312.6034)",
    ),
    "integrated_gradients": Words(
        "Integrated gradients",
        "part of the logit that the voxel brings, against an empty image",
        True,
        "Sundararajan et al., ICML 2017 (arXiv 1703.01365)",
    ),
    "occlusion": Words(
        "Occlusion",
        "how much the logit falls when a box around the voxel is hidden",
        True,
        "Zeiler and Fergus, ECCV 2014 (arXiv 1311.2901)",
    ),
    "attention_rollout": Words(
        "Attention rollout",
        "share of the attention that comes from the voxel, for either answer",
        False,
        "Abnar and Zuidema, ACL 2020 (arXiv 2005.00928)",
    ),
    "guided_backprop": Words(
        "Guided backpropagation",
        "gradient along positive evidence only",
        True,
        "Springenberg et al., ICLR workshop 2015 (arXiv 1412.6806)",
    ),
    "grad_cam_pp": Words(
        "Grad-CAM++",
        "region whose features raise the logit",
        False,
        "Chattopadhyay et al., WACV 2018 (arXiv 1710.11063)",
    ),
    "guided_grad_cam": Words(
        "Guided Grad-CAM",
        "guided gradient inside the region whose features raise the logit",
        True,
        "Selvaraju et al., ICCV 2017 (arXiv 1610.02391)",
    ),
}

RECORD = "record_integrated_gradients"
"""Name in the tables of the attribution to the record, which every network that reads one is asked for."""

RECORD_WORDS = Words(
    "Record (integrated gradients)",
    "part of the logit that the value brings, against the mean record of the train patients",
    True,
    METHODS["integrated_gradients"].source,
)

COURSE = "course_integrated_gradients"
"""Name in the tables of the attribution to the values of a time course."""

COURSE_WORDS = Words(
    "Time course (integrated gradients)",
    "log odds that the value brings, against the mean of the train patients",
    True,
    METHODS["integrated_gradients"].source,
)

REPORT = "report_integrated_gradients"
"""Name in the tables of the attribution to the words of a report."""

REPORT_WORDS = Words(
    "Words of the report (integrated gradients)",
    "log odds that the word brings, against the same report with empty words",
    True,
    METHODS["integrated_gradients"].source,
)

HEADS = {"outcome": "the outcome", "gcs": "a low GCS", "age": "a high age"}
"""Answers of a network that can be explained."""


def words_of(method: str) -> Words:
    """Words for an attribution method of a table, those to record, time course and report among them."""
    other = {RECORD: RECORD_WORDS, COURSE: COURSE_WORDS, REPORT: REPORT_WORDS}
    return other[method] if method in other else METHODS[method]


TESTS = {
    "cascade": "part of the layers random, from the head down",
    "all_layers": "all layers random",
    "permuted_labels": "trained on permuted labels",
    "other_seed": "trained alike from another seed",
}

MEASURES = {"spearman": "rank correlation", "ssim": "SSIM"}

REGIONS = {
    "hematoma": "Hematoma",
    "edema": "Perihematomal edema",
    "rim": "Perihematomal rim",
    "ventricular_blood": "Blood in the ventricles",
    "ventricles": "Ventricles",
    "brain": "Rest of the brain",
    "elsewhere": "Skull, scalp and other tissue",
    "outside_head": "Outside the head",
}
"""Regions of `ichor.explain.regions`, in their order."""

QUANTITIES = {
    "share": "Share of the positive attribution",
    "ratio": "Share over share of volume",
    "peak": "Patients whose highest value lies there",
}

GROUPS = {
    "event_high": "event, highest risk (right)",
    "event_low": "event, lowest risk (wrong)",
    "no_event_low": "no event, lowest risk (right)",
    "no_event_high": "no event, highest risk (wrong)",
    "event_unsure": "event, risk nearest to the base rate",
    "no_event_unsure": "no event, risk nearest to the base rate",
}
"""Why a patient is pictured."""
