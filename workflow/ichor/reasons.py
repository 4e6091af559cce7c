"""Every reason for which a file, scan, row or number is set aside or flagged: code, meaning, what to do."""

from enum import StrEnum


class Reason(StrEnum):
    """Reason code; its value is what stands in the tables. `MEANING` and `ADVICE` explain it in words."""

    # index
    EMPTY_FOLDER = "empty_folder"
    UNREADABLE_FILE = "unreadable_file"
    NOT_DICOM = "not_dicom"
    NOT_CT = "not_ct"
    ARCHIVE_ENCRYPTED = "archive_encrypted"
    ARCHIVE_REFUSED = "archive_refused"
    DICOMDIR = "dicomdir"
    DICOMDIR_INCOMPLETE = "dicomdir_incomplete"
    # select
    LOCALIZER = "localizer"
    NOT_ORIGINAL_AXIAL = "not_original_axial"
    DERIVED_IMAGE = "derived_image"
    BONE_KERNEL = "bone_kernel"
    CONTRAST_ENHANCED = "contrast_enhanced"
    TOO_FEW_SLICES = "too_few_slices"
    COVERAGE_TOO_SMALL = "coverage_too_small"
    LOSSY_COMPRESSION = "lossy_compression"
    UNKNOWN_SYNTAX = "unknown_syntax"
    REFUSED_BY_OVERRIDE = "refused_by_override"
    NOT_CHOSEN = "not_chosen"
    OUT_OF_WINDOW = "out_of_window"
    TIME_UNKNOWN = "time_unknown"
    MULTI_FRAME = "multi_frame"
    AFTER_SURGERY = "after_surgery"
    FOLLOWUP_BEFORE_BASELINE = "followup_before_baseline"
    # convert and check
    MISSING_SLICES = "missing_slices"
    DUPLICATE_SLICES = "duplicate_slices"
    CONVERSION_FAILED = "conversion_failed"
    WRONG_EXTENT = "wrong_extent"
    NOT_A_HEAD = "not_a_head"
    HU_OUT_OF_RANGE = "hu_out_of_range"
    CLIPPED_RANGE = "clipped_range"
    VERTEX_MISSING = "vertex_missing"
    TILT_CORRECTED = "tilt_corrected"
    RESAMPLED_UNEVEN = "resampled_uneven"
    PADDING_CLIPPED = "padding_clipped"
    REFERENCE_MISMATCH = "reference_mismatch"
    SLICES_DISPLACED = "slices_displaced"
    GAPS_BETWEEN_SLICES = "gaps_between_slices"
    AFFINE_AMBIGUOUS = "affine_ambiguous"
    HU_OFFSET_MISSING = "hu_offset_missing"
    PER_SLICE_RESCALE = "per_slice_rescale"
    WRAPPED_VALUES = "wrapped_values"
    SLICE_LEVELS_DIFFER = "slice_levels_differ"
    BURNED_IN_TEXT = "burned_in_text"
    # clinical tables
    NO_TABLE = "no_table"
    UNMAPPED_COLUMN = "unmapped_column"
    UNKNOWN_CODE = "unknown_code"
    OUT_OF_RANGE = "out_of_range"
    UNIT_SUSPECTED = "unit_suspected"
    SCALE_MIXED = "scale_mixed"
    COLUMN_EMPTY = "column_empty"
    GCS_INTUBATED = "gcs_intubated"
    OUTCOME_BEFORE_ONSET = "outcome_before_onset"
    DUPLICATE_PATIENT = "duplicate_patient"
    NO_PATIENT_ID = "no_patient_id"
    # reports
    REPORT_EMPTY = "report_empty"
    REPORT_UNREADABLE = "report_unreadable"
    REPORT_ENCODING_REPAIRED = "report_encoding_repaired"
    REPORT_CUT = "report_cut"
    REPORT_SCRUBBED = "report_scrubbed"
    REPORT_TOO_LATE = "report_too_late"
    REPORT_UNDATED = "report_undated"
    REPORT_SUPERSEDED = "report_superseded"
    # time courses
    UNMAPPED_VARIABLE = "unmapped_variable"
    COURSE_TIME_UNKNOWN = "course_time_unknown"
    MEASURED_BEFORE_ONSET = "measured_before_onset"
    UNIT_CHANGES = "unit_changes"
    TWO_VALUES_AT_ONE_TIME = "two_values_at_one_time"
    TIMES_OUT_OF_ORDER = "times_out_of_order"
    MEASURED_AFTER_DEATH = "measured_after_death"
    COURSE_WITHOUT_PATIENT = "course_without_patient"
    NO_COURSE = "no_course"
    VARIABLE_IN_ONE_CENTER = "variable_in_one_center"
    OUTCOMES_CONTRADICT = "outcomes_contradict"
    FOLLOWUP_TOO_SHORT = "followup_too_short"
    # patients and scans brought together
    NO_SCAN = "no_scan"
    NO_RECORD = "no_record"
    TWO_PATIENTS_ONE_SCAN = "two_patients_one_scan"
    TWO_CENTERS_ONE_PATIENT = "two_centers_one_patient"
    FOLLOWUP_IS_BASELINE = "followup_is_baseline"
    IN_PUBLIC_SET = "in_public_set"
    KEPT_TOGETHER = "kept_together"
    # segmentation
    SEGMENTATION_FAILED = "segmentation_failed"
    SEEN_IN_TRAINING = "seen_in_training"
    LABEL_NOT_SEGMENTED = "label_not_segmented"
    EMPTY_MASK = "empty_mask"
    MASK_AT_SCAN_EDGE = "mask_at_scan_edge"
    SEVERAL_BLEEDS = "several_bleeds"
    MEASURES_FAILED = "measures_failed"
    NO_HEAD_FRAME = "no_head_frame"
    NO_REFERENCE = "no_reference"
    # labels
    NO_FOLLOWUP = "no_followup"
    FOLLOWUP_OUT_OF_WINDOW = "followup_out_of_window"
    SURGERY_BETWEEN = "surgery_between"
    TINY_BASELINE = "tiny_baseline"
    POSITIVE_BEFORE_WINDOW = "positive_before_window"
    VOLUME_ERROR_UNKNOWN = "volume_error_unknown"
    FOLLOWUP_SELECTIVE = "followup_selective"
    LABEL_MISSING = "label_missing"
    NO_SERIAL_SCORES = "no_serial_scores"
    SCORES_END_EARLY = "scores_end_early"
    DETERIORATED_EARLY = "deteriorated_early"
    DETERIORATED_AT_ONCE = "deteriorated_at_once"
    # synthetic cases
    TOO_CLOSE_TO_REAL = "too_close_to_real"
    SYNTHETIC_TOO_FEW = "synthetic_too_few"
    GENERATOR_DRAWS_UNFIT = "generator_draws_unfit"
    # models and evaluation
    MISSING_INPUT = "missing_input"
    NO_BRAIN_MASK = "no_brain_mask"
    FEATURE_NEVER_RECORDED = "feature_never_recorded"
    ONE_CLASS = "one_class"
    TOO_FEW_EVENTS = "too_few_events"
    NO_TUNE_ROWS = "no_tune_rows"
    PERFECT_PREDICTION = "perfect_prediction"
    EXTREME_PROBABILITY = "extreme_probability"
    TOO_FEW_CENTERS = "too_few_centers"
    NO_TEST_ROWS = "no_test_rows"
    NO_RESAMPLES = "no_resamples"
    CONSTANT_PREDICTION = "constant_prediction"
    CONSTANT_FEATURE = "constant_feature"
    COLLINEAR_FEATURES = "collinear_features"
    EMPTY_DENOMINATOR = "empty_denominator"
    CENTERS_LEFT_OUT = "centers_left_out"
    REACHABLE_NEAR_CHANCE = "reachable_near_chance"
    NO_TRUTH = "no_truth"
    NOBODY_FOLLOWED = "nobody_followed"


