# The study as the rules see it: checked config and sheets, names of centers, shards, splits and models.
from functools import cache
from pathlib import Path

from ichor import presets, study, tables
from ichor.available_models import available
from ichor.cohort import together
from ichor.cohort.expansion import DEFINITIONS
from ichor.cohort.splits import split_names
from ichor.cohort.targets import TARGETS, target_of_model
from ichor.dicom.file_patterns import any_name
from ichor.dicom.overrides import of_center, read_overrides
from ichor.errors import StudyError
from ichor.listing import contents_digest, names_digest
from ichor.models import registry
from ichor.reruns import code_digest
from ichor.segmentation.inference_profile import inference_settings
from ichor.segmentation.study_bundle import choose_bundle, facts, require_masks
from ichor.segmentation.unlabelled import unlabelled
from ichor.synthesis.plan import resolve_generators, used_generators
from ichor.verify.runs import other_run
from ichor.viewer import niivue
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

WORKFLOW = Path(study.__file__).resolve().parent.parent
REPOSITORY = WORKFLOW.parent


def load_study():
    """Check config and sheets before any job; wrong ones stop here with a message for people."""
    study.check_config(config, [str(file) for file in workflow.configfiles])
    centers = study.read_centers(study.find_sheet(config["centers"], REPOSITORY))
    if config["ingest"]["duplicates"] == "stop":
        presets.refuse_overlaps(centers)
    elif workflow.is_main_process:
        for shared in presets.overlaps(centers):
            logger.warning(f"The same patients may be in two centers: {shared}.")
    sheet = config["columns"] and study.find_sheet(config["columns"], REPOSITORY)
    columns = study.read_columns(sheet, centers)
    sheet = config["ingest"]["overrides"] and study.find_sheet(config["ingest"]["overrides"], REPOSITORY)
    overrides = read_overrides(sheet, list(centers.index))
    splits = split_names(centers, config["validation"]["schemes"], config["validation"]["folds"])
    models = {
        task: {
            name: registry.of_task(task, spec, f"models.{task}.{name}")
            for name, spec in (named or {}).items()
            if spec is not None
        }
        for task, named in config["models"].items()
    }
    models, remarks = available(models, centers, columns)
    if workflow.is_main_process:
        for remark in remarks:
            logger.info(f"Models: {remark}")
    study.check_report_hours(config)
    targets = {
        task: {name: target_of_model(task, config["models"][task][name], f"models.{task}.{name}") for name in named}
        for task, named in models.items()
        if task in TARGETS  # the other tasks' models answer all their targets at once
    }
    return centers, columns, overrides, splits, models, targets


config = study.with_defaults(config, REPOSITORY / "config/config.yaml")  # a module gets no configfile

try:
    CENTERS, COLUMNS, OVERRIDES, SPLITS, MODELS, MODEL_TARGETS = load_study()
    REPORT_SHEET = config["reports"]["columns"] and study.find_sheet(config["reports"]["columns"], REPOSITORY)
    REPORT_COLUMNS = study.read_report_columns(REPORT_SHEET, CENTERS)
    GENERATORS = resolve_generators(config)
    USED_GENERATORS = used_generators(MODELS, GENERATORS)
    BUNDLE = choose_bundle(config["segmentation"]["bundle"], CENTERS, REPOSITORY)
    BUNDLE_FACTS = facts(BUNDLE)
    OTHER_RUN = str(other_run(config["other"], Path("results/provenance.json"))) if config["other"] else []
except StudyError as error:
    raise WorkflowError(str(error)) from None

CENTER = CENTERS.to_dict("index")  # center -> column -> value: for functions that run once per job


# How many shards each center has is fixed by its sheet or by the config, never by how many scans it has today: so a new
# patient goes into one shard and leaves the others as they are.
SHARD_COUNTS = {name: int(row["shards"] or config["ingest"]["shards_per_center"]) for name, row in CENTER.items()}
SHARDS = {name: [str(shard) for shard in range(count)] for name, count in SHARD_COUNTS.items()}
FOLDS = [str(fold) for fold in range(config["segmentation"]["folds"])]
LABELS = BUNDLE_FACTS["labels"] if BUNDLE else config["segmentation"]["labels"]  # that predicted masks can hold
REPORTING_CENTERS = [name for name, row in CENTER.items() if row["reports"]]
SIMULATED = all(study.is_simulated(row["dicom"]) for row in CENTER.values())
# Labels of our own patients say nothing of predictions from elsewhere.
LABEL_EVALUATION = [] if config["predictions"] else "results/evaluation/label_sensitivity.tsv"
KEY_FILE = config["privacy"]["key_file"] or (None if SIMULATED else "work/pseudonym.key")


wildcard_constraints:
    center="|".join(CENTERS.index),
    shard=r"\d+",
    split="|".join(SPLITS),
    fold=r"\d+",
    task="|".join(TARGETS),
    model=r"[a-z0-9_]+",
    generator=r"[a-z0-9_]+",


def center_value(name):
    """Param function: the value of a column of the centers sheet for the job's center."""
    return lambda wildcards: CENTER[wildcards.center][name]


