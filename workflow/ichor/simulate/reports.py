"""Simulated report texts: what brought the patient in, and the radiologist's reading of the baseline scan.

The complaint names leading signs that no record holds and after which patients worsen
(`ichor.simulate.course_model.worsening`); the findings say what the scan shows. Both are said in synonyms, and what is
absent is often named and denied. Each center has its own template and language; how it keeps them is in
`ichor.simulate.report_tables`.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from ichor.simulate.course_model import SIGN_ELSE, SIGN_IF_UNSTEADY, SIGNS, UNSTEADY_SHARE
from ichor.simulate.exams import Person
from ichor.simulate.report_words import (
    LEADING,
    NEGATIONS,
    NO_SYMPTOM,
    OTHER,
    SHAPES,
    SITES,
    with_typing_errors,
)

LANGUAGES = {"aurora": "en", "boreal": "zh", "cedar": "en", "delta": "zh", "estuary": "en"}
MISSING_REPORT = 0.05
LATE_REPORT = 0.10  # of the patients with a follow-up scan, whose report is kept too: it tells of what happened
DENIED = 0.4  # of the absent leading signs are denied, the others are not mentioned
READERS = ("Imagined", "Pretended", "Nonesuch")


def draw_signs(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Draw which leading signs each patient has.

    Returns
    -------
    DataFrame
        Index of `rows`; a column of 0 and 1 for each of `LEADING`, and `leading_signs`, their number.
    """
    unsteady = rng.random(len(rows)) < UNSTEADY_SHARE
    chance = np.where(unsteady, SIGN_IF_UNSTEADY, SIGN_ELSE)
    drawn = (rng.random((len(rows), SIGNS)) < chance[:, None]).astype(int)
    out = pd.DataFrame(drawn, index=rows.index, columns=[f"sign_{name}" for name in LEADING])
    return out.assign(leading_signs=drawn.sum(axis=1))


def draw_reports(rows: pd.DataFrame, people: dict[str, Person], center: str, rng: np.random.Generator) -> pd.DataFrame:
    """Return the reports of a center's patients: none of some, two of some.

    Parameters
    ----------
    rows
        As `ichor.simulate.center.draw_center_patients`, with what `draw_signs` returns.
    people
        Patient to name, birth date and moment of onset, as in the DICOM headers.
    center
        Its language and template are used.
    rng
        Generator of these draws alone.

    Returns
    -------
    DataFrame
        patient time_h language complaint history findings impression; `time_h` is hours from onset to the report.
    """
    out = []
    for row in rows.to_dict("records"):
        missing, late = rng.random() < MISSING_REPORT, rng.random() < LATE_REPORT
        report = _report(row, people[row["patient"]], LANGUAGES[center], rng)
        followup = _followup_report(row, LANGUAGES[center])
        if not missing:
            out.append(report)
        if late and row["has_followup"]:
            out.append(followup)
    if center == "estuary" and out:
        out[0] |= dict.fromkeys(("complaint", "history", "findings", "impression"), "")  # somebody saved an empty form
    columns = ["patient", "time_h", "language", "complaint", "history", "findings", "impression"]
    return pd.DataFrame(out, columns=columns)


def _report(row: dict, person: Person, language: str, rng: np.random.Generator) -> dict:
    """Return the report of the baseline scan."""
    site = _said(SITES[row["location"]], language, rng)
    texts = {
        "complaint": _complaint(row, language, rng),
        "history": _history(row, person, language, rng),
        "findings": _findings(row, site, language, rng),
        "impression": _impression(site, language, rng),
    }
    texts = {section: with_typing_errors(text, language, rng) for section, text in texts.items()}
    time_h = round(row["onset_to_ct_h"] + rng.uniform(0.3, 1.2), 1)
    return {"patient": row["patient"], "time_h": time_h, "language": language} | texts


def _said(words: dict[str, tuple[str, ...]], language: str, rng: np.random.Generator) -> str:
    return str(rng.choice(words[language]))


