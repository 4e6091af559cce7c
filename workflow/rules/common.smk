# The study as the rules see it: checked config and sheets, names of centers, shards, splits and models.
from functools import cache
from pathlib import Path

from ichor import presets, study, tables
from ichor.cohort import together
from ichor.cohort.expansion import DEFINITIONS
from ichor.cohort.splits import split_names
from ichor.dicom.file_patterns import any_name
from ichor.dicom.overrides import of_center, read_overrides
from ichor.errors import StudyError
from ichor.listing import contents_digest, names_digest
from ichor.models import registry
from ichor.reruns import code_digest
from ichor.segmentation.inference_profile import inference_settings
from ichor.segmentation.study_bundle import choose_bundle, facts, require_masks
from ichor.segmentation.unlabelled import unlabelled
from ichor.synthesis import registry as generators
from ichor.synthesis.plan import feature_network, generator_of, resolve_generators, used_generators
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
            name: registry.resolve(spec, f"models.{task}.{name}") for name, spec in named.items() if spec is not None
        }
        for task, named in config["models"].items()
    }
    return centers, columns, overrides, splits, models


config = study.with_defaults(config, REPOSITORY / "config/config.yaml")  # a module gets no configfile

try:
    CENTERS, COLUMNS, OVERRIDES, SPLITS, MODELS = load_study()
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
SIMULATED = all(study.is_simulated(row["dicom"]) for row in CENTER.values())
TARGETS = {"expansion": "expansion", "outcome": "poor_outcome"}
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


def model_module(wildcards):
    """Module of the job's kind of model."""
    return f"ichor.models.{model_spec(wildcards)['kind']}"


def predictions_of(task):
    """Prediction tables of all models of a task in all splits."""
    return [f"results/predictions/{task}/{model}/{split}.parquet" for model in MODELS.get(task, {}) for split in SPLITS]


def statuses_of(task):
    """Status tables that come with `predictions_of`."""
    return [
        f"results/models/{task}/{model}/{split}/{step}_status.tsv"
        for model in MODELS.get(task, {})
        for split in SPLITS
        for step in ("fit", "predict")
    ]


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


def data_source(wildcards):
    """What the center's preset says of its data set; None for a center's own data."""
    return next((source for source in presets.sources(CENTERS) if source["center"] == wildcards.center), None)


def model_spec(wildcards):
    """Settings of the job's model."""
    return MODELS[wildcards.task][wildcards.model]


def generator_spec(wildcards):
    """Settings of the job's generator."""
    return GENERATORS[wildcards.generator]


def generator_module(wildcards):
    """Module of the job's kind of generator."""
    return generators.module_name(generator_spec(wildcards)["kind"])


def learns(wildcards):
    """Whether the job's generator is trained."""
    return generators.learns(generator_spec(wildcards)["kind"])


def learned_by_generator(wildcards, name):
    """A file that a generator's training writes; none for a kind that learns nothing."""
    return [f"results/synthetic/{wildcards.generator}/{wildcards.split}/{name}"] if learns(wildcards) else []


def synthetic_of_model(wildcards, name):
    """A file of the synthetic cases that a model trains on; none for most."""
    generator = generator_of(model_spec(wildcards))
    return [f"results/synthetic/{generator}/{wildcards.split}/{name}"] if generator else []


def facts_of_synthetic(wildcards):
    """What the generator of a model's synthetic cases says of itself, if it learned."""
    generator = generator_of(model_spec(wildcards))
    learns = generator and generators.learns(GENERATORS[generator]["kind"])
    return synthetic_of_model(wildcards, "generator.json") if learns else []


def network_of_features(wildcards):
    """Bundle of the split's network in whose features synthetic cases are compared; none without such a network."""
    found = feature_network(MODELS)
    folder = f"results/models/{found[0]}/{found[1]}/{wildcards.split}" if found else ""
    return [f"{folder}/model.json", f"{folder}/model.safetensors"] if found else []


def synthetic_tables(names):
    """Tables of the checked cases of some generators in all splits."""
    return [f"results/synthetic/{generator}/{split}/cases.tsv" for generator in names for split in SPLITS]


def permuted_of_model(wildcards, name):
    """A file of the network that was trained on permuted labels, for the sanity gate; none unless the config asks."""
    wanted = config["explanations"]["permuted_epochs"] > 0
    return [f"results/explain/{wildcards.task}/{wildcards.model}/{wildcards.split}/permuted/{name}"] if wanted else []


def initial_weights(wildcards):
    """File that the training of the job's network starts from, if its settings name one."""
    return model_spec(wildcards).get("weights") or []


def evaluated_tables(wildcards):
    """The table named in the config, or the predictions of all our models."""
    return (
        [config["predictions"]]
        if config["predictions"]
        else [table for task in TARGETS for table in predictions_of(task)]
    )


def expansion_settings(without):
    """Settings of the expansion labels, but for one that a rule does not read."""
    return {key: value for key, value in config["cohort"]["expansion"].items() if key != without}


def provenance_inputs(wildcards):
    """What the study read: sheets, clinical tables and the segmentation bundle."""
    sheets = [config["centers"], config["columns"], config["ingest"]["overrides"], config["ingest"]["duplicates_sheet"]]
    sheets += config["ingest"]["known_scans"]
    found = [str(study.find_sheet(sheet, REPOSITORY)) for sheet in sheets if sheet]
    bundle = [str(BUNDLE / name) for name in ("model.json", "model.safetensors")] if BUNDLE else []
    return found + [table for table in CENTERS["table"] if table] + bundle


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


def of_study(name):
    """Input function: a file of every expansion model in the split of external centers."""

    def files(wildcards):
        if "external" not in SPLITS:
            raise WorkflowError(
                "expansion_study tests on external centers: write external among validation.schemes, and role external "
                "for one center or more in the centers sheet."
            )
        return [name.format(model=model) for model in MODELS.get("expansion", {})]

    return files
