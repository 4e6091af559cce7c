"""Training of the sequence networks on many time courses, and all steps of one patient.

    python benchmarks/trajectory.py [--patients 10000] [--threads 2] [--repeats 30] [--seeds 5]
        [--kinds multistep_transformer gru]

The courses are made up: six steps, twelve variables of which a third is not measured, three nested outcomes that follow
a severity that the values show. A fifth of the patients chooses the epoch; 2,000 more are predicted. Settings are each
kind's defaults.
"""

import argparse
import sys
import time

import numpy as np
import pandas as pd
from rows import REPOSITORY, Row, row_of, save

sys.path.insert(0, str(REPOSITORY / "workflow"))  # the library is not installed: nothing is built

from ichor.cohort.sequences import SequenceSet  # noqa: E402
from ichor.cohort.targets import TRAJECTORY  # noqa: E402
from ichor.training.sequence_fit import average, fit_sequences  # noqa: E402

STEPS = {"surgery": 12.0, "day1": 36.0, "day3": 108.0, "day7": 228.0, "day14": 444.0, "drain_removal": 460.0}
VARIABLES, SEED, TESTED = 12, 31, 2000
AIM_TRAINING_S, AIM_PATIENT_MS = 600.0, 50.0
KINDS = ("multistep_transformer", "plain_transformer", "gru", "lstm")


def made_courses(patients: int, role: str, seed: int) -> tuple[SequenceSet, np.ndarray]:
    """Courses, and the log odds of each outcome among those who reach the one before it, given the true severity."""
    rng = np.random.default_rng(seed)
    steps = len(STEPS)
    severity = rng.normal(size=patients)[:, None] + 0.4 * rng.normal(size=(patients, steps)).cumsum(axis=1)
    shown = np.array([1.0, 0.8, 0.6, 0.4] + [0.0] * (VARIABLES - 4))
    values = severity[..., None] * shown + rng.normal(size=(patients, steps, VARIABLES))
    values[rng.random(values.shape) < 1 / 3] = np.nan
    logits = np.stack([start - 1.2 * severity[:, -1] for start in (2.6, 2.8, 1.6)], axis=-1)
    reached = np.minimum.accumulate(rng.random(logits.shape) < 1 / (1 + np.exp(-logits)), axis=1)
    labels = np.repeat(reached[:, None].astype(np.float32), steps, axis=1)
    labels[rng.random(patients) < 0.1, :, 1:] = np.nan  # lost after 30 days
    who = {"split": "made up", "patient": [f"{role}{number}" for number in range(patients)]}
    record = {"center": "made up", "role": role, "age_years": rng.normal(65, 10, patients)}
    courses = SequenceSet(
        patients=pd.DataFrame(who | record),
        steps=np.tile(np.array(list(STEPS), dtype=object), (patients, 1)),
        time_h=np.tile(np.array(list(STEPS.values()), dtype=np.float32), (patients, 1)),
        values=values.astype(np.float32),
        variables=tuple(f"variable{number}" for number in range(VARIABLES)),
        at_risk=np.ones((patients, steps), dtype=bool),
        labels=labels,
        targets=TRAJECTORY,
        nested=True,
    )
    return courses, logits


def measure(kind: str, sets: tuple, options: argparse.Namespace) -> list[Row]:
    """Rows of one kind: training, its AUC at the last step, and one patient."""
    from sklearn.metrics import roc_auc_score

    train, tune, (test, logits) = sets
    spec = {"kind": kind, "record": ["age_years"]}
    if options.seeds:
        spec["training"] = {"seeds": options.seeds}
    started, busy = time.perf_counter(), time.process_time()
    fitted = fit_sequences(train, tune, spec, SEED, "cpu", options.threads)
    wall, cpu = time.perf_counter() - started, time.process_time() - busy
    known = np.isfinite(test.labels[:, -1, 2])
    label, best = test.labels[known, -1, 2], np.cumprod(1 / (1 + np.exp(-logits)), axis=1)[known, 2]
    auc = roc_auc_score(label, average(fitted.predict(test))[0][known, -1, 2])
    patients = [test.take([number % len(test)]) for number in range(options.repeats + 1)]
    times = []
    for patient in patients:
        begun = time.perf_counter()
        fitted.predict(patient)
        times.append(1000 * (time.perf_counter() - begun))
    usual = float(np.median(times[1:]))
    about = f"{kind}, {len(train) + len(tune):,} patients with {len(STEPS)} steps, {len(fitted.networks)} networks"
    about += f", {options.threads} thread{'s' * (options.threads > 1)}"
    one = f"{kind}, all steps and targets of one patient, {len(fitted.networks)} networks"
    print(f"  {about}: {wall:.0f} s, {cpu:.0f} s of CPU time", flush=True)
    return [
        row_of(f"training, {about}", [wall], "s", aim=f"< {AIM_TRAINING_S:g} s", reached=wall < AIM_TRAINING_S,
               peer=f"{cpu:.0f} s of CPU time"),
        row_of(f"AUC of {TRAJECTORY[2]} at the last step, {kind}", [float(auc)], "",
               peer=f"the true severity: {roc_auc_score(label, best):.3f}"),
        row_of(one, times[1:], "ms", aim=f"< {AIM_PATIENT_MS:g} ms", reached=usual < AIM_PATIENT_MS),
    ]  # fmt: skip


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--seeds", type=int, help="networks of each kind; without it the kind's default")
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    options = parser.parse_args()
    started, tuned = time.perf_counter(), options.patients // 5
    sets = (
        made_courses(options.patients - tuned, "train", SEED)[0],
        made_courses(tuned, "tune", SEED + 1)[0],
        made_courses(TESTED, "test", SEED + 2),
    )
    rows = [row for kind in options.kinds for row in measure(kind, sets, options)]
    save("trajectory", rows, time.perf_counter() - started)


if __name__ == "__main__":
    main()