def _complaint(row: dict, language: str, rng: np.random.Generator) -> str:
    """Return the complaint: signs that are there in a random order, then some that are denied."""
    has = [_said(LEADING[name], language, rng) for name in LEADING if row[f"sign_{name}"]]
    has += [_said(words, language, rng) for words in OTHER.values() if rng.random() < 0.4]
    has = [str(word) for word in rng.permutation(has)] or [NO_SYMPTOM[language]]
    denied = [
        _said(LEADING[name], language, rng) for name in LEADING if not row[f"sign_{name}"] and rng.random() < DENIED
    ]
    hours = f"{row['onset_to_ct_h']:g}"
    if language == "zh":
        text = f"突发{'、'.join(has)}{hours}小时。"
        return text + "".join(f"{rng.choice(NEGATIONS['zh']).format(word)}。" for word in denied)
    text = f"Sudden {', '.join(has)} for {hours} hours."
    said = [str(rng.choice(NEGATIONS["en"])).format(word) for word in denied]
    return " ".join([text, *(f"{one[0].upper()}{one[1:]}." for one in said)])


def _history(row: dict, person: Person, language: str, rng: np.random.Generator) -> str:
    """Return the history with what has to be scrubbed: name, record number, dates."""
    named = person.name.replace("^", " ")
    reader, day = str(rng.choice(READERS)), person.onset.date()
    if language == "zh":
        known = "既往有高血压。" if row["hypertension"] else "否认高血压病史。"
        return f"姓名:王小明,住院号:{row['patient']},{day.year}年{day.month}月{day.day}日发病。{known}"
    known = "Known hypertension." if row["hypertension"] else "No history of hypertension."
    admitted = (person.onset + timedelta(hours=row["onset_to_ct_h"])).strftime("%d.%m.%Y")
    return f"Patient: {named}, MRN {row['patient']}, seen on {admitted} by Dr. {reader}. {known}"


def _findings(row: dict, site: str, language: str, rng: np.random.Generator) -> str:
    """Return the findings, which follow what the scan shows."""
    shape = _said(SHAPES["irregular" if row["irregularity"] > 0.5 else "smooth"], language, rng)
    density = _said(SHAPES["heterogeneous" if row["heterogeneity"] > 0.5 else "homogeneous"], language, rng)
    size = f"{row['iph_ml'] * rng.lognormal(0, 0.1):.0f}"
    shift, wide, calcified = row["iph_ml"] > 35, row["age_years"] > 72, rng.random() < 0.5
    if language == "zh":
        parts = [f"{site}见高密度血肿,约{size}毫升,{shape},{density}。"]
        parts.append("血肿破入脑室。" if row["ivh_ml"] > 0 else "脑室内未见积血。")
        parts.append("占位效应明显,中线移位。" if shift else "中线结构无移位。")
        return "".join([*parts, *(["脑室脑沟增宽。"] if wide else []), *(["脉络丛钙化。"] if calcified else [])])
    parts = [f"Hyperdense hematoma of {site}, about {size} mL, with {shape} and {density}."]
    parts.append("Blood in the ventricles." if row["ivh_ml"] > 0 else "No intraventricular blood.")
    parts.append("Mass effect with midline shift." if shift else "No midline shift.")
    optional = [(wide, "Widened ventricles and sulci."), (calcified, "Calcified choroid plexus.")]
    return " ".join(parts + [text for there, text in optional if there])


def _impression(site: str, language: str, rng: np.random.Generator) -> str:
    reader = str(rng.choice(READERS))
    if language == "zh":
        return f"{site}脑出血。报告医师:李明。"
    return f"Acute hemorrhage of {site}. Reported by Dr. {reader}."


def _followup_report(row: dict, language: str) -> dict:
    """Return the report of the follow-up scan: it comes after what has to be predicted, and tells of it."""
    grows = bool(row["expansion"])
    if language == "zh":
        findings = "与前片比较,血肿较前增大。" if grows else "与前片比较,血肿大小无明显变化。"
        impression = "脑出血复查。"
    else:
        change = "has grown" if grows else "has not grown"
        findings, impression = f"Compared with the scan before, the hematoma {change}.", "Follow-up of a hemorrhage."
    time_h = round(row["onset_to_followup_ct_h"] + 0.5, 1)
    texts = {"complaint": "", "history": "", "findings": findings, "impression": impression}
    return {"patient": row["patient"], "time_h": time_h, "language": language} | texts
