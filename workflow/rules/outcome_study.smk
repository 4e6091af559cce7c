# The experiments of Chen et al. (Eur J Radiol 2023) and Cobo et al. (MLMI 2024) on the study's centers: does a network on
# the scan, with or without the record, tell more of the outcome than scores and plain models of the record? Asked for by
# name (snakemake outcome_study), with the models of config/outcome_study.yaml or any others.


rule outcome_study:
    input:
        predictions=of_outcome_study("results/predictions/outcome/{model}/{split}.parquet"),
        details=of_outcome_study("results/models/outcome/{model}/{split}/details.tsv"),
        models=of_outcome_study("results/models/outcome/{model}/{split}/model.json"),
        cohort=lambda wildcards: f"results/cohort/{scheme_of_study()[0]}.tsv",
        truth="results/truth.tsv" if SIMULATED else [],
    output:
        page=report("results/outcome_study/index.html", caption="../report/outcome_study.rst", category="Outcome study"),
        performance="results/outcome_study/performance.tsv",
        comparisons="results/outcome_study/comparisons.tsv",
        by_outcome="results/outcome_study/patients_by_outcome.tsv",
        odds_ratios="results/outcome_study/odds_ratios.tsv",
        rates_by_score="results/outcome_study/rates_by_score.tsv",
        seeds="results/outcome_study/seeds.tsv",
        missed="results/outcome_study/missed.tsv",
        gates="results/outcome_study/gates.tsv",
        ordinal="results/outcome_study/ordinal.tsv",
        findings="results/outcome_study/findings.txt",
    log:
        "logs/outcome_study.log",
    benchmark:
        "benchmarks/outcome_study.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("outcome_study"),
    params:
        study=dict(config["study"], simulated=SIMULATED),
        models=MODELS.get("outcome", {}),
        targets=MODEL_TARGETS.get("outcome", {}),
        features=config["outcome_study"]["features"],
        evaluation={
            key: value
            for key, value in config["evaluation"].items()
            if key in ("bootstrap", "threshold", "target_sensitivity")
        },
        seed=config["seed"],
        code=code_of("outcome_study", files="ichor/report/template/*"),
    script:
        "../scripts/outcome_study.py"
