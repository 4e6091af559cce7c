"""How each quantity is called, printed and read: the page's glossary."""

from dataclasses import dataclass

from ichor.report.names import words


@dataclass(frozen=True)
class Quantity:
    """How one quantity of the metrics table is called, printed and read."""

    name: str
    digits: int
    ideal: str
    meaning: str


QUANTITIES = {
    "auc": Quantity(
        "AUC",
        2,
        "1; 0.5 is chance",
        "Take one patient who had the event and one who did not: the probability that the model gives the first "
        "the higher risk. It says how well patients are ranked, not whether the risks themselves are right.",
    ),
    "auprc": Quantity(
        "AUPRC",
        2,
        "1; chance is the share of events",
        "Area under the precision-recall curve: the average share of true events among the patients flagged. "
        "Compare it with the share of events in the same row, never between centers with different shares.",
    ),
    "auprc_rare": Quantity(
        "AUPRC of the rare outcome",
        2,
        "1; chance is the share of the rarer outcome",
        "The same for whichever outcome is rarer. Where most patients have the event (most survive), it tells how well "
        "those without it are found; AUPRC, accuracy and F1 are then high for a model that tells nobody apart.",
    ),
    "brier": Quantity(
        "Brier score",
        3,
        "0",
        "Mean squared distance between predicted risk and what happened (0 or 1). "
        "A forecast that gives everyone the share of events p scores p(1 − p).",
    ),
    "calibration_intercept": Quantity(
        "Calibration intercept",
        2,
        "0",
        "Whether risks are too low (above 0) or too high (below 0) on average, on the log-odds scale.",
    ),
    "calibration_slope": Quantity(
        "Calibration slope",
        2,
        "1",
        "Whether risks are spread correctly: below 1, high risks are too high and low risks too low (the usual sign "
        "of overfitting); above 1, they are too timid.",
    ),
    "observed_expected": Quantity(
        "O/E",
        2,
        "1",
        "Events that happened for each event that was predicted. 1.3 means 30 % more events than the model expected.",
    ),
    "prevalence": Quantity("Share of events", 2, "", "Share of the patients who have the event."),
    "accuracy": Quantity(
        "Accuracy", 2, "1", "Share of the patients classed correctly; high without any skill when events are rare."
    ),
    "balanced_accuracy": Quantity("Balanced accuracy", 2, "1; 0.5 is chance", "Mean of sensitivity and specificity."),
    "f1": Quantity(
        "F1",
        2,
        "1",
        "Harmonic mean of PPV (also called precision) and sensitivity (recall) at the threshold. Where most patients "
        "have the event it is high without any skill: read it beside the share of events.",
    ),
    "threshold": Quantity(
        "Threshold",
        2,
        "",
        "The risk from which on a patient counts as positive; chosen on the tune rows of the development patients "
        "and carried unchanged to the test patients.",
    ),
    "sensitivity": Quantity(
        "Sensitivity", 2, "1", "Share of the patients with the event whom the model flags at the threshold."
    ),
    "specificity": Quantity(
        "Specificity", 2, "1", "Share of the patients without the event whom the model leaves unflagged."
    ),
    "ppv": Quantity(
        "PPV",
        2,
        "1",
        "Positive predictive value: share of the flagged patients who have the event. Depends on how common it is.",
    ),
    "npv": Quantity(
        "NPV",
        2,
        "1",
        "Negative predictive value: share of the unflagged patients who stay free of the event.",
    ),
    "auc_change": Quantity(
        "Change of the AUC",
        2,
        "above 0",
        "AUC at this step minus AUC at the first step, on the patients who were predicted at both (DeLong’s paired "
        "interval). Patients who died in between are in neither, so this tells what the later values add.",
    ),
    "auc_ipcw": Quantity(
        "AUC, with weights",
        2,
        "1; 0.5 is chance",
        "AUC in which each patient whose outcome is known stands for those, too, who were lost while still at risk "
        "(inverse probability of censoring weights).",
    ),
    "brier_ipcw": Quantity("Brier score, with weights", 3, "0", "Brier score with censoring weights."),
    "observed_expected_ipcw": Quantity("O/E, with weights", 2, "1", "O/E with censoring weights."),
    "prevalence_ipcw": Quantity(
        "Share of events, with weights",
        2,
        "",
        "Share of events with censoring weights; for survival it is the Kaplan-Meier estimate.",
    ),
    "reachable_auc": Quantity(
        "Best reachable AUC",
        2,
        "",
        "AUC of the true risk each simulated patient was drawn from. It is below 1 because the outcome is a draw; no "
        "model can do better, except by luck of the sample.",
    ),
    "reachable_share": Quantity(
        "Reachable share",
        2,
        "1",
        "(AUC − 0.5) divided by (best reachable AUC − 0.5), where the best reachable AUC is that of the true risk "
        "each simulated patient was drawn from. Known for simulated patients only.",
    ),
    "reachable_image_auc": Quantity(
        "Best AUC of a reader",
        2,
        "",
        "AUC of the expected risk given all that the baseline scan of a simulated patient shows. What stands in the "
        "record alone (the time since onset) is averaged out: no model that sees only the scan can do better, except "
        "by luck of the sample.",
    ),
    "reachable_image_share": Quantity(
        "Image-readable share",
        2,
        "1",
        "(AUC − 0.5) divided by (best AUC of a reader of the scan − 0.5). A model that reads the record as well can "
        "lie above 1.",
    ),
}

