# Every model of every task: fitted once per split, saved as a bundle, predicted from the bundle.


rule fit_model:
    input:
        cohort="results/cohort/{split}.tsv",
    output:
        predictions="results/predictions/{task}/{model}/{split}.parquet",
        weights="results/models/{task}/{model}/{split}/model.safetensors",
        model="results/models/{task}/{model}/{split}/model.json",
        status="results/models/{task}/{model}/{split}/status.tsv",
    log:
        "logs/fit_model/{task}/{model}/{split}.log",
    benchmark:
        "benchmarks/fit_model/{task}/{model}/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        gpu=int(HAS_GPU),
        mem_mb=16000,
        runtime=1440,
    params:
        target=lambda wildcards: TARGETS[wildcards.task],
        spec=model_spec,
        seed=config["seed"],
        compute=config["compute"],
        code=lambda wildcards: code_of("fit_model", f"ichor.models.{model_spec(wildcards)['kind']}"),
    script:
        "../scripts/fit_model.py"
