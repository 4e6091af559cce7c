# A table without scans through the models of the record, under repeated cross-validation by patient, beside scores as
# they stand. Asked for by name (snakemake table_study); the config's table_study says what the table holds.


rule table_study:
    input:
        table=own_table,
    output:
        page=report("results/table_study/index.html", caption="../report/table_study.rst", category="Table study"),
        predictions="results/table_study/predictions.parquet",
        performance="results/table_study/performance.tsv",
        comparisons="results/table_study/comparisons.tsv",
        repeats="results/table_study/repeats.tsv",
        choices="results/table_study/choices.tsv",
        findings="results/table_study/findings.txt",
    log:
        "logs/table_study.log",
    benchmark:
        "benchmarks/table_study.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("table_study"),
    params:
        study=config["table_study"],
        title=config["study"]["title"],
        evaluation={
            key: value
            for key, value in config["evaluation"].items()
            if key in ("bootstrap", "threshold", "target_sensitivity")
        },
        seed=config["seed"],
        code=code_of_table_study,
    script:
        "../scripts/table_study.py"