RANKING = ("auc", "auprc", "brier", "calibration_intercept", "calibration_slope", "observed_expected")
REACHING = ("auc", "reachable_auc", "reachable_share", "reachable_image_auc", "reachable_image_share")
DECIDING = ("threshold", "sensitivity", "specificity", "ppv", "npv")


def quantity(name: str) -> Quantity:
    """How a quantity is called and read; unknown ones get their own name."""
    if name.startswith("net_benefit"):
        at = name.removeprefix("net_benefit").strip("_")
        return Quantity(
            f"Net benefit at {at}" if at else "Net benefit",
            3,
            "as high as possible",
            "True positives per patient, minus false positives weighted by the odds of the threshold.",
        )
    if name.endswith("_tau2"):
        base = quantity(name.removesuffix("_tau2")).name
        return Quantity(
            f"{base}: variance between centers", 3, "0",
            "How much the true value varies from center to center (tau squared, on the scale of the pooling).",
        )  # fmt: skip
    return QUANTITIES.get(name, Quantity(words(name), 2, "", ""))


TERMS = (
    Quantity(
        "Dice coefficient", 2, "1",
        "Overlap of two masks: twice the volume they share, divided by the sum of their volumes. Falls quickly for "
        "small bleeds, where one voxel of boundary weighs much.",
    ),
    Quantity(
        "Limits of agreement", 1, "0 to 0",
        "Mean difference between two measurements of volume, plus and minus 1.96 standard deviations: about 95 of 100 "
        "differences lie between them.",
    ),
    Quantity(
        "CCC", 2, "1",
        "Concordance correlation coefficient: like a correlation, but it falls when one measurement is always larger.",
    ),
    Quantity(
        "ICC", 2, "1",
        "Intraclass correlation, ICC(2,1): share of the variance that lies between scans and not between prediction "
        "and reference. A high one can hide differences of many mL.",
    ),
    Quantity(
        "NSD", 2, "1",
        "Normalised surface distance: share of the two outlines that lie within 2 mm of each other.",
    ),
    Quantity(
        "HD95", 1, "0",
        "95th percentile of the distances between the two outlines: all but the farthest twentieth are nearer.",
    ),
    Quantity(
        "Mean over centers", 2, "",
        "Random-effects mean (REML) of the centers’ estimates: what holds on average over centers like these. The "
        "interval is Knapp and Hartung’s, bounded so that centers that agree by chance do not make it too narrow.",
    ),
    Quantity(
        "A center not seen", 2, "",
        "95 % prediction interval of the random-effects model: where the value of one more center is expected. It is "
        "wider than the interval of the mean, because centers differ; from two or three centers it is a rough guess.",
    ),
    Quantity(
        "DeLong test", 2, "",
        "Compares two AUCs and allows for their being measured on the same patients (paired) or on different ones.",
    ),
)  # fmt: skip
