"""Put simulated scans beside real ones: a montage (PNG) and a table of HU quantiles by tissue.

Usage: PYTHONPATH=workflow python benchmarks/compare_simulated_with_real.py REAL_FOLDER OUT_FOLDER

REAL_FOLDER holds NNNN_ct.nii.gz and NNNN_labels.nii.gz (1 hematoma, 2 edema), HU clipped to [-20, 100].
"""

import argparse
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage

from ichor.simulate.anatomy import build_template, compose_head, draw_individual
from ichor.simulate.bleeds import bleed
from ichor.simulate.centers import CENTERS
from ichor.simulate.exams import plan_bleed
from ichor.simulate.patients import CaseMix, draw_patients
from ichor.simulate.scanner import draw_pose, scan_head

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SLICES, TILE = 8, 192


def real_scans(folder, count):
    """Yield (HU, labels) of real scans as (slice, row, column), left to the left of the array's row."""
    for path in sorted(Path(folder).glob("*_ct.nii.gz"))[:count]:
        label_path = path.with_name(path.name.replace("_ct", "_labels"))
        images = [nib.as_closest_canonical(nib.load(p)) for p in (path, label_path)]
        yield tuple(np.asarray(image.dataobj).transpose(2, 1, 0)[:, ::-1, ::-1] for image in images)


def simulated_scans(count, matrix, seed=5):
    """Yield (HU clipped as the real ones, labels with ivh as clot) of simulated scans, one center after another."""
    rng = np.random.default_rng(seed)
    template = build_template(matrix, rng)
    rows = draw_patients(count, CaseMix(), rng).to_dict("records")
    scanners = [center.scanner for center in CENTERS.values() if center.scanner.tilt_deg == 0]
    for number, row in enumerate(rows):
        individual = draw_individual(row["age_years"], rng)
        head = compose_head(template, individual)
        bled = bleed(template, head, plan_bleed(row, individual.scale, rng), rng)[0]
        scanner = scanners[number % len(scanners)]
        scan = scan_head(template, bled, individual.scale, draw_pose(rng), scanner, matrix, rng)
        labels = np.array([0, 1, 1, 2], np.uint8)[scan.labels]
        yield np.clip(np.rint(scan.hu), -20, 100), labels


def tissues(hu, labels):
    """Return HU by tissue: clot and edema from the labels, brain and fluid from what lies inside the skull."""
    inside = np.zeros(hu.shape, bool)
    for k, plane in enumerate(hu):
        hole = ndimage.binary_fill_holes(plane >= 95) & (plane < 95)
        parts, count = ndimage.label(ndimage.binary_erosion(hole, iterations=max(2, plane.shape[0] // 128)))
        if count:
            sizes = np.bincount(parts.ravel())[1:]
            inside[k] = parts == 1 + int(np.argmax(sizes))
    middle = np.zeros_like(inside)
    middle[len(hu) * 4 // 10 : len(hu) * 8 // 10] = True
    inside &= middle & (labels == 0)
    smooth = ndimage.median_filter(hu, (1, 3, 3))
    return {
        "brain": hu[inside & (smooth > 18) & (smooth < 48)],
        "fluid": hu[inside & (smooth < 14) & (smooth > -10)],
        "clot": hu[labels == 1],
        "edema": hu[labels == 2],
    }


def montage(scans):
    """Return the montage of scans, one a row, window 0-80 HU."""
    rows = []
    for hu, _ in scans:
        planes = [hu[k] for k in np.linspace(2, len(hu) - 3, SLICES).round().astype(int)]
        shown = [Image.fromarray((np.clip(p, 0, 80) / 80 * 255).astype(np.uint8)).resize((TILE, TILE)) for p in planes]
        rows.append(np.hstack([np.asarray(image) for image in shown]))
    return Image.fromarray(np.vstack(rows))


def main():
    """Write montage.png and hu_quantiles.tsv into the output folder and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("real", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--matrix", type=int, default=512)
    parser.add_argument("--scans", type=int, default=6)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    groups = {
        "real": list(real_scans(arguments.real, arguments.scans)),
        "simulated": list(simulated_scans(arguments.scans, arguments.matrix)),
    }
    table = []
    for source, scans in groups.items():
        values = [tissues(hu, labels) for hu, labels in scans]
        for tissue in values[0]:
            pooled = np.concatenate([v[tissue] for v in values])
            quantiles = {f"q{int(100 * q):02d}": np.quantile(pooled, q) for q in QUANTILES}
            table.append({"source": source, "tissue": tissue, "voxels": len(pooled), **quantiles})
    frame = pd.DataFrame(table).sort_values(["tissue", "source"], ignore_index=True)
    frame.to_csv(arguments.out / "hu_quantiles.tsv", sep="\t", index=False, float_format="%.1f")
    montage(groups["real"] + groups["simulated"]).save(arguments.out / "montage.png")
    print(frame.to_string(index=False, float_format=lambda v: f"{v:.1f}"))


if __name__ == "__main__":
    main()
