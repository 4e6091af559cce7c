# Time courses by step: every model at every step, what weights for the lost change, answers that contradict each other,
# and their page. The tables of the evaluation take these rows over, so that each fit is evaluated once.

TRAJECTORY_EVALUATION = {
    name: f"results/trajectory/{name}.tsv" for name in ("metrics", "comparisons", "curves") if TRAJECTORY_SPLITS
}
TRAJECTORY_PAGE = ["results/trajectory/index.html"] if TRAJECTORY_SPLITS else []
TRAJECTORY_TABLES = {
    f"trajectory_{name}": f"results/trajectory/{file}.tsv"
    for name, file in (("performance", "by_step"), ("counts", "at_risk"))
    if TRAJECTORY_SPLITS
}


rule evaluate_trajectory:
    input:
        predictions=predictions_of("trajectory"),
        steps=expand("results/trajectory/{split}/steps.tsv", split=TRAJECTORY_SPLITS),
        risks=risks_of_trajectory,
        truth="results/truth.tsv" if SIMULATED else [],
    output:
        metrics="results/trajectory/metrics.tsv",
        comparisons="results/trajectory/comparisons.tsv",
        curves="results/trajectory/curves.tsv",
        by_step="results/trajectory/by_step.tsv",
        at_risk="results/trajectory/at_risk.tsv",
        contradictions="results/trajectory/contradictions.tsv",
    log:
        "logs/evaluate_trajectory.log",
    benchmark:
        "benchmarks/evaluate_trajectory.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("evaluate_trajectory"),
    params:
        evaluation={key: value for key, value in config["evaluation"].items() if key != "auc_alarm"},
        seed=config["seed"],
        code=code_of("evaluate_trajectory"),
    script:
        "../scripts/evaluate_trajectory.py"


rule trajectory_page:
    input:
        by_step="results/trajectory/by_step.tsv",
        at_risk="results/trajectory/at_risk.tsv",
        contradictions="results/trajectory/contradictions.tsv",
        comparisons="results/trajectory/comparisons.tsv",
        curves="results/trajectory/curves.tsv",
        explained=explained_courses,
    output:
        page=report("results/trajectory/index.html", caption="../report/trajectory.rst", category="Time courses"),
        findings="results/trajectory/findings.txt",
    log:
        "logs/trajectory_page.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        study=dict(config["study"], simulated=SIMULATED),
        models=MODELS.get("trajectory", {}),
        code=code_of("trajectory_page", files="ichor/report/template/*"),
    script:
        "../scripts/trajectory_page.py"
