"""Training of the kinds that read report texts, and what one patient's answer takes.

    python benchmarks/text_patient.py [--patients 200] [--repeats 20]

Reports and records are those of simulated centers in English and Chinese; the label is drawn from the leading signs of
the complaint and age, because this measures time and no skill. Training is CPU time on one thread, with the kinds'
default settings; an answer is wall time of one patient's text and record from the loaded bundle.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from rows import REPOSITORY, row_of, save

sys.path.insert(0, str(REPOSITORY / "workflow"))  # the library is not installed: nothing is built

SEED, AIM_ANSWER_MS, AIM_TRAINING_S = 23, 50.0, 20.0
FEATURES = ["age_years", "gcs", "nihss", "iph_ml", "ivh_ml", "onset_to_ct_h"]
SPECS = {
    "tfidf_logistic": {"kind": "tfidf_logistic"},
    "report_text": {"kind": "report_text"},
    **{
        f"report_record, {fusion}": {"kind": "report_record", "fusion": fusion, "record": {"features": FEATURES}}
        for fusion in ("concat", "gated", "cross_attention")
    },
}


def make_study(patients: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cohort table and reports table of simulated patients, two thirds of whom write English."""
    from ichor.simulate.center import draw_center_patients
    from ichor.simulate.centers import find_center
    from ichor.simulate.exams import draw_person
    from ichor.simulate.reports import draw_reports, draw_signs

    rng, cohorts, texts = np.random.default_rng(SEED), [], []
    for center in ("aurora", "boreal", "cedar"):
        rows = draw_center_patients(find_center(center), -(-patients // 3), SEED)
        rows = pd.concat([rows, draw_signs(rows, rng)], axis=1)
        people = {row["patient"]: draw_person(row, rng) for row in rows.to_dict("records")}
        texts.append(draw_reports(rows, people, center, rng).assign(center=center))
        cohorts.append(rows.assign(center=center))
    cohort = pd.concat(cohorts, ignore_index=True).head(patients)
    logit = 2 * cohort["leading_signs"] - 2 + (cohort["age_years"] - 65) / 15
    label = (rng.random(len(cohort)) < 1 / (1 + np.exp(-logit))).astype(int)
    role = np.where(np.arange(len(cohort)) % 4 == 0, "tune", "train")
    cohort = cohort.assign(split="external", role=role, label_deterioration_7d=label)
    long = pd.concat(texts).melt(
        ["patient", "center", "time_h", "language"],
        ["complaint", "history", "findings", "impression"],
        "section",
        "text",
    )
    return cohort, long[long["text"] != ""]


def main() -> None:
    """Measure, show and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    from ichor.training import bundle
    from ichor.training.fit import fit_model

    started, found = time.monotonic(), []
    cohort, reports = make_study(options.patients)
    job = {"task": "deterioration", "target": "deterioration_7d", "seed": SEED, "device": "cpu", "reports": reports}
    with tempfile.TemporaryDirectory() as folder:
        for name, spec in SPECS.items():
            own = Path(folder, name)
            clock = time.process_time()
            fit_model(cohort, model="m", spec=spec, checkpoint_dir=own / "state", bundle_dir=own / "bundle", **job)
            spent = time.process_time() - clock
            what = f"training of {name}, {options.patients} patients, one core"
            found.append(row_of(what, [spent], "s", aim=f"< {AIM_TRAINING_S:g}", reached=spent < AIM_TRAINING_S))
            predictor, one = bundle.load(own / "bundle", device="cpu"), cohort.iloc[[0]]
            predictor.predict(one, reports)
            times = []
            for _ in range(options.repeats):
                clock = time.perf_counter()
                predictor.predict(one, reports[reports["patient"] == one["patient"].iloc[0]])
                times.append((time.perf_counter() - clock) * 1000)
            reached = float(np.median(times)) < AIM_ANSWER_MS
            found.append(
                row_of(f"answer of {name}, one patient", times, "ms", aim=f"< {AIM_ANSWER_MS:g}", reached=reached)
            )
    save("text_patient", found, time.monotonic() - started)


if __name__ == "__main__":
    main()
