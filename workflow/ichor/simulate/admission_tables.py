"""How each simulated center writes what `ichor.simulate.admission_record` draws: headers, in order, and units.

No two centers record the same, as in life: only the first has every item, none says who had a head trauma.
"""

YES_NO = (
    "headache", "emesis", "coma", "intraventricular_extension", "neurological_deficit", "prior_cognitive_impairment",
    "prior_cardiovascular_disease", "prior_neurological_disease", "prior_cancer", "prior_hematological_disease",
    "prior_other_disease", "antihypertensive", "calcium_antagonist", "alpha_blocker", "death_in_hospital",
)  # fmt: skip
MEASURED = (
    "oxygen_saturation_percent", "temperature_c", "respiratory_rate_per_min", "creatinine_umol_l", "urea_mmol_l",
    "sodium_mmol_l", "potassium_mmol_l", "white_cells_10e9_l", "hemoglobin_g_l", "platelets_10e9_l",
    "mean_red_cell_volume_fl", "red_cell_width_percent", "mean_red_cell_hemoglobin_g_l", "mean_platelet_volume_fl",
    "inr", "fibrinogen_g_l",
)  # fmt: skip
ADMISSION_RECORD = frozenset((*YES_NO, *MEASURED))

HEADERS = {
    "aurora": {name: name for name in (*YES_NO, *MEASURED)},
    "boreal": {
        "headache": "Headache", "emesis": "Vomiting", "coma": "Coma", "intraventricular_extension": "IVH_CT",
        "prior_cognitive_impairment": "Dementia", "prior_cardiovascular_disease": "CVD", "prior_cancer": "Cancer",
        "antihypertensive": "AntiHTN", "calcium_antagonist": "CCB", "oxygen_saturation_percent": "SpO2",
        "temperature_c": "Temp", "respiratory_rate_per_min": "RR", "creatinine_umol_l": "Crea", "urea_mmol_l": "Urea",
        "sodium_mmol_l": "Na", "potassium_mmol_l": "K", "white_cells_10e9_l": "WBC", "hemoglobin_g_l": "Hb",
        "platelets_10e9_l": "Plt", "mean_red_cell_volume_fl": "MCV", "inr": "INR", "fibrinogen_g_l": "Fib",
        "death_in_hospital": "DiedHosp",
    },
    "cedar": {
        "headache": "HEADACHE", "emesis": "VOMITING", "coma": "COMA", "intraventricular_extension": "IVH_READ",
        "neurological_deficit": "NEURO_EXAM_ABNORMAL", "prior_cognitive_impairment": "DEMENTIA",
        "prior_neurological_disease": "PREV_NEURO", "prior_cancer": "PREV_CANCER",
        "prior_other_disease": "PREV_OTHER", "antihypertensive": "BP_DRUG", "oxygen_saturation_percent": "SPO2",
        "respiratory_rate_per_min": "RESP", "creatinine_umol_l": "CREAT_MGDL", "urea_mmol_l": "UREA_MGDL",
        "sodium_mmol_l": "NA_MEQL", "potassium_mmol_l": "K_MEQL", "white_cells_10e9_l": "WBC_K",
        "hemoglobin_g_l": "HGB_GDL", "platelets_10e9_l": "PLT_K", "mean_red_cell_volume_fl": "MCV",
        "red_cell_width_percent": "RDW", "mean_red_cell_hemoglobin_g_l": "MCHC_GDL", "inr": "INR",
        "death_in_hospital": "DIED_IN_HOSPITAL",
    },
    "delta": {
        "headache": "头痛", "emesis": "呕吐", "coma": "昏迷", "intraventricular_extension": "破入脑室",
        "prior_cognitive_impairment": "痴呆史", "prior_cardiovascular_disease": "心脑血管病史",
        "antihypertensive": "降压药", "oxygen_saturation_percent": "血氧饱和度", "temperature_c": "体温",
        "respiratory_rate_per_min": "呼吸频率", "creatinine_umol_l": "肌酐", "urea_mmol_l": "尿素",
        "sodium_mmol_l": "血钠", "potassium_mmol_l": "血钾", "white_cells_10e9_l": "白细胞",
        "hemoglobin_g_l": "血红蛋白", "platelets_10e9_l": "血小板", "inr": "国际标准化比值",
        "fibrinogen_g_l": "纤维蛋白原", "death_in_hospital": "住院死亡",
    },
    "estuary": {
        "headache": "Headache", "emesis": "Vomiting", "coma": "Coma on arrival",
        "intraventricular_extension": "Intraventricular blood", "prior_cognitive_impairment": "Dementia",
        "prior_cancer": "Cancer", "antihypertensive": "Antihypertensives", "oxygen_saturation_percent": "SpO2 (%)",
        "temperature_c": "Temperature (C)", "respiratory_rate_per_min": "Respiratory rate (/min)",
        "creatinine_umol_l": "Creatinine (umol/L)", "sodium_mmol_l": "Sodium (mmol/L)",
        "potassium_mmol_l": "Potassium (mmol/L)", "white_cells_10e9_l": "White cells (10^9/L)",
        "hemoglobin_g_l": "Haemoglobin (g/L)", "platelets_10e9_l": "Platelets (10^9/L)", "inr": "INR",
        "death_in_hospital": "Died in hospital",
    },
}  # fmt: skip
UNITS_OF_CENTER = {
    "cedar": {
        "creatinine_umol_l": "mg/dL",
        "urea_mmol_l": "mg/dL",
        "sodium_mmol_l": "mEq/L",
        "potassium_mmol_l": "mEq/L",
        "hemoglobin_g_l": "g/dL",
        "mean_red_cell_hemoglobin_g_l": "g/dL",
    }
}
FACTORS = {
    ("creatinine_umol_l", "mg/dL"): 1 / 88.42,
    ("urea_mmol_l", "mg/dL"): 6.006,
    ("sodium_mmol_l", "mEq/L"): 1.0,
    ("potassium_mmol_l", "mEq/L"): 1.0,
    ("hemoglobin_g_l", "g/dL"): 0.1,
    ("mean_red_cell_hemoglobin_g_l", "g/dL"): 0.1,
}
DECIMALS = {("creatinine_umol_l", "mg/dL"): 2}  # of all others one is written
