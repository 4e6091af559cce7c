# nnU-Net, cross-fitted inside every split: no patient's mask comes from a model that was trained on the patient.
# With a bundle (config key segmentation.bundle) nothing is planned or trained; it segments every split's scans.


rule plan_segmentation:
    input:
        fitting="results/splits/{split}.tsv",
        scans="results/scans.tsv",
    output:
        plans="results/segmentation/{split}/plans.json",
        manifest="work/segmentation/{split}/nnUNet_preprocessed/Dataset001_Ichor/manifest.json",
    log:
        "logs/plan_segmentation/{split}.log",
    benchmark:
        "benchmarks/plan_segmentation/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("plan_segmentation"),
    params:
        work_dir=segmentation_work,
        labels=config["segmentation"]["labels"],
        seed=config["seed"],
        plan=config["segmentation"]["plan"],
        network=config["segmentation"]["network"],
        unlabelled=undrawn(config["segmentation"]["labels"], role="development"),  # others are not learned from
        code=code_of("plan_segmentation"),
    script:
        "../scripts/plan_segmentation.py"


rule train_segmentation:
    input:
        plans="results/segmentation/{split}/plans.json",
        manifest="work/segmentation/{split}/nnUNet_preprocessed/Dataset001_Ichor/manifest.json",
    output:
        weights="results/segmentation/{split}/fold-{fold}/model.safetensors",
        model="results/segmentation/{split}/fold-{fold}/model.json",
        progress="results/segmentation/{split}/fold-{fold}/progress.tsv",
    log:
        "logs/train_segmentation/{split}/{fold}.log",
    benchmark:
        "benchmarks/train_segmentation/{split}/{fold}.tsv"
    conda:
        "../../envs/ichor.yaml"
    threads: processes_of("train_segmentation")
    resources:
        **needs("train_segmentation"),
    params:
        work_dir=segmentation_work,
        budget={  # how often it saves changes no result, and is read from the config
            key: value for key, value in config["segmentation"]["budget"].items() if key != "checkpoint_every_epochs"
        },
        seed=config["seed"],
        device=config["compute"]["device"],
        precision=config["compute"]["precision"],
        processes=processes_of("train_segmentation"),
        code=code_of("train_segmentation"),
    script:
        "../scripts/train_segmentation.py"


rule segment_shard:
    input:
        models=lambda wildcards: networks_of(wildcards, "model.json"),
        weights=lambda wildcards: networks_of(wildcards, "model.safetensors"),
        fitting="results/splits/{split}.tsv",
        scans="results/ingest/{center}/{shard}/scans.tsv",
    output:
        folder=directory("results/masks/{split}/{center}/{shard}"),
        masks="results/masks/{split}/{center}/{shard}.tsv",
        status="results/masks/{split}/{center}/{shard}_status.tsv",
    log:
        "logs/segment_shard/{split}/{center}/{shard}.log",
    benchmark:
        "benchmarks/segment_shard/{split}/{center}/{shard}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("segment_shard"),
    params:
        inference=inference_settings(config["segmentation"]["inference"]),  # every one, whoever chose it
        unlabelled=lambda wildcards: undrawn(["iph", "ivh"]).get(wildcards.center, []),
        smallest_ml=config["segmentation"]["smallest_ml"],
        device=config["compute"]["device"],
        code=code_of("segment_shard"),
    script:
        "../scripts/segment_shard.py"


rule merge_masks:
    input:
        masks=[table for split in SPLITS for table in masks_of(split)],
        status=[table for split in SPLITS for table in masks_of(split, "{shard}_status.tsv")],
    output:
        masks="results/masks.tsv",
        status="results/masks_status.tsv",
    log:
        "logs/merge_masks.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        code=code_of("merge_masks"),
    script:
        "../scripts/merge_masks.py"


rule measure_shard:
    input:
        scans="results/ingest/{center}/{shard}/scans.tsv",
        masks="results/masks/{split}/{center}/{shard}.tsv",
    output:
        measures="results/measures/{split}/{center}/{shard}.tsv",
        cases="results/measures/{split}/{center}/{shard}_cases.tsv",
        status="results/measures/{split}/{center}/{shard}_status.tsv",
    log:
        "logs/measure_shard/{split}/{center}/{shard}.log",
    benchmark:
        "benchmarks/measure_shard/{split}/{center}/{shard}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("measure_shard"),
    params:
        labels=LABELS,
        unlabelled=lambda wildcards: undrawn(LABELS).get(wildcards.center, []),
        code=code_of("measure_shard"),
    script:
        "../scripts/measure_shard.py"


rule merge_measures:
    input:
        masks="results/masks.tsv",
        splits="results/splits.tsv",
        measures=[table for split in SPLITS for table in masks_of(split, folder="results/measures")],
        cases=[table for split in SPLITS for table in masks_of(split, "{shard}_cases.tsv", "results/measures")],
        status=[table for split in SPLITS for table in masks_of(split, "{shard}_status.tsv", "results/measures")],
    output:
        measures="results/measures.tsv",
        cases="results/segmentation/agreement_cases.tsv",
        agreement="results/segmentation/agreement.tsv",
        groups="results/segmentation/agreement_by_group.tsv",
        status="results/measures_status.tsv",
    log:
        "logs/merge_measures.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        code=code_of("merge_measures"),
    script:
        "../scripts/merge_measures.py"