MEANING: dict[Reason, str] = {
    Reason.EMPTY_FOLDER: "The center's folder holds no file.",
    Reason.UNREADABLE_FILE: "The file could not be read within its time and memory limits.",
    Reason.NOT_DICOM: "The file is not DICOM.",
    Reason.NOT_CT: "The DICOM object is not a CT image.",
    Reason.ARCHIVE_ENCRYPTED: "A file in a zip archive that needs a password.",
    Reason.ARCHIVE_REFUSED: "An archive, or a file in it, that is damaged, unsafe or too large.",
    Reason.DICOMDIR: "A table of contents (DICOMDIR), not an image; all files that it names are there.",
    Reason.DICOMDIR_INCOMPLETE: "A table of contents (DICOMDIR) names files that are missing or outside of its folder.",
    Reason.LOCALIZER: "A localizer (scout) image.",
    Reason.NOT_ORIGINAL_AXIAL: "Not an original axial image: reformatted, secondary or screen capture.",
    Reason.DERIVED_IMAGE: "An image derived from others.",
    Reason.BONE_KERNEL: "Reconstructed with a bone (sharp) kernel.",
    Reason.CONTRAST_ENHANCED: "Contrast agent was given.",
    Reason.TOO_FEW_SLICES: "Fewer slices than a head scan needs.",
    Reason.COVERAGE_TOO_SMALL: "The scan covers too little of the head.",
    Reason.LOSSY_COMPRESSION: "Lossy compression changed the Hounsfield units.",
    Reason.UNKNOWN_SYNTAX: "Pixels in a transfer syntax that is not known to be lossless.",
    Reason.REFUSED_BY_OVERRIDE: "The sheet of overrides refuses the series.",
    Reason.NOT_CHOSEN: "A usable series, but another one of the same time point scored higher.",
    Reason.OUT_OF_WINDOW: "Scanned outside the configured time window.",
    Reason.TIME_UNKNOWN: "Which scan was first, or whether it was before surgery, is not known.",
    Reason.MULTI_FRAME: "A multi-frame object that does not say where its frames lie.",
    Reason.AFTER_SURGERY: "Scanned after surgery.",
    Reason.FOLLOWUP_BEFORE_BASELINE: "The follow-up scan is not later than the baseline scan.",
    Reason.MISSING_SLICES: "Slices are missing inside the series.",
    Reason.DUPLICATE_SLICES: "Several slices lie at one position.",
    Reason.CONVERSION_FAILED: "DICOM to NIfTI conversion failed.",
    Reason.WRONG_EXTENT: "The converted volume's extent differs from the DICOM positions.",
    Reason.NOT_A_HEAD: "The volume does not look like a head with a brain in it.",
    Reason.HU_OUT_OF_RANGE: "Brain tissue is not where Hounsfield units put it.",
    Reason.CLIPPED_RANGE: "Intensities were clipped before we got them (no true air or bone).",
    Reason.VERTEX_MISSING: "The scan ends below the top of the brain.",
    Reason.TILT_CORRECTED: "Gantry tilt was removed by shearing the slices back.",
    Reason.RESAMPLED_UNEVEN: "Unevenly spaced slices were interpolated to even spacing.",
    Reason.PADDING_CLIPPED: "Padding below -1024 HU was set to -1024 HU.",
    Reason.REFERENCE_MISMATCH: "The reference mask does not lie on the scan.",
    Reason.SLICES_DISPLACED: "Slices are shifted sideways against each other by more than a tilted gantry does.",
    Reason.GAPS_BETWEEN_SLICES: "The slices are thinner than they are apart: what lies between them was not imaged.",
    Reason.AFFINE_AMBIGUOUS: "The two orientations in a NIfTI header contradict each other, or it has none.",
    Reason.HU_OFFSET_MISSING: "All values are shifted: the offset from stored numbers to Hounsfield units is lost.",
    Reason.PER_SLICE_RESCALE: "Scale and offset of the stored numbers differ from slice to slice; each had its own.",
    Reason.WRAPPED_VALUES: "Numbers wrapped around or lost their sign: bone or air has values that cannot be.",
    Reason.SLICE_LEVELS_DIFFER: "Some slices are empty or have other intensities than those beside them.",
    Reason.BURNED_IN_TEXT: "Text is burned into the images; it may name the patient.",
    Reason.NO_TABLE: "The center brings no clinical table.",
    Reason.UNMAPPED_COLUMN: "A column of the center's table is not mapped.",
    Reason.UNKNOWN_CODE: "A value is not among the codes of the column sheet.",
    Reason.OUT_OF_RANGE: "A value lies outside its possible range.",
    Reason.UNIT_SUSPECTED: "Most numbers of a column are impossible in its unit, and possible in another one.",
    Reason.SCALE_MIXED: "A column of GOS (1 to 5) holds values that only GOS-E (1 to 8) has.",
    Reason.COLUMN_EMPTY: "A column that the sheet names holds no value.",
    Reason.GCS_INTUBATED: "The verbal part of a GCS could not be tested, because the patient was intubated.",
    Reason.OUTCOME_BEFORE_ONSET: "An outcome or a death is dated before the onset.",
    Reason.DUPLICATE_PATIENT: "The patient stands in the table more than once; contradicting rows are set aside.",
    Reason.NO_PATIENT_ID: "A row of the table has no patient id.",
    Reason.REPORT_EMPTY: "A report without any text.",
    Reason.REPORT_UNREADABLE: "A report that is no text in any encoding we know.",
    Reason.REPORT_ENCODING_REPAIRED: "A report's text had been decoded wrongly before it came here, and was put right.",
    Reason.REPORT_CUT: "A section of a report was longer than the limit and was cut.",
    Reason.REPORT_SCRUBBED: "Names, dates, times, places or identifying numbers were taken out of reports.",
    Reason.REPORT_TOO_LATE: "A report written after the time of the prediction.",
    Reason.REPORT_UNDATED: "A report of which nobody knows when it was written.",
    Reason.REPORT_SUPERSEDED: "A newer report of the same section was known in time.",
    Reason.UNMAPPED_VARIABLE: "Values of a variable that the sheet of the courses' columns does not name.",
    Reason.COURSE_TIME_UNKNOWN: "A value without a time that can be read.",
    Reason.MEASURED_BEFORE_ONSET: "A value that was measured before the onset.",
    Reason.UNIT_CHANGES: "In the course of a patient some numbers are possible in another unit only.",
    Reason.TWO_VALUES_AT_ONE_TIME: "A variable has several different values at one time.",
    Reason.TIMES_OUT_OF_ORDER: "Rows of a patient do not come in the order of time.",
    Reason.MEASURED_AFTER_DEATH: "A value that was measured after the patient's death.",
    Reason.COURSE_WITHOUT_PATIENT: "A time course of a patient who is not in the study.",
    Reason.NO_COURSE: "The patient has no time course.",
    Reason.VARIABLE_IN_ONE_CENTER: "A variable of the time courses that one center alone has.",
    Reason.OUTCOMES_CONTRADICT: "What is recorded of death and outcome cannot all be true.",
    Reason.FOLLOWUP_TOO_SHORT: "The patient was not followed until the time that the label is about.",
    Reason.NO_SCAN: "The patient has a record but no accepted baseline scan.",
    Reason.NO_RECORD: "The patient has a scan but no clinical record.",
    Reason.TWO_PATIENTS_ONE_SCAN: "Two patients have one scan, as it is, resampled, cropped or windowed.",
    Reason.TWO_CENTERS_ONE_PATIENT: "One patient stands in two centers.",
    Reason.FOLLOWUP_IS_BASELINE: "The follow-up scan is the baseline scan, voxel by voxel or nearly so.",
    Reason.IN_PUBLIC_SET: "The scan stands in a list of fingerprints of another set of scans.",
    Reason.KEPT_TOGETHER: "The sheet of duplicates keeps this patient on the same side of every split as another one.",
    Reason.SEGMENTATION_FAILED: "Segmentation of the scan failed.",
    Reason.SEEN_IN_TRAINING: "The segmentation bundle was trained on this scan or its patient.",
    Reason.LABEL_NOT_SEGMENTED: "It needs a volume or mask of a label that the segmentation does not know.",
    Reason.EMPTY_MASK: "Segmentation found no hematoma (0.0 mL).",
    Reason.MASK_AT_SCAN_EDGE: "The bleed is cut off where the scan ends; its volume is not known.",
    Reason.SEVERAL_BLEEDS: "The parenchymal bleed has a second large piece, which may be a bleed of its own.",
    Reason.MEASURES_FAILED: "The mask could not be measured.",
    Reason.NO_HEAD_FRAME: "Too little brain in the scan to tell midline and location.",
    Reason.NO_BRAIN_MASK: "The brain could not be cut out of the scan as the network's input settings want it.",
    Reason.NO_REFERENCE: "There is no reference mask to compare with.",
    Reason.NO_FOLLOWUP: "There is no accepted follow-up scan.",
    Reason.FOLLOWUP_OUT_OF_WINDOW: "The follow-up scan lies outside the configured window.",
    Reason.SURGERY_BETWEEN: "Surgery took place between the two scans.",
    Reason.TINY_BASELINE: "The baseline hematoma is too small for a growth in percent.",
    Reason.POSITIVE_BEFORE_WINDOW: "The follow-up scan is earlier than the window, but shows expansion already.",
    Reason.VOLUME_ERROR_UNKNOWN: "The error of a measured volume is not known, so neither is how sure the label is.",
    Reason.FOLLOWUP_SELECTIVE: "Patients of the center with and without a follow-up scan differ in severity.",
    Reason.LABEL_MISSING: "The outcome is not recorded.",
    Reason.NO_SERIAL_SCORES: "No neurological score after the baseline scan can be held against one at admission.",
    Reason.SCORES_END_EARLY: "Scores were good as long as there were any, but do not reach far enough to say more.",
    Reason.DETERIORATED_AT_ONCE: "The patient deteriorated before the prediction is made.",
    Reason.DETERIORATED_EARLY: "The patient deteriorated early and cannot have a first deterioration later.",
    Reason.TOO_CLOSE_TO_REAL: "A synthetic case that is nearly the scan of a real patient.",
    Reason.SYNTHETIC_TOO_FEW: "Fewer synthetic cases than the chosen ratio of events to others asks for.",
    Reason.GENERATOR_DRAWS_UNFIT: "The trained generator drew too few crops that pass for a case.",
    Reason.MISSING_INPUT: "An input of the model is missing for this patient.",
    Reason.FEATURE_NEVER_RECORDED: "A column of a named set of features that no train row has a value of.",
    Reason.ONE_CLASS: "All patients have the same outcome.",
    Reason.TOO_FEW_EVENTS: "Too few events to fit or to estimate.",
    Reason.NO_TUNE_ROWS: "The table has no tune rows, so no threshold could be chosen honestly.",
    Reason.PERFECT_PREDICTION: "The predictions separate the outcomes perfectly.",
    Reason.EXTREME_PROBABILITY: "Probabilities of exactly 0 or 1 have no logit.",
    Reason.TOO_FEW_CENTERS: "Too few centers with an estimate to pool.",
    Reason.NO_TEST_ROWS: "The model has no test rows in this split.",
    Reason.NO_RESAMPLES: "The bootstrap was switched off, so there is no interval.",
    Reason.CONSTANT_PREDICTION: "The model gives every patient the same probability.",
    Reason.CONSTANT_FEATURE: "The variable has the same value in all patients that are compared.",
    Reason.COLLINEAR_FEATURES: "Variables of a regression determine each other exactly.",
    Reason.EMPTY_DENOMINATOR: "No patient is in the denominator (for example nobody was called positive).",
    Reason.CENTERS_LEFT_OUT: "Centers without an estimate or interval were left out of the pooling.",
    Reason.REACHABLE_NEAR_CHANCE: "Even the true risk discriminates hardly better than chance here.",
    Reason.NO_TRUTH: "The true risk is known for simulated patients only.",
    Reason.NOBODY_FOLLOWED: "Patients were lost, and nobody was followed to the horizon in their place.",
}

