"""What a reader sees instead of the names in the tables."""

import re

TASKS = {
    "expansion": "Hematoma expansion",
    "outcome": "Outcome",
    "trajectory": "Recovery trajectory",
    "deterioration": "Early neurological deterioration",
}

COURSES = "trajectory"
"""The task whose questions are asked again at every step of a time course."""

EVENTS = {
    "expansion": "hematoma expansion",
    "poor_outcome": "poor outcome",
    "death_30d": "death within 30 days",
    "death": "death",
    "survival_30d": "survival to 30 days",
    "survival_180d": "survival to 180 days",
    "good_180d": "a good outcome at 180 days",
    "deterioration_7d": "neurological deterioration",
    "deterioration_early": "early deterioration",
    "deterioration_late": "late deterioration",
}

MODELS = {
    "vit": "Vision transformer",
    "densenet": "DenseNet",
    "volume": "Volume alone",
    "logistic": "Logistic regression",
    "ich_score": "ICH score",
    "ich_gs": "ICH-GS",
    "func": "FUNC score",
    "max_ich": "max-ICH score",
    "ich_gs_score": "ICH-GS",
    "func_score": "FUNC score",
    "max_ich_score": "max-ICH score",
    "modified_ich_score": "Modified ICH score",
    "brain": "BRAIN score",
    "nag": "NAG scale",
    "bat": "BAT (automatic markers)",
    "forest": "Random forest",
    "random_forest": "Random forest",
    "tree": "Decision tree",
    "xgboost": "XGBoost",
    "gcs": "GCS alone",
    "nihss": "NIHSS alone",
    "fusion": "Fusion of image and record",
    "vit_record": "Vision transformer with record",
    "densenet_record": "DenseNet with record",
    "densenet_multitask": "DenseNet, several tasks",
    "radiomics": "Radiomics, logistic",
    "brain_score": "BRAIN score",
    "nag_score": "NAG scale",
    "bat_score": "BAT (automatic markers)",
    "nine_point_score": "9-point score",
    "nine_point": "9-point score",
    "densenet_image": "DenseNet, image alone",
    "densenet_gmu": "DenseNet with record, gated",
    "densenet_concat": "DenseNet with record, joined",
    "densenet_cross_attention": "DenseNet with record, cross-attention",
    "logistic_gcs": "Logistic, GCS",
    "logistic_gcs_age": "Logistic, GCS and age",
    "logistic_all": "Logistic, whole record",
    "dense_net": "Dense network on the record",
    "ich": "ICH score",
    "mich_cheung_zou": "Modified ICH score, Cheung and Zou",
    "mich_cho": "Modified ICH score, Cho",
    "rich": "Modified ICH score, rICH",
    "modified_ich": "Modified ICH score, Cheung and Zou",
    "modified_ich_cho": "Modified ICH score, Cho",
    "modified_ich_rich": "Modified ICH score, rICH",
    "report_record": "Record with report",
    "report_text": "Report alone",
    "tfidf_logistic": "Report alone, TF-IDF logistic",
    "multistep_transformer": "MultiStep Transformer",
    "plain_transformer": "Plain transformer",
    "gru": "GRU",
    "lstm": "LSTM",
    "landmark_logistic": "Logistic at the step",
    "landmark_cox": "Cox at the step",
    "landmark_forest": "Random forest at the step",
    "landmark_boosting": "Gradient boosting at the step",
    "landmark_gcs": "GCS at the step",
    "landmark_nihss": "NIHSS at the step",
    "landmark_ich": "ICH score at the step",
    "landmark_func": "FUNC score at the step",
}

# Kinds that need no image network: the floor that every network has to beat.
FLOOR = frozenset(
    "volume logistic dense_net ich_score ich_gs func max_ich brain nag bat forest random_forest tree xgboost gcs nihss "
    "brain_score nag_score bat_score nine_point_score nine_point radiomics "
    "ich_gs_score func_score max_ich_score modified_ich_score landmark_logistic landmark_cox landmark_forest "
    "landmark_boosting landmark_score tfidf_logistic".split()
)

STAGES = {
    "index": "Reading files",
    "select": "Choosing series",
    "convert": "Conversion",
    "check": "Image checks",
    "harmonise": "Clinical table",
    "merge": "Scans and records together",
    "split": "Splits",
    "segmentation": "Segmentation",
    "label": "Labels",
    "model": "Models",
    "evaluation": "Evaluation",
}

OUTCOMES = {"accepted": "accepted", "flagged": "flagged, kept", "set_aside": "set aside"}

LABELS = {
    "iph": "Parenchymal hemorrhage",
    "ivh": "Intraventricular hemorrhage",
    "edema": "Perihematomal edema",
    "extraaxial": "Extra-axial hemorrhage",
}

SHORT = {"iph": "IPH", "ivh": "IVH", "edema": "edema", "extraaxial": "extra-axial"}
"""The same labels where there is little room."""

TESTS = {"delong_paired": "DeLong’s test for paired AUCs", "delong_unpaired": "DeLong’s test for independent AUCs"}

WHOLE = {"all": "All together", "pooled": "Mean over centers", "next": "A center not seen"}


def words(name: str) -> str:
    """A name of a table made readable: ``age_years`` becomes ``Age years``."""
    text = str(name).replace("_", " ").strip()
    return text[:1].upper() + text[1:]


