# Every model of every task: fitted once per split and saved as a bundle, predicted from the bundle.


rule fit_model:
    input:
        cohort="results/cohort/{split}.tsv",
        synthetic=lambda wildcards: synthetic_of_model(wildcards, "cases.tsv"),
        synthetic_images=lambda wildcards: synthetic_of_model(wildcards, "cases"),
        generator=facts_of_synthetic,
        initial_weights=initial_weights,
        encoder=encoder_of_model,
        reports=reports_of_model,
        brain_masks=brain_masks_of_model,
    output:
        weights="results/models/{task}/{model}/{split}/model.safetensors",
        model="results/models/{task}/{model}/{split}/model.json",
        status="results/models/{task}/{model}/{split}/fit_status.tsv",
    log:
        "logs/fit_model/{task}/{model}/{split}.log",
    benchmark:
        "benchmarks/fit_model/{task}/{model}/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    threads: processes_of_model
    resources:
        **needs_of_model("fit"),
    params:
        target=target_of,
        spec=model_spec,
        draws=draws_of_model,
        seed=config["seed"],
        device=config["compute"]["device"],
        precision=config["compute"]["precision"],
        processes=processes_of_model,
        code=code_of("fit_model", model_module),
    script:
        "../scripts/fit_model.py"


rule predict_model:
    input:
        cohort="results/cohort/{split}.tsv",
        weights="results/models/{task}/{model}/{split}/model.safetensors",
        model="results/models/{task}/{model}/{split}/model.json",
        reports=reports_of_model,
        brain_masks=brain_masks_of_model,
    output:
        predictions="results/predictions/{task}/{model}/{split}.parquet",
        status="results/models/{task}/{model}/{split}/predict_status.tsv",
        details="results/models/{task}/{model}/{split}/details.tsv",
    log:
        "logs/predict_model/{task}/{model}/{split}.log",
    benchmark:
        "benchmarks/predict_model/{task}/{model}/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs_of_model("predict"),
    params:
        target=target_of,
        spec=model_spec,
        device=config["compute"]["device"],
        code=code_of("predict_model", model_module),
    script:
        "../scripts/predict_model.py"
