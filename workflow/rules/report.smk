# Status of everything, provenance, and the one-page report.


rule merge_status:
    input:
        ingest="results/ingest/status.tsv",
        patients="results/patients_status.tsv",
        masks="results/masks_status.tsv",
        measures="results/measures_status.tsv",
        cohorts=expand("results/cohort/{split}_status.tsv", split=SPLITS),
        courses=COURSE_STATUS,
        reports=REPORT_STATUS,
        models=[table for task in [*TARGETS, "trajectory"] for table in statuses_of(task)],
    output:
        status="results/status.tsv",
    log:
        "logs/merge_status.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        code=code_of("merge_status"),
    script:
        "../scripts/merge_status.py"


rule describe_cohort:
    input:
        status="results/status.tsv",
        patients="results/patients.tsv",
        scans="results/scans.tsv",
        splits="results/splits.tsv",
        cohorts=expand("results/cohort/{split}.tsv", split=SPLITS),
    output:
        flow="results/cohort/flow.tsv",
        table_one="results/cohort/table_one.tsv",
    log:
        "logs/describe_cohort.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        splits=SPLITS,
        code=code_of("describe_cohort"),
    script:
        "../scripts/describe_cohort.py"


rule write_provenance:
    input:
        scans="results/scans.tsv",
        patients="results/patients.tsv",
        splits="results/splits.tsv",
        masks="results/masks.tsv",
        cohorts=expand("results/cohort/{split}.tsv", split=SPLITS),
        predictions=[table for task in [*TARGETS, "trajectory"] for table in predictions_of(task)],
        evaluation=["results/evaluation/metrics.tsv", "results/evaluation/comparisons.tsv"],
        label_sensitivity=LABEL_EVALUATION,
        status="results/status.tsv",
    output:
        provenance="results/provenance.json",
    log:
        "logs/write_provenance.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        config={key: value for key, value in config.items() if key not in ("other", "explain", "store")},
        inputs=provenance_inputs,
        bundle=BUNDLE_FACTS,
        code=code_of("write_provenance"),
    script:
        "../scripts/write_provenance.py"


rule write_report:
    input:
        status="results/status.tsv",
        patients="results/patients.tsv",
        scans="results/scans.tsv",
        splits="results/splits.tsv",
        masks="results/masks.tsv",
        measures="results/measures.tsv",
        agreement="results/segmentation/agreement.tsv",
        agreement_groups="results/segmentation/agreement_by_group.tsv",
        agreement_cases="results/segmentation/agreement_cases.tsv",
        cohorts=expand("results/cohort/{split}.tsv", split=SPLITS),
        flow="results/cohort/flow.tsv",
        table_one="results/cohort/table_one.tsv",
        metrics="results/evaluation/metrics.tsv",
        comparisons="results/evaluation/comparisons.tsv",
        curves="results/evaluation/curves.tsv",
        label_sensitivity=LABEL_EVALUATION,
        worth=expand("results/synthetic/{generator}/{split}/worth.tsv", generator=USED_GENERATORS, split=SPLITS),
        trajectory_performance=TRAJECTORY_TABLES.get("trajectory_performance", []),
        trajectory_counts=TRAJECTORY_TABLES.get("trajectory_counts", []),
        trajectory_page=TRAJECTORY_PAGE,
        deterioration=DETERIORATION_TOLD,
        provenance="results/provenance.json",
        quality=expand("results/quality/{center}.html", center=CENTERS.index),
        explained=list(LINKED),
    output:
        page=report("results/report/index.html", caption="../report/page.rst", category="Report"),
        figures=report(
            directory("results/report/figures"),
            patterns=["{name}.svg"],
            caption="../report/figures.rst",
            category="Figures",
        ),
    log:
        "logs/write_report.log",
    benchmark:
        "benchmarks/write_report.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("write_report"),
    params:
        study=dict(config["study"], simulated=SIMULATED),
        splits=SPLITS,
        models=MODELS,
        growth_ml=DEFINITIONS[config["cohort"]["expansion"]["definition"]].absolute_ml,
        expansion_definition=config["cohort"]["expansion"]["definition"],
        auc_alarm=config["evaluation"]["auc_alarm"],
        deterioration=config["cohort"]["deterioration"],
        sources=presets.sources(CENTERS),
        bundle=BUNDLE_FACTS,
        explained=LINKED,
        code=code_of("write_report", files="ichor/report/template/*"),
    script:
        "../scripts/write_report.py"


if "verify" in (getattr(TYPED, "targets", None) or []) and not OTHER_RUN:  # told before a study is run for it
    raise WorkflowError("Which run is the other one? Write snakemake verify --config other=FOLDER-OF-THAT-STUDY.")


rule verify:
    input:
        provenance="results/provenance.json",
        other=OTHER_RUN,
    output:
        table="results/verification.tsv",
        text="results/verification.txt",
    log:
        "logs/verify.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        code=code_of("verify"),
    script:
        "../scripts/verify.py"