VARIABLES = {
    "systolic_mmhg": "Systolic pressure",
    "diastolic_mmhg": "Diastolic pressure",
    "iph_ml": "Parenchymal volume",
    "ivh_ml": "Intraventricular volume",
    "hu_mean": "Mean HU of the bleed",
    "hu_sd": "Standard deviation of its HU",
    "hu_cov": "Coefficient of variation of its HU",
    "hu_skewness": "Skewness of its HU",
    "hu_kurtosis": "Kurtosis of its HU",
    "gos_discharge": "GOS at discharge",
    "mrs_90d": "mRS at 90 days",
    "mrs_180d": "mRS at 180 days",
    "death_30d": "Death within 30 days",
    "death_90d": "Death within 90 days",
    "death_180d": "Death within 180 days",
    "death_365d": "Death within a year",
    "label_expansion": "Hematoma expansion",
    "label_poor_outcome": "Poor outcome",
    "label_death": "Death",
    "label_deterioration_7d": "Neurological deterioration",
    "emesis": "Vomiting",
    "intraventricular_extension": "Ventricular blood, as read",
    "oxygen_saturation_percent": "Oxygen saturation",
    "temperature_c": "Temperature",
    "respiratory_rate_per_min": "Respiratory rate",
    "creatinine_umol_l": "Creatinine",
    "urea_mmol_l": "Urea",
    "sodium_mmol_l": "Sodium",
    "potassium_mmol_l": "Potassium",
    "white_cells_10e9_l": "White cells",
    "hemoglobin_g_l": "Hemoglobin",
    "platelets_10e9_l": "Platelets",
    "mean_red_cell_volume_fl": "Red cells, mean volume",
    "red_cell_width_percent": "Red cells, distribution width",
    "mean_red_cell_hemoglobin_g_l": "Red cells, mean hemoglobin",
    "mean_platelet_volume_fl": "Platelets, mean volume",
    "inr": "INR",
    "fibrinogen_g_l": "Fibrinogen",
    "death_in_hospital": "Death in hospital",
    "platelets_1e9_l": "Platelets",
    "albumin_g_l": "Albumin",
    "c_reactive_protein_mg_l": "C-reactive protein",
    "d_dimer_mg_l": "D-dimer",
}
UNITS = {"degC": "°C", "umol/L": "µmol/L", "10^9/L": "10⁹/L", "10^12/L": "10¹²/L"}
"""Units that are written with ASCII characters in the data dictionary -> as they are printed."""
ABBREVIATIONS = {
    "gcs": "GCS",
    "nihss": "NIHSS",
    "ct": "CT",
    "ich": "ICH",
    "iph": "IPH",
    "ivh": "IVH",
    "gos": "GOS",
    "gose": "GOS-E",
    "mrs": "mRS",
}
UNIT_ENDINGS = ("years", "mmhg", "mmol_l", "bpm", "h", "ml")


def unit(name: str) -> str:
    """A unit of the data dictionary as it is printed: ``umol/L`` becomes ``µmol/L``."""
    return UNITS.get(name, name)


def variable(name: str) -> str:
    """Readable name of a variable, without the unit that ends it: ``age_years`` becomes ``Age``."""
    if name in VARIABLES:
        return VARIABLES[name]
    text = name.removeprefix("label_")
    for ending in UNIT_ENDINGS:
        text = text.removesuffix(f"_{ending}")
    text = " ".join(ABBREVIATIONS.get(part, part) for part in text.split("_"))
    return text[:1].upper() + text[1:] if not text.startswith("mRS") else text


def task(name: str) -> str:
    """Readable name of a task."""
    return TASKS.get(name, words(name))


def event(target: str) -> str:
    """What happens to a patient with label 1, in running text; ``<target>@<step>`` says when it was predicted."""
    what, _, when = target.partition("@")
    return EVENTS.get(what, words(what).lower()) + (f", predicted at {step(when).lower()}" if when else "")


def step(name: str) -> str:
    """Readable name of a step of a time course: ``day3`` becomes ``Day 3``, ``drain_removal`` ``Drain removal``."""
    return words(re.sub(r"(?<=[a-z])(?=\d)", " ", name))


def heading(task_name: str, target: str) -> str:
    """Heading of a task and its target, without saying one thing twice."""
    what, name = event(target), task(task_name)
    if name.lower() in what or what in name.lower():
        return what[:1].upper() + what[1:]
    return f"{name}: {what}"


def split(name: str) -> str:
    """What the test rows of a split are."""
    if name == "external":
        return "External centers"
    if name == "loco":
        return "Left-out centers together"
    if name == "cv":
        return "All folds together"
    if name.startswith("loco-"):
        return f"Left-out center {name.removeprefix('loco-')}"
    if name.startswith("cv-"):
        return f"Cross-validation fold {name.removeprefix('cv-')}"
    return words(name)


def split_order(name: str) -> tuple[int, str]:
    """Sort key: external first, then left-out centers, then folds."""
    rank = 0 if name == "external" else 1 if name.startswith("loco-") else 2 if name.startswith("cv") else 3
    number = name.rpartition("-")[2]
    return rank, f"{int(number):06d}" if number.isdigit() else name


def center(name: str) -> str:
    """A center's name, or what stands for several of them."""
    return WHOLE.get(name, name)


def center_order(name: str) -> tuple[int, str]:
    """Sort key: all rows together, each center, mean over centers, a center not seen."""
    return {"all": 0, "pooled": 2, "next": 3}.get(name, 1), name
