# What sequence networks read in time courses, and networks of reports in texts, only when it is asked for:
# snakemake explain. A page per network and split.


EXPLAINED_COURSES = {
    f"results/explain/trajectory/{model}/{split}/index.html": dict(
        task="trajectory", target="good_180d", model=model, split=split
    )
    for model, family in FAMILIES.get("trajectory", {}).items()
    if family == "sequence"
    for split in SPLITS
}
EXPLAINED_WORDS = {
    f"results/explain/{task}/{model}/{split}/words.html": dict(
        task=task, target=MODEL_TARGETS[task][model], model=model, split=split
    )
    for task, named in FAMILIES.items()
    for model, family in named.items()
    if family == "text" and is_network(MODELS[task][model])
    for split in SPLITS
}
if config["explanations"]["report"]:
    LINKED = LINKED | EXPLAINED_COURSES | EXPLAINED_WORDS
OF_COURSES = ("similarity_limit", "gate_patients", "pictures_per_group", "cascade_steps", "steps", "permuted_epochs")
COURSE_SETTINGS = {key: config["explanations"][key] for key in OF_COURSES}
COURSE_SETTINGS["patients"] = config["explanations"]["overlap_patients"]


rule explain_course:
    input:
        steps="results/trajectory/{split}/steps.tsv",
        values="results/trajectory/{split}/values.parquet",
        cohort="results/cohort/{split}.tsv",
        risks="results/models/trajectory/{model}/{split}/risks.tsv",
        weights="results/models/trajectory/{model}/{split}/model.safetensors",
        model="results/models/trajectory/{model}/{split}/model.json",
    output:
        gate="results/explain/trajectory/{model}/{split}/gate.tsv",
        attributions="results/explain/trajectory/{model}/{split}/attributions.parquet",
        importance="results/explain/trajectory/{model}/{split}/importance.tsv",
        patients="results/explain/trajectory/{model}/{split}/patients.tsv",
    log:
        "logs/explain_course/{model}/{split}.log",
    benchmark:
        "benchmarks/explain_course/{model}/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("explain_sequence"),
    params:
        spec=trajectory_spec,
        settings=COURSE_SETTINGS,
        seed=config["seed"],
        device=config["compute"]["device"],
        code=code_of("explain_course", trajectory_module),
    script:
        "../scripts/explain_course.py"


rule explain_course_page:
    input:
        steps="results/trajectory/{split}/steps.tsv",
        values="results/trajectory/{split}/values.parquet",
        cohort="results/cohort/{split}.tsv",
        risks=lambda wildcards: [
            f"results/models/trajectory/{model}/{wildcards.split}/risks.tsv" for model in MODELS["trajectory"]
        ],
        gate="results/explain/trajectory/{model}/{split}/gate.tsv",
        attributions="results/explain/trajectory/{model}/{split}/attributions.parquet",
        importance="results/explain/trajectory/{model}/{split}/importance.tsv",
        patients="results/explain/trajectory/{model}/{split}/patients.tsv",
    output:
        page="results/explain/trajectory/{model}/{split}/index.html",
        pages=directory("results/explain/trajectory/{model}/{split}/patients"),
    log:
        "logs/explain_course_page/{model}/{split}.log",
    benchmark:
        "benchmarks/explain_course_page/{model}/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("explain_page"),
    params:
        study=dict(title=config["study"]["title"], simulated=SIMULATED),
        spec=trajectory_spec,
        models=list(MODELS.get("trajectory", {})),
        code=code_of("explain_course_page", files="ichor/report/template/*"),
    script:
        "../scripts/explain_course_page.py"


rule explain_words:
    input:
        cohort="results/cohort/{split}.tsv",
        reports="work/reports.parquet",
        weights="results/models/{task}/{model}/{split}/model.safetensors",
        model="results/models/{task}/{model}/{split}/model.json",
    output:
        gate="results/explain/{task}/{model}/{split}/words_gate.tsv",
        words="results/explain/{task}/{model}/{split}/words.tsv",
        contexts="results/explain/{task}/{model}/{split}/contexts.tsv",
    log:
        "logs/explain_words/{task}/{model}/{split}.log",
    benchmark:
        "benchmarks/explain_words/{task}/{model}/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("explain_text"),
    params:
        target=target_of,
        spec=model_spec,
        settings=COURSE_SETTINGS,
        seed=config["seed"],
        device=config["compute"]["device"],
        code=code_of("explain_words", model_module),
    script:
        "../scripts/explain_words.py"


rule explain_words_page:
    input:
        gate="results/explain/{task}/{model}/{split}/words_gate.tsv",
        words="results/explain/{task}/{model}/{split}/words.tsv",
        contexts="results/explain/{task}/{model}/{split}/contexts.tsv",
    output:
        page="results/explain/{task}/{model}/{split}/words.html",
    log:
        "logs/explain_words_page/{task}/{model}/{split}.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        study=dict(title=config["study"]["title"], simulated=SIMULATED),
        target=target_of,
        code=code_of("explain_words_page", files="ichor/report/template/*"),
    script:
        "../scripts/explain_words_page.py"
