# What rules of time courses and of deterioration read, by the job's wildcards.


def trajectory_spec(wildcards):
    """Settings of the job's model of time courses."""
    return MODELS["trajectory"][wildcards.model]


def trajectory_module(wildcards):
    """Module of its kind."""
    return f"ichor.models.{trajectory_spec(wildcards)['kind']}"


def needs_of_trajectory(step):
    """Like `needs`, for the steps `fit` and `predict` of a model of time courses: a network, or landmark models."""
    return needs(lambda wildcards: f"{step}_{FAMILIES['trajectory'][wildcards.model]}")


def is_network(spec):
    """Whether a kind that reads reports is a network: its file defines `build`; read, because an import costs seconds."""
    return "def build(" in registry.module_path(spec["kind"]).read_text(encoding="utf-8")


def evaluated_before(name):
    """Table of the evaluation of time courses that `evaluate` takes over; none for predictions from elsewhere."""
    return [] if config["predictions"] else TRAJECTORY_EVALUATION.get(name, [])


def risks_of_trajectory(wildcards):
    """Answers of every model of time courses in every split."""
    models = MODELS.get("trajectory", {})
    return expand("results/models/trajectory/{model}/{split}/risks.tsv", model=models, split=TRAJECTORY_SPLITS)


def explained_courses(wildcards):
    """Pages of what moved the answers of networks, if the report is to link them."""
    return list(EXPLAINED_COURSES) if config["explanations"]["report"] else []


def trajectory_page_or_advice(wildcards):
    """What `snakemake trajectory` makes, or why there is nothing to make."""
    if not TRAJECTORY_PAGE:
        raise WorkflowError(
            "trajectory: no time course can be predicted. Name tables of courses in the column courses of the centers "
            "sheet, and models under models.trajectory (docs/how-to/time-courses.md)."
        )
    return [*predictions_of("trajectory"), *TRAJECTORY_PAGE]


def deterioration_page_or_advice(wildcards):
    """What `snakemake deterioration` makes, or why there is nothing to make."""
    if not DETERIORATION_PAGE:
        raise WorkflowError(
            "deterioration: no model can predict it. Name tables of courses in the column courses of the centers sheet, or "
            "map table_deterioration in the columns sheet, and name models under models.deterioration "
            "(docs/how-to/deterioration.md)."
        )
    return [*predictions_of("deterioration"), *DETERIORATION_PAGE]


def explained_deterioration():
    """Pages that explain a model of the task -> the model and its split, if the report links them."""
    return {path: (of["model"], of["split"]) for path, of in LINKED.items() if of["task"] == "deterioration"}


def shap_of_deterioration():
    """SHAP values of the task's models of the record, if the report is to have explanations."""
    tabular = [name for name in DETERIORATING if FAMILIES["deterioration"][name] == "tabular"]
    files = expand("results/explain/deterioration/{model}/{split}/shap.tsv", model=tabular, split=SPLITS)
    return files if config["explanations"]["report"] else []