ADVICE: dict[Reason, str] = {
    Reason.EMPTY_FOLDER: "Check the center's `dicom` or `nifti` path in the centers sheet.",
    Reason.UNREADABLE_FILE: "Copy the file again from its archive.",
    Reason.ARCHIVE_ENCRYPTED: "Unpack the archive with its password into the center's folder.",
    Reason.ARCHIVE_REFUSED: "Export the archive again, or unpack it into the center's folder.",
    Reason.DICOMDIR: "Nothing to do.",
    Reason.DICOMDIR_INCOMPLETE: "Copy the whole medium again.",
    Reason.UNKNOWN_SYNTAX: "Export the series uncompressed.",
    Reason.REFUSED_BY_OVERRIDE: "Nothing to do; the note in the selection table says why.",
    Reason.NOT_CHOSEN: "Nothing to do; see the center's selection table for both scores.",
    Reason.REFERENCE_MISMATCH: "Export the mask from the scan that was used, or leave it out.",
    Reason.SLICES_DISPLACED: "Export the original series; look whether the patient or the table moved.",
    Reason.AFFINE_AMBIGUOUS: "Convert the scan again from its DICOM files.",
    Reason.HU_OFFSET_MISSING: "Export the series with Rescale Intercept, or convert it again with dcm2niix.",
    Reason.WRAPPED_VALUES: "Export the original series again; the archive or a converter changed its numbers.",
    Reason.SLICE_LEVELS_DIFFER: "Look at the slices; export the series again.",
    Reason.BURNED_IN_TEXT: "Export the original images instead of annotated copies, and delete these.",
    Reason.MASK_AT_SCAN_EDGE: "Look for a scan that covers the whole bleed; the mask is kept.",
    Reason.FOLLOWUP_SELECTIVE: "Read the center's figures as those of the patients who were scanned again.",
    Reason.VOLUME_ERROR_UNKNOWN: "Give reference masks of at least 5 development patients.",
    Reason.NO_BRAIN_MASK: "Look at the scan, or give a brain mask of it in the folder of `input.skull_strip`.",
    Reason.MEASURES_FAILED: "See the log; the mask itself is kept.",
    Reason.NO_TABLE: "Name the center's table in the centers sheet; without it only segmentation runs for the center.",
    Reason.UNKNOWN_CODE: "Add the code to the columns sheet, or list it as missing.",
    Reason.OUT_OF_RANGE: "Check value and unit in the center's table.",
    Reason.VERTEX_MISSING: "Look at the upper slices; choose another series if there is one.",
    Reason.UNIT_SUSPECTED: "Write the unit in the columns sheet.",
    Reason.REPORT_EMPTY: "Look at the row; the text may stand in another column.",
    Reason.REPORT_UNREADABLE: "Save it as plain text in UTF-8.",
    Reason.REPORT_CUT: "Give the admission report alone, or raise reports.longest_characters.",
    Reason.REPORT_SCRUBBED: "Read a sample before texts leave the hospital.",
    Reason.REPORT_TOO_LATE: "Give the report of the baseline scan.",
    Reason.REPORT_UNDATED: "Give its time, or write reports.undated: baseline.",
    Reason.UNMAPPED_VARIABLE: "Add a row for it to the sheet of the courses' columns, or leave it out.",
    Reason.COURSE_TIME_UNKNOWN: "Write the time, and in the sheet of the courses' columns the format of dates.",
    Reason.MEASURED_BEFORE_ONSET: "Check the onset and the date of the measurement.",
    Reason.UNIT_CHANGES: "Give each value its unit, in a column of its own.",
    Reason.TWO_VALUES_AT_ONE_TIME: "Keep one value per time, or give the times more exactly.",
    Reason.TIMES_OUT_OF_ORDER: "If the order in the table is right, correct the times.",
    Reason.MEASURED_AFTER_DEATH: "Check the time of death and of the measurement.",
    Reason.COURSE_WITHOUT_PATIENT: "Check how the patient's id is written in both tables.",
    Reason.OUTCOMES_CONTRADICT: "Correct the outcomes or the times in the center's table.",
    Reason.FOLLOWUP_TOO_SHORT: "Add the time of the last contact if it is known.",
    Reason.SCALE_MIXED: "Map the column to the variable of GOS-E, or give its codes in the columns sheet.",
    Reason.COLUMN_EMPTY: "Take the row out of the columns sheet, or look for the column that holds the values.",
    Reason.GCS_INTUBATED: "Leave it empty, or write cohort.gcs_intubated: verbal_1 in the config.",
    Reason.OUTCOME_BEFORE_ONSET: "Correct the dates in the center's table.",
    Reason.NO_SCAN: "Check whether the patient's id is written alike in table and DICOM.",
    Reason.NO_RECORD: "Check whether the patient's id is written alike in table and DICOM.",
    Reason.TWO_PATIENTS_ONE_SCAN: "Find out whose scan it is; take the other out or decide in the sheet of duplicates.",
    Reason.TWO_CENTERS_ONE_PATIENT: "Keep the patient in one center.",
    Reason.FOLLOWUP_IS_BASELINE: "Look for the real follow-up scan in the archive.",
    Reason.IN_PUBLIC_SET: "Leave the patient out, or say in the sheet of duplicates that the scans differ.",
    Reason.TOO_CLOSE_TO_REAL: "See the page of the generator; train it for fewer epochs if many are refused.",
    Reason.GENERATOR_DRAWS_UNFIT: "Train it longer (training.steps), or use `kind: transplant`, which does not learn.",
    Reason.SYNTHETIC_TOO_FEW: "See the generator's page for what was refused; choose a smaller ratio or another arm.",
    Reason.NO_PATIENT_ID: "Fill in the patient id, or take the row out.",
    Reason.DUPLICATE_PATIENT: "Leave one row for the patient.",
}
