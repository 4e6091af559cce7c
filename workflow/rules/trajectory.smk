# Models of time courses: fitted once per split on its courses and saved as a bundle; from the bundle every step of every
# patient is predicted, from that step and those before it.


rule fit_trajectory:
    input:
        steps="results/trajectory/{split}/steps.tsv",
        values="results/trajectory/{split}/values.parquet",
        cohort="results/cohort/{split}.tsv",
    output:
        weights="results/models/trajectory/{model}/{split}/model.safetensors",
        model="results/models/trajectory/{model}/{split}/model.json",
        status="results/models/trajectory/{model}/{split}/fit_status.tsv",
    log:
        "logs/fit_trajectory/{model}/{split}.log",
    benchmark:
        "benchmarks/fit_trajectory/{model}/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs_of_trajectory("fit"),
    params:
        spec=trajectory_spec,
        seed=config["seed"],
        device=config["compute"]["device"],
        code=code_of("fit_trajectory", trajectory_module),
    script:
        "../scripts/fit_trajectory.py"


rule predict_trajectory:
    input:
        steps="results/trajectory/{split}/steps.tsv",
        values="results/trajectory/{split}/values.parquet",
        cohort="results/cohort/{split}.tsv",
        weights="results/models/trajectory/{model}/{split}/model.safetensors",
        model="results/models/trajectory/{model}/{split}/model.json",
    output:
        predictions="results/predictions/trajectory/{model}/{split}.parquet",
        risks="results/models/trajectory/{model}/{split}/risks.tsv",
        status="results/models/trajectory/{model}/{split}/predict_status.tsv",
    log:
        "logs/predict_trajectory/{model}/{split}.log",
    benchmark:
        "benchmarks/predict_trajectory/{model}/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs_of_trajectory("predict"),
    params:
        spec=trajectory_spec,
        device=config["compute"]["device"],
        code=code_of("predict_trajectory", trajectory_module),
    script:
        "../scripts/predict_trajectory.py"
