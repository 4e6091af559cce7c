# Model-blind evaluation: reads tables in the predictions schema, whoever made them.


rule evaluate:
    input:
        predictions=evaluated_tables,
        truth="results/truth.tsv" if SIMULATED and not config["predictions"] else [],
        metrics_by_step=evaluated_before("metrics"),
        comparisons_by_step=evaluated_before("comparisons"),
        curves_by_step=evaluated_before("curves"),
    output:
        metrics="results/evaluation/metrics.tsv",
        comparisons="results/evaluation/comparisons.tsv",
        curves="results/evaluation/curves.tsv",
    log:
        "logs/evaluate.log",
    benchmark:
        "benchmarks/evaluate.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("evaluate"),
    params:
        evaluation={key: value for key, value in config["evaluation"].items() if key != "auc_alarm"},
        seed=config["seed"],
        code=code_of("evaluate"),
    script:
        "../scripts/evaluate.py"


rule evaluate_labels:
    input:
        predictions=predictions_of("expansion"),
        labels=expand("results/cohort/{split}_expansion.tsv", split=SPLITS),
        extents=expand("results/cohort/{split}_extent.tsv", split=SPLITS),
    output:
        table="results/evaluation/label_sensitivity.tsv",
    log:
        "logs/evaluate_labels.log",
    benchmark:
        "benchmarks/evaluate_labels.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("evaluate"),
    params:
        draws=config["evaluation"]["bootstrap"],
        seed=config["seed"],
        code=code_of("evaluate_labels"),
    script:
        "../scripts/evaluate_labels.py"
