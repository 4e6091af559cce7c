"""False refusals and missed defects: clean simulated series and every simulated defect through the real ingest.

    python benchmarks/refusals.py [--clean 1000] [--heads 6] [--matrix 128] [--workers 2] [--out FILE]

Clean series differ in head size, age, bleed (0 to 150 mL), intraventricular blood, pose, scanner, kernel, noise,
thickness, tilt, field of view and encoding. From `--heads` of them every defect of `ichor.simulate.defects` is made.
`--out` writes what was refused or missed, series by series, beside the figures.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rows import REPOSITORY, Row, save

sys.path.insert(0, str(REPOSITORY / "workflow"))  # the library is not installed: nothing is built

from ichor.simulate.anatomy import build_template, compose_head, draw_individual
from ichor.simulate.bleeds import BleedPlan, bleed, draw_center
from ichor.simulate.centers import CENTERS
from ichor.simulate.defects.catalogue import DEFECTS
from ichor.simulate.dicom_writer import Exam, Series, write_ct_series
from ichor.simulate.scanner import draw_pose, pad_outside, scan_head
from ichor.simulate.trials import Outcome, fault, ingest, read_images, write_images

MOST_REFUSED = 0.01  # of clean series
LEAST_CAUGHT = 1.0  # of defects
SERIES_A_JOB = 25
CORRECTIONS = {"tilt_corrected", "padding_clipped"}  # what clean series have: tilted gantries, round fields
SIZE = (0.90, 1.06)  # of a head, relative to the template of 1,500 mL: 1,100 to 1,800 mL
VOLUMES_ML = (0.2, 1.0, 5.0, 15.0, 30.0, 60.0, 100.0, 150.0)
IVH_ML = (0.0, 0.0, 2.0, 10.0, 40.0)
THICKNESS_MM = (2.5, 3.0, 4.0, 5.0, 5.0, 6.0, 7.0)
TILT_DEG = (0.0, 0.0, 8.0, -12.0, 18.0, 22.0)


def write_clean(number: int, matrix: int, template: object, folder: Path) -> list[Path]:
    """Draw and write the clean series of a number; the same number gives the same series."""
    rng = np.random.default_rng([20251121, number])
    center = list(CENTERS.values())[number % len(CENTERS)]
    size = float(rng.uniform(*SIZE))
    person = draw_individual(float(rng.uniform(18, 95)), rng)
    person = replace(person, scale=tuple(size * float(rng.normal(1, 0.015)) for _ in range(3)))
    iph, ivh = float(rng.choice(VOLUMES_ML)), float(rng.choice(IVH_ML))
    location = str(rng.choice(["deep", "lobar", "infratentorial"] if iph <= 30 else ["deep", "lobar"]))
    plan = BleedPlan(
        draw_center(location, iph, rng), float(rng.random()), float(rng.random()), bool(rng.random() < 0.15),
        (iph, iph), (ivh, ivh), (0.6 * iph, 0.6 * iph),
    )  # fmt: skip
    bled, _ = bleed(template, compose_head(template, person), plan, rng)
    scanner = replace(
        center.scanner,
        thickness_mm=float(rng.choice(THICKNESS_MM)),
        tilt_deg=float(rng.choice(TILT_DEG)),
        noise_hu=center.scanner.noise_hu * float(rng.uniform(0.8, 1.4)),
        blur_mm=center.scanner.blur_mm * float(rng.uniform(0.85, 1.2)),
        field_of_view_mm=float(rng.uniform(225, 255)),
    )
    scan = scan_head(template, bled, person.scale, draw_pose(rng), scanner, matrix, rng, with_labels=False)
    if scanner.round_field and center.encoding.padding_hu is not None:
        pad_outside(scan.hu, center.encoding.padding_hu)
    name = f"clean-{number}"
    exam = Exam(key=name, patient_id=name, manufacturer=center.vendor.manufacturer)
    series = Series(
        image_type=center.vendor.image_type, kernel=center.vendor.soft_kernel, thickness_mm=scanner.thickness_mm,
        tilt_deg=scanner.tilt_deg if rng.random() < 0.7 else 0.0, state_spacing=center.vendor.state_spacing,
    )  # fmt: skip
    return write_ct_series(scan.hu.transpose(2, 1, 0), scan.affine, folder / name, exam, series, center.encoding)


@cache
def _template(matrix: int) -> object:
    """The head that all are drawn from; made once in each process."""
    return build_template(matrix, np.random.default_rng(0))


def job(numbers: list[int], matrix: int, with_defects: bool) -> tuple[int, list[str], int, list[str]]:
    """Count clean series and defects of some numbers, and say what went wrong with which."""
    template = _template(matrix)
    work = Path(tempfile.mkdtemp(prefix="refusals-"))
    try:
        for number in numbers:
            paths = write_clean(number, matrix, template, work / "dicom")
            if with_defects:
                for place, (name, defect) in enumerate(DEFECTS.items()):
                    images = defect.make(read_images(paths), np.random.default_rng([number, place]))
                    write_images(images, work / "dicom" / f"{name}-{number}", f"{name}-{number}")
        outcomes = ingest(work / "dicom", work)
    finally:
        shutil.rmtree(work)
    refused = [text for number in numbers if (text := _clean_fault(number, outcomes))]
    missed, defects = [], 0
    for number in numbers if with_defects else []:
        clean = outcomes.get(f"clean-{number}")
        for name, defect in DEFECTS.items():
            if clean is None or clean.scan is None:
                continue  # told above
            defects += 1
            wrong = fault(defect, outcomes.get(f"{name}-{number}"), clean)
            if wrong:
                missed.append(f"{name}-{number}: {wrong}")
    return len(numbers), refused, defects, missed


def _clean_fault(number: int, outcomes: dict[str, Outcome]) -> str:
    outcome = outcomes.get(f"clean-{number}")
    if outcome is None or outcome.scan is None:
        why = "not in the index" if outcome is None else f"{sorted(outcome.codes)} {'; '.join(outcome.details)}"
        return f"clean-{number}: {why}"
    odd = outcome.flags - CORRECTIONS
    return f"clean-{number}: flagged {sorted(odd)}" if odd else ""


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clean", type=int, default=1_000, help="clean series")
    parser.add_argument("--heads", type=int, default=6, help="clean series of which every defect is made")
    parser.add_argument("--matrix", type=int, default=128, help="columns and rows of the slices")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--out", type=Path, help="JSON file with all that was refused or missed")
    options = parser.parse_args()
    started = time.perf_counter()
    tasks = [(list(range(n, n + 1)), True) for n in range(options.heads)]
    rest = range(options.heads, max(options.heads, options.clean))
    tasks += [(list(rest[k : k + SERIES_A_JOB]), False) for k in range(0, len(rest), SERIES_A_JOB)]
    clean, refused, defects, missed = 0, [], 0, []
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # new processes read it: one core each
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        todo = [pool.submit(job, numbers, options.matrix, with_defects) for numbers, with_defects in tasks]
        for found in (task.result() for task in as_completed(todo)):
            clean, defects = clean + found[0], defects + found[2]
            refused, missed = refused + found[1], missed + found[3]
            print(
                f"  {clean} clean series, {len(refused)} refused; {defects} defects, {len(missed)} missed", flush=True
            )
    share, caught = len(refused) / max(1, clean), 1 - len(missed) / max(1, defects)
    rows = [
        Row(f"clean series refused or flagged for nothing, of {clean:,}", 100 * share, "%", "",
            f"<= {MOST_REFUSED:.0%}", share <= MOST_REFUSED),
        Row(f"defects caught or corrected, of {defects:,} ({len(DEFECTS)} kinds)", 100 * caught, "%", "",
            f"{LEAST_CAUGHT:.0%}", caught >= LEAST_CAUGHT),
    ]  # fmt: skip
    for line in sorted(refused) + sorted(missed):
        print(f"  {line}")
    seconds = time.perf_counter() - started
    save("refusals", rows, seconds)
    if options.out:
        figures = [dict(figure=row.figure, value=round(row.value, 3), aim=row.aim, reached=row.reached) for row in rows]
        about = dict(clean=clean, heads=options.heads, matrix=options.matrix, seconds=round(seconds))
        text = json.dumps(about | dict(rows=figures, refused=refused, missed=missed), indent=1)
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
