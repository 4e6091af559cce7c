# The study as the rules see it: checked config and sheets, names of centers, shards, splits and models.
import shutil
from pathlib import Path

from ichor import study
from ichor.cohort.splits import split_names
from ichor.errors import StudyError
from ichor.reruns import code_digest
from snakemake.exceptions import WorkflowError

REPOSITORY = Path(workflow.basedir).parent


def load_study():
    """Check config and sheets before any job; wrong ones stop here with a message for people."""
    study.check_config(config, [str(file) for file in workflow.configfiles])
    centers = study.read_centers(study.find_sheet(config["centers"], REPOSITORY))
    sheet = config["columns"] and study.find_sheet(config["columns"], REPOSITORY)
    columns = study.read_columns(sheet, centers)
    return centers, columns, split_names(centers, config["validation"]["schemes"], config["validation"]["folds"])


try:
    CENTERS, COLUMNS, SPLITS = load_study()
except StudyError as error:
    raise WorkflowError(str(error)) from None

SHARDS = [str(shard) for shard in range(config["ingest"]["shards_per_center"])]
FOLDS = [str(fold) for fold in range(config["segmentation"]["folds"])]
SIMULATED = all(study.is_simulated(CENTERS.loc[name, "dicom"]) for name in CENTERS.index)
MODELS = {
    task: {name: spec for name, spec in models.items() if spec is not None} for task, models in config["models"].items()
}
TARGETS = {"expansion": "expansion", "outcome": "poor_outcome"}
KEY_FILE = config["privacy"]["key_file"] or (None if SIMULATED else "work/pseudonym.key")
HAS_GPU = config["compute"]["device"] == "cuda" or (config["compute"]["device"] == "auto" and bool(shutil.which("nvidia-smi")))


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


def code_of(script, *modules):
    """Digest of a script and of every library module that it imports, so that an edit reruns what uses it."""
    return code_digest(Path(workflow.basedir) / "scripts" / f"{script}.py", modules)


def predictions_of(task):
    """Prediction tables of all models of a task in all splits."""
    return [f"results/predictions/{task}/{model}/{split}.parquet" for model in MODELS.get(task, {}) for split in SPLITS]


def statuses_of(task):
    """Status tables that come with `predictions_of`."""
    return [f"results/models/{task}/{model}/{split}/status.tsv" for model in MODELS.get(task, {}) for split in SPLITS]
