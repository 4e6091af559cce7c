# What the networks look at, only when it is asked for: snakemake explain. A page per network and split. And SHAP values of
# each tabular model.


EXPLAINED = {
    f"results/explain/{task}/{model}/{split}/index.html": dict(
        task=task, target=MODEL_TARGETS[task][model], model=model, split=split
    )
    for task, named in FAMILIES.items()
    for model, family in named.items()
    if family == "network"
    for split in SPLITS
}
EXPLAINED_RECORDS = [
    f"results/explain/{task}/{model}/{split}/shap.tsv"
    for task, named in FAMILIES.items()
    for model, family in named.items()
    if family == "tabular"
    for split in SPLITS
]
LINKED = EXPLAINED if config["explanations"]["report"] else {}


rule fit_permuted:
    input:
        cohort="results/cohort/{split}.tsv",
        brain_masks=brain_masks_of_model,
    output:
        weights="results/explain/{task}/{model}/{split}/permuted/model.safetensors",
        model="results/explain/{task}/{model}/{split}/permuted/model.json",
    log:
        "logs/fit_permuted/{task}/{model}/{split}.log",
    benchmark:
        "benchmarks/fit_permuted/{task}/{model}/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("fit_permuted"),
    params:
        target=target_of,
        spec=model_spec,
        share=config["explanations"]["permuted_epochs"],
        seed=config["seed"],
        device=config["compute"]["device"],
        precision=config["compute"]["precision"],
        code=code_of("fit_permuted", model_module),
    script:
        "../scripts/fit_permuted.py"


rule explain_model:
    input:
        cohort="results/cohort/{split}.tsv",
        weights="results/models/{task}/{model}/{split}/model.safetensors",
        model="results/models/{task}/{model}/{split}/model.json",
        predictions="results/predictions/{task}/{model}/{split}.parquet",
        brain_masks=brain_masks_of_model,
        permuted=lambda wildcards: permuted_of_model(wildcards, "model.json"),
        permuted_weights=lambda wildcards: permuted_of_model(wildcards, "model.safetensors"),
    output:
        attributions="results/explain/{task}/{model}/{split}/attributions.tsv",
        overlap="results/explain/{task}/{model}/{split}/overlap.tsv",
        gate="results/explain/{task}/{model}/{split}/gate.tsv",
        record="results/explain/{task}/{model}/{split}/record.tsv",
        neighbours="results/explain/{task}/{model}/{split}/neighbours.tsv",
        patients="results/explain/{task}/{model}/{split}/patients.tsv",
        listed="results/explain/{task}/{model}/{split}/maps.tsv",
        maps=directory("results/explain/{task}/{model}/{split}/maps"),
    log:
        "logs/explain_model/{task}/{model}/{split}.log",
    benchmark:
        "benchmarks/explain_model/{task}/{model}/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("explain_network"),
    params:
        target=target_of,
        spec=model_spec,
        settings={
            key: value
            for key, value in config["explanations"].items()
            if key not in ("permuted_epochs", "report", "shap_background")
        }
        | {"segmented": list(LABELS)},
        seed=config["seed"],
        device=config["compute"]["device"],
        code=code_of("explain_model", model_module),
    script:
        "../scripts/explain_model.py"


rule explain_record:
    input:
        cohort="results/cohort/{split}.tsv",
        weights="results/models/{task}/{model}/{split}/model.safetensors",
        model="results/models/{task}/{model}/{split}/model.json",
    output:
        shap="results/explain/{task}/{model}/{split}/shap.tsv",
    log:
        "logs/explain_record/{task}/{model}/{split}.log",
    benchmark:
        "benchmarks/explain_record/{task}/{model}/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("explain_record"),
    params:
        target=target_of,
        spec=model_spec,
        background=config["explanations"]["shap_background"],
        seed=config["seed"],
        code=code_of("explain_record", model_module),
    script:
        "../scripts/explain_record.py"


rule explain_page:
    input:
        cohort="results/cohort/{split}.tsv",
        overlap="results/explain/{task}/{model}/{split}/overlap.tsv",
        gate="results/explain/{task}/{model}/{split}/gate.tsv",
        record="results/explain/{task}/{model}/{split}/record.tsv",
        neighbours="results/explain/{task}/{model}/{split}/neighbours.tsv",
        patients="results/explain/{task}/{model}/{split}/patients.tsv",
        details="results/models/{task}/{model}/{split}/details.tsv",
        predictions=lambda wildcards: of_same_target(wildcards, "results/predictions/{task}/{model}/{split}.parquet"),
        shap=lambda wildcards: of_same_target(wildcards, "results/explain/{task}/{model}/{split}/shap.tsv", "tabular"),
        listed="results/explain/{task}/{model}/{split}/maps.tsv",
        maps="results/explain/{task}/{model}/{split}/maps",
    output:
        page="results/explain/{task}/{model}/{split}/index.html",
        pictures=directory("results/explain/{task}/{model}/{split}/pictures"),
        pages=directory("results/explain/{task}/{model}/{split}/patients"),
    log:
        "logs/explain_page/{task}/{model}/{split}.log",
    benchmark:
        "benchmarks/explain_page/{task}/{model}/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("explain_page"),
    params:
        study=dict(title=config["study"]["title"], simulated=SIMULATED),
        target=target_of,
        spec=model_spec,
        rim_mm=config["explanations"]["rim_mm"],
        code=code_of("explain_page", files="ichor/report/template/*"),
    script:
        "../scripts/explain_page.py"