def undrawn(labels, role=None):
    """Those of some labels that masks of centers (of one role) cannot hold, by center; the others are left out."""
    rows = {name: row for name, row in CENTER.items() if row["masks"] and role in (None, row["role"])}
    return unlabelled({name: row["mask_labels"] for name, row in rows.items()}, labels)


@cache
def digest_of_code(script, modules, files):
    """Digest of a script, of library modules and of all that these import, and of files."""
    found = tuple(path for path in WORKFLOW.glob(files) if path.is_file()) if files else ()
    return code_digest(WORKFLOW / "scripts" / f"{script}.py", modules, found)


def code_of(script, module=None, files=""):
    """Param function: digest of a script and of what it imports, so that an edit reruns what uses it.

    `module` names, from the wildcards, a module that is imported by a name known at run time only. A function, because
    the digest takes seconds for all rules, and the process of a single job on a cluster needs one.
    """
    return lambda wildcards: digest_of_code(script, (module(wildcards),) if module else (), files)


def source_folder(wildcards):
    """The center's folder as an input when the workflow makes it itself; other folders are watched by their listing."""
    folder = CENTER[wildcards.center]["dicom"]
    return folder if study.is_simulated(folder) else []


def source_masks(wildcards):
    """The center's reference masks, like `source_folder`."""
    folder = CENTER[wildcards.center]["masks"]
    return folder if study.is_simulated(folder) else []


def listing(wildcards):
    """Digests of a center's file names and of its masks: touched files change nothing, a corrected mask does."""
    center = CENTER[wildcards.center]
    watched = {kind: center[kind] for kind in ("dicom", "nifti", "masks") if not study.is_simulated(center[kind])}
    images = [watched[kind] for kind in ("dicom", "nifti") if watched.get(kind)]
    masks = [watched["masks"]] if watched.get("masks") else []
    return [names_digest(images), contents_digest(masks, wanted=any_name(center["mask_pattern"] or ""))]


def source_reports(wildcards):
    """The center's table of reports as an input; a folder of texts is watched by its contents."""
    source = CENTER[wildcards.center]["reports"]
    return [] if source and Path(source).is_dir() else source or []


def listing_of_reports(wildcards):
    """Digest of the texts of a center that keeps them in a folder."""
    source = CENTER[wildcards.center]["reports"]
    return contents_digest([source]) if source and Path(source).is_dir() else ""


def data_source(wildcards):
    """What the center's preset says of its data set; None for a center's own data."""
    return next((source for source in presets.sources(CENTERS) if source["center"] == wildcards.center), None)


def expansion_settings(without):
    """Settings of the expansion labels, but for one that a rule does not read."""
    return {key: value for key, value in config["cohort"]["expansion"].items() if key != without}


def provenance_inputs(wildcards):
    """What the study read: sheets, tables of records, courses and reports, and the segmentation bundle."""
    sheets = [config["centers"], config["columns"], config["ingest"]["overrides"], config["ingest"]["duplicates_sheet"]]
    sheets += [config["course_columns"]] if CENTERS["courses"].notna().any() else []
    sheets += [config["reports"]["columns"]] if REPORTING_CENTERS else []
    sheets += config["ingest"]["known_scans"]
    found = [str(study.find_sheet(sheet, REPOSITORY)) for sheet in sheets if sheet]
    bundle = [str(BUNDLE / name) for name in ("model.json", "model.safetensors")] if BUNDLE else []
    named = [table for kind in ("table", "courses", "reports") for table in CENTERS[kind] if table]
    return found + [table for table in named if study.is_simulated(table) or Path(table).is_file()] + bundle


def networks_of(wildcards, name):
    """One file of each network that segments a split: the bundle's, or those of its folds, which are trained."""
    if BUNDLE:
        return [str(BUNDLE / name)]
    try:
        require_masks(BUNDLE, CENTERS)
    except StudyError as error:
        raise WorkflowError(str(error)) from None
    return [f"results/segmentation/{wildcards.split}/fold-{fold}/{name}" for fold in FOLDS]


def segmentation_work(wildcards):
    """Folder of a split's nnU-Net: preprocessed scans and checkpoints."""
    return f"work/segmentation/{wildcards.split}"


def per_shard(name, centers=None):
    """Expand {center} and {shard} of a file name to all shards of some centers, or of all centers."""
    return [
        name.format(center=center, shard=shard)
        for center in (SHARDS if centers is None else centers)
        for shard in SHARDS[center]
    ]


def masks_of(split, name="{shard}.tsv", folder="results/masks"):
    """Mask tables (or others of the same shards) of a split's centers: external centers take part in the split `external` only."""
    inside = CENTERS if split == "external" else CENTERS[CENTERS["role"] == "development"]
    return per_shard(f"{folder}/{split}/{{center}}/{name}", inside.index)


def niivue_file(wildcards):
    """NiiVue where Ichor was installed, for the viewer."""
    try:
        return str(niivue.find())
    except StudyError as error:
        raise WorkflowError(str(error)) from None
