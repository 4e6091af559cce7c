# The experiment of Yu et al. (npj Digit Med 2025) on the study's centers: does balancing the training set help elsewhere?
# Asked for by name (snakemake expansion_study), with the models of config/expansion_study.yaml or any others.


rule expansion_study:
    input:
        predictions=of_study("results/predictions/expansion/{model}/external.parquet"),
        models=of_study("results/models/expansion/{model}/external/model.json"),
        cohort="results/cohort/external.tsv",
        patients="results/patients.tsv",
        truth="results/truth.tsv" if SIMULATED else [],
    output:
        page=report(
            "results/expansion_study/index.html", caption="../report/expansion_study.rst", category="Expansion study"
        ),
        table_1="results/expansion_study/table_1.tsv",
        table_3="results/expansion_study/table_3.tsv",
        comparisons="results/expansion_study/comparisons.tsv",
        calibration="results/expansion_study/calibration.tsv",
        findings="results/expansion_study/findings.txt",
    log:
        "logs/expansion_study.log",
    benchmark:
        "benchmarks/expansion_study.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("expansion_study"),
    params:
        study=dict(config["study"], simulated=SIMULATED),
        models=MODELS.get("expansion", {}),
        evaluation={key: value for key, value in config["evaluation"].items() if key != "net_benefit_thresholds"},
        seed=config["seed"],
        code=code_of("expansion_study", files="ichor/report/template/*"),
    script:
        "../scripts/expansion_study.py"
