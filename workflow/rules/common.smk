# The study as the rules see it: checked config and sheets, names of centers, shards, splits and models.
import shutil
from pathlib import Path

from ichor import run_lock, study
from ichor.cohort.splits import split_names
from ichor.errors import StudyError
from ichor.models import registry
from ichor.reruns import code_digest
from snakemake.exceptions import WorkflowError

WORKFLOW = Path(study.__file__).resolve().parent.parent
REPOSITORY = WORKFLOW.parent


def load_study():
    """Check config and sheets before any job; wrong ones stop here with a message for people."""
    study.check_config(config, [str(file) for file in workflow.configfiles])
    centers = study.read_centers(study.find_sheet(config["centers"], REPOSITORY))
    sheet = config["columns"] and study.find_sheet(config["columns"], REPOSITORY)
    columns = study.read_columns(sheet, centers)
    splits = split_names(centers, config["validation"]["schemes"], config["validation"]["folds"])
    models = {
        task: {
            name: registry.resolve(spec, f"models.{task}.{name}") for name, spec in named.items() if spec is not None
        }
        for task, named in config["models"].items()
    }
    return centers, columns, splits, models


try:
    CENTERS, COLUMNS, SPLITS, MODELS = load_study()
except StudyError as error:
    raise WorkflowError(str(error)) from None

if workflow.is_main_process:
    run_lock.remove_stale_lock()


onstart:
    run_lock.remember_owner()


SHARDS = [str(shard) for shard in range(config["ingest"]["shards_per_center"])]
FOLDS = [str(fold) for fold in range(config["segmentation"]["folds"])]
SIMULATED = all(study.is_simulated(CENTERS.loc[name, "dicom"]) for name in CENTERS.index)
TARGETS = {"expansion": "expansion", "outcome": "poor_outcome"}
KEY_FILE = config["privacy"]["key_file"] or (None if SIMULATED else "work/pseudonym.key")
HAS_GPU = config["compute"]["device"] == "cuda" or (
    config["compute"]["device"] == "auto" and bool(shutil.which("nvidia-smi"))
)


wildcard_constraints:
    center="|".join(CENTERS.index),
    shard=r"\d+",
    split="|".join(SPLITS),
    fold=r"\d+",
    task="|".join(TARGETS),
    model=r"[a-z0-9_]+",


def center_value(name):
    """Param function: the value of a column of the centers sheet for the job's center."""
    return lambda wildcards: CENTERS.loc[wildcards.center, name]


def code_of(script, *modules, files=""):
    """Digest of a script, of every library module that it imports and of `files`, so that an edit reruns what uses them."""
    found = tuple(path for path in WORKFLOW.glob(files) if path.is_file()) if files else ()
    return code_digest(WORKFLOW / "scripts" / f"{script}.py", modules, found)


def predictions_of(task):
    """Prediction tables of all models of a task in all splits."""
    return [f"results/predictions/{task}/{model}/{split}.parquet" for model in MODELS.get(task, {}) for split in SPLITS]


def statuses_of(task):
    """Status tables that come with `predictions_of`."""
    return [f"results/models/{task}/{model}/{split}/status.tsv" for model in MODELS.get(task, {}) for split in SPLITS]


def source_folder(wildcards):
    """The center's folder as an input when the workflow makes it itself; other folders are watched by their listing."""
    folder = CENTERS.loc[wildcards.center, "dicom"]
    return folder if study.is_simulated(folder) else []


def source_masks(wildcards):
    """The center's reference masks, like `source_folder`."""
    folder = CENTERS.loc[wildcards.center, "masks"]
    return folder if study.is_simulated(folder) else []


def listing(wildcards):
    """Digest of the names of a center's files: a new file reruns the index, a touched one does not."""
    center = CENTERS.loc[wildcards.center]
    folders = [folder for folder in (center.dicom, center.nifti, center.masks) if folder]
    return study.listing_digest([folder for folder in folders if not study.is_simulated(folder)])


def model_spec(wildcards):
    """Settings of the job's model."""
    return MODELS[wildcards.task][wildcards.model]


def evaluated_tables(wildcards):
    """The table named in the config, or the predictions of all our models."""
    return (
        [config["predictions"]]
        if config["predictions"]
        else [table for task in TARGETS for table in predictions_of(task)]
    )


def provenance_inputs(wildcards):
    """What the study read: sheets and clinical tables."""
    sheets = [config["centers"], config["columns"]]
    found = [str(study.find_sheet(sheet, REPOSITORY)) for sheet in sheets if sheet]
    return found + [table for table in CENTERS["table"] if table]


def segmentation_work(wildcards):
    """Folder of a split's nnU-Net: preprocessed scans and checkpoints."""
    return f"work/segmentation/{wildcards.split}"


def masks_of(split, name="{shard}.tsv"):
    """Mask tables of a split's centers: external centers take part in the split `external` only."""
    inside = CENTERS if split == "external" else CENTERS[CENTERS["role"] == "development"]
    return expand(f"results/masks/{split}/{{center}}/{name}", center=inside.index, shard=SHARDS)
