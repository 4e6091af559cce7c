"""Enhanced (multi-frame) CT: what its functional groups say of each frame.

Legacy-converted objects keep what has no place in the functional groups in the "unassigned converted attributes".
Attributes: DICOM PS3.3, A.38.1 (Enhanced CT) and A.70 (Legacy Converted Enhanced CT).
"""

import math
import re
from typing import Any, BinaryIO

from ichor.dicom.raw_header import read_dataset

FRAMES = 10_000  # more are no head
TAGS = [
    "SpecificCharacterSet", "SOPClassUID", "NumberOfFrames", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "ContrastBolusAgentSequence",
]  # fmt: skip
HEAD_REGIONS = re.compile(r"head|brain|skull|cran|cereb|neuro|face|neck", re.I)
UNASSIGNED = ("UnassignedPerFrameConvertedAttributesSequence", "UnassignedSharedConvertedAttributesSequence")


class Frame:
    """Functional groups of one frame: its own, and those that all frames share.

    Parameters
    ----------
    own, shared : Dataset or None
        Items of the per-frame and of the shared functional groups.
    """

    def __init__(self, own: Any, shared: Any) -> None:
        self._groups = [group for group in (own, shared) if group is not None]

    def value(self, sequence: str, keyword: str) -> Any:
        """Value of an attribute in a functional group macro, or None."""
        for group in self._groups:
            items = group.get(sequence)
            if items and items[0].get(keyword) is not None:
                return items[0].get(keyword)
        return None

    def converted(self, keyword: str) -> Any:
        """Value of an attribute that a legacy conversion did not assign to a macro, or None."""
        found = (self.value(sequence, keyword) for sequence in UNASSIGNED)
        return next((value for value in found if value is not None), None)

    def numbers(self, sequence: str, keyword: str, count: int) -> list[float] | None:
        """Exactly `count` finite numbers, or None."""
        return as_numbers(self.value(sequence, keyword), count)


def as_numbers(value: Any, count: int) -> list[float] | None:
    """Exactly `count` finite numbers of an attribute's value, or None."""
    if value is None or isinstance(value, str):
        return None
    try:
        parts = [float(part) for part in (value if count > 1 else [value])]
    except (TypeError, ValueError):
        return None
    return parts if len(parts) == count and all(map(math.isfinite, parts)) else None


def _number(value: Any) -> float | None:
    parts = as_numbers(value, 1)
    return parts[0] if parts else None


def frames_of(dataset: Any) -> list[Frame]:
    """Functional groups of every frame of a data set; empty when it has none."""
    own = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or [None]
    return [Frame(item, shared[0]) for item in own]


def read_frames(stream: BinaryIO, common: dict[str, Any]) -> list[dict[str, Any]]:
    """Describe every frame of an enhanced CT object.

    Parameters
    ----------
    stream : file
        The object, anywhere.
    common : dict
        What `ichor.dicom.header_reader` took from the object as a whole.

    Returns
    -------
    list of dict
        `common` with what each frame says of itself and ``frame`` (1, 2, ...). An object without functional groups for
        each of its frames is returned as it is: nobody knows where its frames lie.
    """
    stream.seek(0)
    dataset = read_dataset(stream, TAGS)
    frames = frames_of(dataset)
    if not frames or len(frames) != common["frames"] or len(frames) > FRAMES:
        return [common]
    agents = bool(dataset.get("ContrastBolusAgentSequence"))
    return [common | _describe(frame, common, agents) | {"frame": k} for k, frame in enumerate(frames, start=1)]


def _describe(frame: Frame, common: dict[str, Any], agents: bool) -> dict[str, Any]:
    kind = frame.value("CTImageFrameTypeSequence", "FrameType")
    kernel = frame.value("CTReconstructionSequence", "ConvolutionKernel") or frame.converted("ConvolutionKernel")
    tilt = frame.value("CTAcquisitionDetailsSequence", "GantryDetectorTilt") or frame.converted("GantryDetectorTilt")
    acquisition = frame.value("FrameContentSequence", "FrameAcquisitionNumber") or frame.converted("AcquisitionNumber")
    instance = frame.converted("InstanceNumber")
    intercept = frame.value("PixelValueTransformationSequence", "RescaleIntercept")
    return {
        "position": frame.numbers("PlanePositionSequence", "ImagePositionPatient", 3),
        "orientation": frame.numbers("PlaneOrientationSequence", "ImageOrientationPatient", 6),
        "spacing": frame.numbers("PixelMeasuresSequence", "PixelSpacing", 2),
        "thickness_mm": _number(frame.value("PixelMeasuresSequence", "SliceThickness")) or common["thickness_mm"],
        "image_type": _text(kind).upper() or common["image_type"],
        "kernel": _text(kernel) or common["kernel"],
        "tilt_tag_deg": common["tilt_tag_deg"] if tilt is None else _number(tilt),
        "acquisition": common["acquisition"] if acquisition is None else _number(acquisition),
        "instance": common["instance"] if instance is None else _number(instance),
        "when": _when(frame) or common["when"],
        "contrast": _has_contrast(frame, agents) or common["contrast"],
        "other_body_part": common["other_body_part"] or _is_other_region(frame),
        "slope": _number(frame.value("PixelValueTransformationSequence", "RescaleSlope")) or common["slope"],
        "intercept": common["intercept"] if intercept is None else _number(intercept),
        "frames": 1,
    }


def _text(value: Any) -> str:
    if value is None:
        return ""
    parts = [value] if isinstance(value, str) else value
    text = "\\".join(str(part).strip(" \0") for part in parts) if hasattr(parts, "__iter__") else str(value)
    return text[:256].encode("utf-8", "replace").decode()


def _when(frame: Frame) -> str:
    """Return acquisition date-time as YYYYMMDDHHMMSS text, or empty."""
    for keyword in ("FrameAcquisitionDateTime", "FrameReferenceDateTime"):
        digits = re.sub(r"[^0-9].*$", "", _text(frame.value("FrameContentSequence", keyword)))
        if len(digits) >= 12:
            return digits[:14].ljust(14, "0")
    return ""


def _has_contrast(frame: Frame, agents: bool) -> bool:
    """Tell whether a frame was taken with contrast: it says so, or the object has an agent and it does not say no."""
    given = frame.value("ContrastBolusUsageSequence", "ContrastBolusAgentAdministered")
    return agents and _text(given).upper() != "NO"


def _is_other_region(frame: Frame) -> bool:
    regions = frame.value("FrameAnatomySequence", "AnatomicRegionSequence")
    names = [_text(item.get("CodeMeaning")) for item in regions or []]
    return any(names) and not any(HEAD_REGIONS.search(name) for name in names)
