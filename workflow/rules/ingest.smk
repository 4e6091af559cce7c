# Raw DICOM or NIfTI of each center to one accepted scan per patient and time point.

SCAN_RULES = dict(
    min_slices=config["ingest"]["minimum_slices"],
    min_coverage_mm=config["ingest"]["minimum_coverage_mm"],
)
READING_LIMITS = dict(
    header_seconds=config["ingest"]["file_timeout_s"],
    convert_seconds=config["ingest"]["conversion_timeout_s"],
    convert_memory_mb=int(1024 * config["ingest"]["memory_limit_gb"]),
)


rule index_center:
    input:
        simulated=source_folder,
    output:
        index="work/ingest/{center}/index.parquet",
        status="results/ingest/{center}/index_status.tsv",
    log:
        "logs/index_center/{center}.log",
    benchmark:
        "benchmarks/index_center/{center}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        center=lambda wildcards: CENTERS.loc[wildcards.center].to_dict(),
        listing=listing,
        limits=READING_LIMITS,
        key_file=KEY_FILE,
        code=code_of("index_center"),
    script:
        "../scripts/index_center.py"


rule harmonise_center:
    input:
        table=lambda wildcards: CENTERS.loc[wildcards.center, "table"] or [],
    output:
        records="results/records/{center}.tsv",
        status="results/records/{center}_status.tsv",
    log:
        "logs/harmonise_center/{center}.log",
    conda:
        "../../envs/ichor.yaml"
    params:
        role=center_value("role"),
        columns=lambda wildcards: COLUMNS[COLUMNS["center"] == wildcards.center].to_dict("records"),
        key_file=KEY_FILE,
        code=code_of("harmonise_center"),
    script:
        "../scripts/harmonise_center.py"


rule select_center:
    input:
        index="work/ingest/{center}/index.parquet",
        records="results/records/{center}.tsv",
    output:
        shards=[f"work/ingest/{{center}}/selection/{shard}.parquet" for shard in SHARDS],
        selection="results/ingest/{center}/selection.tsv",
        status="results/ingest/{center}/select_status.tsv",
    log:
        "logs/select_center/{center}.log",
    conda:
        "../../envs/ichor.yaml"
    params:
        rules=SCAN_RULES | dict(followup_h=config["ingest"]["followup_h"]),
        code=code_of("select_center"),
    script:
        "../scripts/select_center.py"


rule convert_shard:
    input:
        selection="work/ingest/{center}/selection/{shard}.parquet",
        masks=source_masks,
    output:
        images=directory("results/images/{center}/{shard}"),
        scans="results/ingest/{center}/{shard}/scans.tsv",
        status="results/ingest/{center}/{shard}/status.tsv",
    log:
        "logs/convert_shard/{center}/{shard}.log",
    benchmark:
        "benchmarks/convert_shard/{center}/{shard}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        masks=center_value("masks"),
        mask_pattern=center_value("mask_pattern"),
        mask_labels=center_value("mask_labels"),
        rules=SCAN_RULES,
        limits=READING_LIMITS,
        code=code_of("convert_shard"),
    script:
        "../scripts/convert_shard.py"


rule merge_scans:
    input:
        scans=expand("results/ingest/{center}/{shard}/scans.tsv", center=CENTERS.index, shard=SHARDS),
        status=[
            *expand("results/ingest/{center}/index_status.tsv", center=CENTERS.index),
            *expand("results/records/{center}_status.tsv", center=CENTERS.index),
            *expand("results/ingest/{center}/select_status.tsv", center=CENTERS.index),
            *expand("results/ingest/{center}/{shard}/status.tsv", center=CENTERS.index, shard=SHARDS),
        ],
    output:
        scans="results/scans.tsv",
        status="results/ingest/status.tsv",
    log:
        "logs/merge_scans.log",
    conda:
        "../../envs/ichor.yaml"
    params:
        duplicates=config["ingest"]["duplicates"],
        code=code_of("merge_scans"),
    script:
        "../scripts/merge_scans.py"
