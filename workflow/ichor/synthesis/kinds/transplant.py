"""Transplant: a real bleed of one train patient, deformed and blended into the brain of another one.

The label is the donor's, because what makes a bleed grow is looked for in the bleed. What the recipient's brain and
state add to that is then wrong; `docs/explanation/synthesis.md` has this and the other weaknesses.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ichor.errors import StudyError
from ichor.imaging.crops import AIR_HU, hematoma_center
from ichor.imaging.measures import LABEL_CODES
from ichor.progress import track
from ichor.seeds import seed_for
from ichor.synthesis.cases import HU_RANGE, SyntheticCase
from ichor.synthesis.transplant.blend import Piece, blend, cut_out
from ichor.synthesis.transplant.geometry import draw_move
from ichor.synthesis.transplant.recipient import without_bleed
from ichor.synthesis.transplant.scans import Scan, Scans, UnsuitableError

LEARNS = False
REGION = "crop"
SPEC = {
    "size_mm": [128.0, 128.0, 112.0],  # written crop; not smaller than input.size_mm of the networks that read it
    "mirror": True,  # left-right, for half of the cases
    "rotation_deg": 12.0,  # largest turn about each axis of the head
    "scale": [0.9, 1.1],  # of lengths
    "elastic_mm": 1.5,  # standard deviation of the smooth deformation
    "elastic_length_mm": 10.0,  # standard deviation of the Gaussian that makes it smooth
    "shift_mm": 5.0,  # standard deviation of the place, about the donor's own place in the head
    "blur_mm": 0.8,  # standard deviation of the scanner's point spread in the slice
    "ring_mm": 8.0,  # width of the perihematomal ring whose darkening is carried along
    "labels": ["iph", "ivh"],  # of the donor's mask that are carried
    "recipient_most_ml": 60.0,  # a larger bleed cannot be taken out of a recipient
    "tries": 20,  # recipients and places that are drawn for one case
}
_MARGIN_VOXELS = 2  # so that a network's grid, centred between voxels, still lies inside


def generate(
    spec: dict, rows: pd.DataFrame, n_cases: int, label: int, seed: int, weights: None = None
) -> Iterator[SyntheticCase]:
    """Make cases of one label.

    Parameters
    ----------
    spec : dict
        Every setting of the kind.
    rows : pandas.DataFrame
        Train rows of one split with ``patient``, ``image``, ``mask`` and ``label_expansion``.
    n_cases : int
        How many; fewer are made where no place is found.
    label : {0, 1}
        Of the donors, and of the cases. Recipients may have any label or none.
    seed : int
        Of all draws; case number k does not depend on how many are made.
    weights : None
        Nothing is learned.

    Yields
    ------
    SyntheticCase
        With parents (donor, recipient).

    Raises
    ------
    ichor.errors.StudyError
        On settings that cannot be used.
    """
    _check(spec)
    donors = np.array(sorted(rows.loc[rows["label_expansion"] == label, "patient"]))
    patients = np.array(sorted(rows["patient"]))
    if not len(donors) or len(patients) < 2:
        return
    scans, tired = Scans(rows), set()
    for number in track(range(n_cases), "transplant"):
        rng = np.random.default_rng(own_seed := seed_for(seed, "transplant", number))
        donor = _next_donor(donors, number, seed)
        if donor in tired:
            continue
        try:
            piece = cut_out(scans[donor], spec["labels"], spec["ring_mm"])
        except UnsuitableError:
            tired.add(donor)
            continue
        case = _case(spec, scans, piece, donor, patients[patients != donor], rng)
        if case is not None:
            image, mask, recipient = case
            spacing = tuple(round(float(step), 6) for step in scans[recipient].spacing_mm)
            yield SyntheticCase(image, mask, spacing, label, (donor, recipient), own_seed)


def _check(spec: dict) -> None:
    unknown = [name for name in spec["labels"] if name not in ("iph", "ivh", "edema")]
    if "iph" not in spec["labels"] or unknown:
        raise StudyError(f"labels: found {spec['labels']}; write iph, and ivh or edema if they are to be carried too")
    low, high = (*spec["scale"], 0.0)[:2]
    if not 0.5 <= low <= high <= 2.0:
        raise StudyError(f"scale: found {spec['scale']}; write the smallest and the largest, from 0.5 to 2")
    if len(spec["size_mm"]) != 3 or min(spec["size_mm"]) <= 0:
        raise StudyError(f"size_mm: found {spec['size_mm']}; write three lengths in mm")
    for name in ("rotation_deg", "elastic_mm", "shift_mm", "blur_mm"):
        if spec[name] < 0:
            raise StudyError(f"{name}: found {spec[name]}; write 0 or more")
    if spec["ring_mm"] <= 0 or spec["tries"] < 1:
        raise StudyError("ring_mm and tries: write more than 0")
    if spec["elastic_length_mm"] < 2 * spec["elastic_mm"] or spec["elastic_length_mm"] <= 0:
        raise StudyError(
            f"elastic_length_mm: found {spec['elastic_length_mm']}; write at least twice elastic_mm, or tissue folds"
        )


def _next_donor(donors: np.ndarray, number: int, seed: int) -> str:
    """All donors in turn, in another order each time round."""
    turn, place = divmod(number, len(donors))
    return str(np.random.default_rng(seed_for(seed, "donors", turn)).permutation(donors)[place])


def _case(
    spec: dict, scans: Scans, piece: Piece, donor: str, others: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, str] | None:
    """Image, mask and recipient of one case, None if nobody has room for the bleed."""
    for _ in range(spec["tries"]):
        recipient, move = str(rng.choice(others)), draw_move(spec, rng)
        try:
            hu = without_bleed(scans[recipient], spec["recipient_most_ml"], rng)
            made, mask = blend(
                piece,
                scans[donor],
                scans[recipient],
                hu,
                move,
                blur_mm=spec["blur_mm"],
                ring_mm=spec["ring_mm"],
                rng=rng,
            )
        except UnsuitableError:
            continue
        return *_cropped(made, mask, scans[recipient], spec["size_mm"]), recipient
    return None


def _cropped(hu: np.ndarray, mask: np.ndarray, scan: Scan, size_mm: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """The crop around the bleed, with air where the scan ends, as a network reads a real scan."""
    center = np.rint(hematoma_center(mask == LABEL_CODES["iph"])).astype(int)
    half = np.ceil(np.array(size_mm) / scan.spacing_mm / 2).astype(int) + _MARGIN_VOXELS
    image = np.full(2 * half + 1, AIR_HU, np.float32)
    codes = np.zeros(2 * half + 1, np.uint8)
    start, stop = np.maximum(center - half, 0), np.minimum(center + half + 1, hu.shape)
    source = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    goal = tuple(slice(a, b) for a, b in zip(start - (center - half), stop - (center - half), strict=True))
    image[goal], codes[goal] = hu[source], mask[source]
    return np.clip(np.rint(image), *HU_RANGE).astype(np.int16), codes
