# Early neurological deterioration: what the evaluation of all models does not tell of it - fusion against its arms, early
# and late, groups of risk over time, subgroups, the NIHSS over 14 days - on a page. Held-out patients alone.
from ichor.cohort.deterioration import Deterioration

try:  # a wrong definition stops before any job
    Deterioration.of(config["cohort"]["deterioration"])
except StudyError as error:
    raise WorkflowError(str(error)) from None

# Models of another target, early or late alone, are evaluated as all models are; the page is of the whole window.
DETERIORATING = [
    name for name, target in MODEL_TARGETS.get("deterioration", {}).items() if target == "deterioration_7d"
]
DETERIORATION_PAGE = ["results/deterioration/index.html"] if DETERIORATING and not config["predictions"] else []
DETERIORATION_TOLD = [  # in the report
    f"results/deterioration/{name}" for name in ("index.html", "findings.txt", "curves.tsv") if DETERIORATION_PAGE
]
DETERIORATION_TABLES = ("parts", "comparisons", "subgroups", "curves", "summary", "log_rank", "scores")


rule deterioration_page:
    input:
        predictions=expand(
            "results/predictions/deterioration/{model}/{split}.parquet", model=DETERIORATING, split=SPLITS
        ),
        cohorts=expand("results/cohort/{split}.tsv", split=SPLITS),
        courses=TIME_COURSES,
        truth="results/truth.tsv" if SIMULATED else [],
        explained=list(explained_deterioration()),
        shap=shap_of_deterioration(),
    output:
        **{name: f"results/deterioration/{name}.tsv" for name in DETERIORATION_TABLES},
        page=report("results/deterioration/index.html", caption="../report/deterioration.rst", category="Deterioration"),
        findings="results/deterioration/findings.txt",
    log:
        "logs/deterioration_page.log",
    benchmark:
        "benchmarks/deterioration_page.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("evaluate"),
    params:
        study=dict(config["study"], simulated=SIMULATED),
        models={name: MODELS["deterioration"][name] for name in DETERIORATING},
        rule=config["cohort"]["deterioration"],
        explained=explained_deterioration(),
        evaluation={key: value for key, value in config["evaluation"].items() if key != "auc_alarm"},
        seed=config["seed"],
        code=code_of("deterioration_page", files="ichor/report/template/*"),
    script:
        "../scripts/deterioration_page.py"
