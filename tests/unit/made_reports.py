"""Made-up cohort with reports in two languages, whose label follows a finding that reports name, deny, or misspell."""

import numpy as np
import pandas as pd

SAID = {
    "en": ["walks unsteadily", "unsteady gait", "trouble walking", "gait is unsteady"],
    "zh": ["行走不稳", "步态不稳", "走路不稳"],
}
DENIED = {"en": ["no {}", "denies {}", "without {}"], "zh": ["无{}", "否认{}", "未见{}"]}
BESIDE = {
    "en": ["headache", "vomiting", "slurred speech", "numb left arm", "dizziness", "neck pain"],
    "zh": ["头痛", "呕吐", "言语不清", "左上肢麻木", "头晕", "颈部疼痛"],
}
FINDINGS = {
    "en": ["Hyperdense hematoma of the basal ganglia, about {} mL.", "Bleed in the thalamus, {} mL, smooth margin."],
    "zh": ["基底节区高密度血肿，约{}ml。", "丘脑出血，量约{}ml，边缘光整。"],
}
CENTERS = {"aurora": "en", "boreal": "zh", "delta": "en"}


def made_study(n: int, seed: int, *, of_text: float = 2.4, of_age: float = 1.0):
    """Cohort table and reports table of `n` patients; the last two fifths are test rows, half of these of center delta.

    Log odds of the label: `of_text` if the finding is said and the negative of it if it is denied or not spoken of,
    and `of_age` per standard deviation of age.
    """
    rng = np.random.default_rng(seed)
    rows, reports = [], []
    for number in range(n):
        role = "test" if number >= 0.6 * n else "tune" if number % 4 == 0 else "train"
        center = ("aurora", "boreal", "delta")[number % 3] if role == "test" else ("aurora", "boreal")[number % 2]
        language, said = CENTERS[center], rng.random() < 0.5
        denied = not said and rng.random() < 0.6
        age = rng.normal()
        logit = of_text * (1 if said else -1) + of_age * age
        patient = f"p{number:04d}"
        rows.append(
            {
                "split": "external",
                "patient": patient,
                "center": center,
                "role": role,
                "age_years": 65 + 10 * age,
                "gcs": int(rng.integers(6, 16)),
                "label_deterioration_7d": int(rng.random() < 1 / (1 + np.exp(-logit))),
            }
        )
        complaint = _complaint(language, said, denied, rng)
        finding = str(rng.choice(FINDINGS[language])).format(rng.integers(3, 60))
        for section, text in (("findings", finding), ("complaint", complaint)):
            reports.append(
                {"patient": patient, "center": center, "time_h": 2.0, "language": language, "section": section}
                | {"text": text}
            )
    return pd.DataFrame(rows), pd.DataFrame(reports)


def _complaint(language: str, said: bool, denied: bool, rng: np.random.Generator) -> str:
    parts = [str(word) for word in rng.choice(BESIDE[language], size=3, replace=False)]
    parts[0] = str(rng.choice(DENIED[language])).format(parts[0]) if rng.random() < 0.5 else parts[0]
    if said or denied:
        words = str(rng.choice(SAID[language]))
        if language == "en" and rng.random() < 0.2:  # a letter is missing
            place = int(rng.integers(1, len(words) - 1))
            words = words[:place] + words[place + 1 :]
        parts.append(str(rng.choice(DENIED[language])).format(words) if denied else words)
    return {"en": ", ", "zh": "，"}[language].join(str(part) for part in rng.permutation(parts))
