"""The five simulated centers: scanner, DICOM habits, case mix and gaps in the record."""

from __future__ import annotations

from dataclasses import dataclass, field

from ichor.errors import StudyError
from ichor.simulate.dicom_writer import Encoding
from ichor.simulate.patients import CaseMix
from ichor.simulate.scanner import Scanner


@dataclass(frozen=True)
class Vendor:
    """What a scanner writes of itself; `bone_kernel` and `soft_kernel` are names of that vendor."""

    manufacturer: str
    model: str
    soft_kernel: str
    bone_kernel: str
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "AXIAL")
    description: str = "Head 5mm"
    state_spacing: bool = True


@dataclass(frozen=True)
class Habits:
    """How an archive hands out an exam.

    Attributes
    ----------
    folders
        "series" (a folder a series), "study" (all series of a study in one folder) or "flat" (all of a patient).
    split_series
        Share of exams whose axial run comes as two series that continue each other.
    localizer, bone_run, contrast_run
        Share of exams with such a series.
    defects
        Which odd patients the center has, one each: see `ichor.simulate.exams`.
    """

    folders: str = "series"
    split_series: float = 0.0
    localizer: float = 0.8
    bone_run: float = 0.25
    contrast_run: float = 0.08
    defects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Center:
    """One simulated center.

    Attributes
    ----------
    no_followup
        Share of patients without a follow-up scan.
    missing
        Share of missing values by variable; "*" is the rest.
    patient_id
        Pattern of the raw patient id, with {number} and {check}.
    """

    name: str
    institution: str
    scanner: Scanner
    vendor: Vendor
    encoding: Encoding
    habits: Habits
    mix: CaseMix
    patient_id: str
    no_followup: float = 0.04
    missing: dict[str, float] = field(default_factory=dict)
    masks: bool = True


AURORA = Center(
    name="aurora",
    institution="Aurora Teaching Hospital (simulated)",
    scanner=Scanner(thickness_mm=5.0, noise_hu=2.4, blur_mm=0.75, holder="cup"),
    vendor=Vendor(
        "SIEMENS",
        "SOMATOM Imaginary 64",
        "H31s",
        "H60s",
        ("ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SEQ"),
        "Schaedel nativ 5.0 H31s",
        state_spacing=False,
    ),
    encoding=Encoding(intercept=-1024.0, signed=False, bits_stored=12, file_name="CT.{series:04d}.{instance:04d}.IMA"),
    habits=Habits(defects=("truncated_file", "no_scan")),
    mix=CaseMix(),
    patient_id="AUR{number:05d}",
    missing={"*": 0.01, "nihss": 0.05, "mrs_180d": 0.15},
)
BOREAL = Center(
    name="boreal",
    institution="Boreal General Hospital (simulated)",
    scanner=Scanner(thickness_mm=5.0, tilt_deg=14.0, noise_hu=2.7, blur_mm=0.70, holder="arc", round_field=True),
    vendor=Vendor("GE MEDICAL SYSTEMS", "LightSpeed Imaginary", "STANDARD", "BONEPLUS", description="5MM STND HEAD"),
    encoding=Encoding(intercept=-1024.0, padding_hu=-3024.0, file_name="i{instance:06d}.CTDC.{series}"),
    habits=Habits(defects=("missing_slices", "no_record")),
    mix=CaseMix(age_shift_years=-0.5, male=0.70, anticoagulant=0.02),
    patient_id="B-{number:04d}-{check}",
    missing={"*": 0.02, "glucose_mmol_l": 0.08, "alcohol": 0.12, "smoking": 0.10, "mrs_90d": 0.10, "mrs_180d": 0.20},
)
CEDAR = Center(
    name="cedar",
    institution="Cedar County Hospital (simulated)",
    scanner=Scanner(thickness_mm=6.0, noise_hu=3.0, blur_mm=0.85, noise_grain_mm=1.0, holder="arc"),
    vendor=Vendor("Philips", "Brilliance Imaginary 16", "UB", "YD", description="HEAD 6.0/UB"),
    encoding=Encoding(intercept=-1000.0, signed=False, bits_stored=12, file_name="IM_{series}{instance:03d}"),
    habits=Habits(folders="study", bone_run=0.35, defects=("only_localizer", "no_record")),
    mix=CaseMix(age_shift_years=1.5, volume_factor=1.05, onset_factor=1.2, outcome_shift=0.15),
    patient_id="{number:07d}",
    missing={"*": 0.02, "nihss": 0.12, "heart_rate_bpm": 0.10, "mrs_180d": 0.25},
)
DELTA = Center(
    name="delta",
    institution="Delta City Hospital (simulated)",
    scanner=Scanner(
        thickness_mm=5.0,
        noise_hu=3.5,
        blur_mm=0.65,
        noise_grain_mm=0.7,
        field_of_view_mm=230.0,
        holder="cup",
        hardening=1.3,
        round_field=True,
    ),
    vendor=Vendor("TOSHIBA", "Aquilion Imaginary", "FC21", "FC30", description="Brain 5.0", state_spacing=False),
    encoding=Encoding(intercept=0.0, padding_hu=-2000.0, file_name="{series:03d}-{instance:04d}.dcm"),
    habits=Habits(split_series=0.15, defects=("missing_slices", "no_scan")),
    mix=CaseMix(age_shift_years=3.0, male=0.61, locations=(0.60, 0.28, 0.12), anticoagulant=0.06, growth_shift=0.1),
    patient_id="D{number:06d}",
    no_followup=0.06,
    missing={"*": 0.03, "glucose_mmol_l": 0.12, "diastolic_mmhg": 0.05, "mrs_180d": 0.30},
)
ESTUARY = Center(
    name="estuary",
    institution="Estuary Regional Hospital (simulated)",
    scanner=Scanner(thickness_mm=5.0, noise_hu=2.8, blur_mm=0.90, noise_grain_mm=1.1, field_of_view_mm=245.0),
    vendor=Vendor("UIH", "uCT Imaginary", "H_SOFT_A", "H_SHARP_B", description="Head Routine 5.0"),
    encoding=Encoding(intercept=-8192.0, signed=False, bits_stored=16, file_name="{instance:08d}.dcm"),
    habits=Habits(contrast_run=0.15, defects=("truncated_file", "only_localizer")),
    mix=CaseMix(age_shift_years=-2.0, male=0.69, volume_factor=0.92, onset_factor=0.85, outcome_shift=-0.2),
    patient_id="EST/{number:04d}",
    no_followup=0.06,
    missing={"*": 0.03, "nihss": 0.20, "mrs_90d": 0.15, "mrs_180d": 0.40},
    masks=False,
)
CENTERS = {center.name: center for center in (AURORA, BOREAL, CEDAR, DELTA, ESTUARY)}


def find_center(name: str) -> Center:
    """Return a center's profile by name.

    Raises
    ------
    StudyError
        If no simulated center has that name.
    """
    if name not in CENTERS:
        raise StudyError(
            f"There is no simulated center {name!r}; the simulated centers are {', '.join(CENTERS)}. "
            f"A center of your own needs its own folder in the centers sheet, not results/simulated/{name}."
        )
    return CENTERS[name]
