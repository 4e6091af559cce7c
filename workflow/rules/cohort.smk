# Patients of all centers, their splits, and per split the table that models read.


rule merge_patients:
    input:
        records=expand("results/records/{center}.tsv", center=CENTERS.index),
        scans="results/scans.tsv",
    output:
        patients="results/patients.tsv",
        status="results/patients_status.tsv",
    log:
        "logs/merge_patients.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        roles=CENTERS["role"].to_dict(),
        code=code_of("merge_patients"),
    script:
        "../scripts/merge_patients.py"


rule make_splits:
    input:
        patients="results/patients.tsv",
        scans="results/scans.tsv",
        sheet=DUPLICATES,  # says who is kept together
    output:
        splits="results/splits.tsv",
        fitting=expand("results/splits/{split}.tsv", split=SPLITS),
    log:
        "logs/make_splits.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        names=SPLITS,
        roles=CENTERS["role"].to_dict(),
        validation=config["validation"],
        segmentation_folds=config["segmentation"]["folds"],
        seed=config["seed"],
        code=code_of("make_splits"),
    script:
        "../scripts/make_splits.py"


rule assemble_cohort:
    input:
        patients="results/patients.tsv",
        scans="results/scans.tsv",
        splits="results/splits.tsv",
        masks=lambda wildcards: masks_of(wildcards.split),
        measures=lambda wildcards: masks_of(wildcards.split, folder="results/measures"),
        courses=TIME_COURSES,
    output:
        cohort="results/cohort/{split}.tsv",
        status="results/cohort/{split}_status.tsv",
    log:
        "logs/assemble_cohort/{split}.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        cohort=dict(
            expansion=expansion_settings(without="reader_error_ml"),
            poor_outcome=config["cohort"]["poor_outcome"],
            death=config["cohort"]["death"],
            deterioration=config["cohort"]["deterioration"],
        ),
        followup_h=config["ingest"]["followup_h"],
        code=code_of("assemble_cohort"),
    script:
        "../scripts/assemble_cohort.py"


rule label_expansion:
    input:
        patients="results/patients.tsv",
        scans="results/scans.tsv",
        splits="results/splits.tsv",
        masks=lambda wildcards: masks_of(wildcards.split),
        measures="results/measures.tsv",
    output:
        labels="results/cohort/{split}_expansion.tsv",
        extent="results/cohort/{split}_extent.tsv",
    log:
        "logs/label_expansion/{split}.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        expansion=expansion_settings(without="definition"),  # every definition
        followup_h=config["ingest"]["followup_h"],
        code=code_of("label_expansion"),
    script:
        "../scripts/label_expansion.py"
