# What rules of models, generators and studies of models read, by the job's wildcards.
from ichor.synthesis import registry as generators
from ichor.synthesis.plan import feature_network, generator_of
from ichor.training.shared_draws import draws_of


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


def model_spec(wildcards):
    """Settings of the job's model."""
    return MODELS[wildcards.task][wildcards.model]


def target_of(wildcards):
    """What the job's model predicts."""
    return MODEL_TARGETS[wildcards.task][wildcards.model]


def draws_of_model(wildcards):
    """Name of the model whose draws the job's model takes: arms of one experiment start alike."""
    return draws_of(wildcards.model, MODELS[wildcards.task], MODEL_TARGETS[wildcards.task])


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


def reports_of_model(wildcards):
    """Texts of reports, for a kind of model that reads them."""
    return ["work/reports.parquet"] if FAMILIES[wildcards.task][wildcards.model] == "text" else []


def encoder_of_model(wildcards):
    """Files of the local transformers folder that the job's model reads texts with; none for one from scratch."""
    folder = model_spec(wildcards).get("encoder")
    found = Path(folder).iterdir() if folder and Path(folder).is_dir() else []
    return sorted(str(path) for path in found if path.suffix in (".json", ".safetensors"))


def brain_masks_of_model(wildcards):
    """Brain masks of another program, if the input settings of the job's network name a folder of them."""
    strip = model_spec(wildcards).get("input", {}).get("skull_strip", "none")
    return [] if strip in ("none", "morphology") else sorted(map(str, Path(strip).glob("*.nii*")))


def evaluated_tables(wildcards):
    """The table named in the config, or the predictions of all our models."""
    return (
        [config["predictions"]]
        if config["predictions"]
        else [table for task in TARGETS for table in predictions_of(task)]
    )


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


def scheme_of_study():
    """Splits that the outcome study reports: external centers, else left-out centers, else folds."""
    for scheme in ("external", "loco", "cv"):
        found = [split for split in SPLITS if split.partition("-")[0] == scheme]
        if found:
            return found


def of_outcome_study(name):
    """Input function: a file of every outcome model in the splits that the outcome study reports."""
    return lambda wildcards: [
        name.format(model=model, split=split) for model in MODELS.get("outcome", {}) for split in scheme_of_study()
    ]


def own_table(wildcards):
    """The table without scans that the config's table_study names."""
    if not config["table_study"]["table"]:
        raise WorkflowError(
            "table_study: no table is named; write table_study.table and describe its columns (docs/how-to/table-study.md)."
        )
    try:
        return str(study.find_sheet(config["table_study"]["table"], REPOSITORY))
    except StudyError as error:
        raise WorkflowError(str(error)) from None


def code_of_table_study(wildcards):
    """Param function: digest of the table study's code and of its models' kinds, which are imported by name."""
    entries = [entry for entry in config["table_study"]["models"].values() if entry]
    kinds = tuple(sorted({f"ichor.models.{entry['kind']}" for entry in entries}))
    return digest_of_code("table_study", kinds, "ichor/report/template/*")


def own_courses(wildcards):
    """The table of visits that the config's trajectory_study names."""
    if not config["trajectory_study"]["table"]:
        raise WorkflowError(
            "trajectory_study: no table is named; write trajectory_study.table and describe its columns "
            "(docs/how-to/trajectory-study.md)."
        )
    try:
        return str(study.find_sheet(config["trajectory_study"]["table"], REPOSITORY))
    except StudyError as error:
        raise WorkflowError(str(error)) from None


def code_of_trajectory_study(wildcards):
    """Param function: digest of the trajectory study's code and of its models' kinds, which are imported by name."""
    entries = [entry for entry in config["trajectory_study"]["models"].values() if entry]
    kinds = tuple(sorted({f"ichor.models.{entry['kind']}" for entry in entries}))
    return digest_of_code("trajectory_study", kinds, "ichor/report/template/*")


def of_same_target(wildcards, name, family=None):
    """A file of every model (of one family) that predicts in the job's split what the job's model predicts."""
    task, split, target = wildcards.task, wildcards.split, target_of(wildcards)
    return [
        name.format(task=task, model=model, split=split)
        for model, own in FAMILIES[task].items()
        if family in (None, own) and MODEL_TARGETS[task][model] == target
    ]
