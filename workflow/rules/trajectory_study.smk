# A table of visits without scans through the models of time courses, under repeated cross-validation by patient. Asked
# for by name (snakemake trajectory_study); the config's trajectory_study says what the table holds.


rule trajectory_study:
    input:
        table=own_courses,
    output:
        page=report(
            "results/trajectory_study/index.html",
            caption="../report/trajectory_study.rst",
            category="Trajectory study",
        ),
        predictions="results/trajectory_study/predictions.parquet",
        performance="results/trajectory_study/performance.tsv",
        comparisons="results/trajectory_study/comparisons.tsv",
        repeats="results/trajectory_study/repeats.tsv",
        findings="results/trajectory_study/findings.txt",
    log:
        "logs/trajectory_study.log",
    benchmark:
        "benchmarks/trajectory_study.tsv"
    conda:
        "../../envs/ichor.yaml"
    threads: 1
    resources:
        **needs("trajectory_study"),
    params:
        study=config["trajectory_study"],
        title=config["study"]["title"],
        evaluation={
            key: value
            for key, value in config["evaluation"].items()
            if key in ("bootstrap", "threshold", "target_sensitivity")
        },
        device=config["compute"]["device"],
        seed=config["seed"],
        code=code_of_trajectory_study,
    script:
        "../scripts/trajectory_study.py"
