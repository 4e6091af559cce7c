# Scans and masks as BIDS data sets. Local rules: they link files and write tables.


rule bids_center:
    input:
        scans="results/scans.tsv",
        patients="results/patients.tsv",
        images=lambda wildcards: per_shard("results/images/{center}/{shard}", [wildcards.center]),
    output:
        directory("results/bids/{center}"),
    log:
        "logs/bids_center/{center}.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        source=data_source,
        code=code_of("bids_center"),
    script:
        "../scripts/bids_center.py"


rule bids_masks_center:
    input:
        masks=lambda wildcards: per_shard(
            f"results/masks/{wildcards.split}/{{center}}/{{shard}}.tsv", [wildcards.center]
        ),
        folders=lambda wildcards: per_shard(f"results/masks/{wildcards.split}/{{center}}/{{shard}}", [wildcards.center]),
    output:
        directory("results/bids_masks/{split}/{center}"),
    log:
        "logs/bids_masks_center/{split}/{center}.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        source=data_source,
        code=code_of("bids_masks_center"),
    script:
        "../scripts/bids_masks_center.py"
