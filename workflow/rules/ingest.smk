# Raw DICOM or NIfTI of each center to one accepted scan per patient and time point.

SCAN_RULES = dict(
    min_slices=config["ingest"]["minimum_slices"],
    min_coverage_mm=config["ingest"]["minimum_coverage_mm"],
)
CONVERSION_LIMITS = dict(
    convert_seconds=config["ingest"]["conversion_timeout_s"],
    convert_memory_mb=int(1024 * config["ingest"]["memory_limit_gb"]),
)
TABLE_LIMITS = dict(
    seconds=config["ingest"]["conversion_timeout_s"],
    memory_mb=int(1024 * config["ingest"]["memory_limit_gb"]),
    file_mb=256,
    answer_mb=256,
)


rule index_center:
    input:
        simulated=source_folder,
        simulated_masks=source_masks,
    output:
        index="work/ingest/{center}/index.parquet",
        masks="work/ingest/{center}/masks.parquet",
        status="results/ingest/{center}/index_status.tsv",
    log:
        "logs/index_center/{center}.log",
    benchmark:
        "benchmarks/index_center/{center}.tsv"
    conda:
        "../../envs/ichor.yaml"
    threads: 2
    resources:
        **needs("index_center"),
    params:
        center=lambda wildcards: {
            key: CENTER[wildcards.center][key]
            for key in ("center", "dicom", "nifti", "image_pattern", "masks", "mask_pattern")
        },
        listing=listing,
        limits=dict(header_seconds=config["ingest"]["file_timeout_s"]),
        key_file=KEY_FILE,
        code=code_of("index_center"),
    script:
        "../scripts/index_center.py"


rule harmonise_center:
    input:
        table=lambda wildcards: CENTER[wildcards.center]["table"] or [],
    output:
        records="results/records/{center}.tsv",
        status="results/records/{center}_status.tsv",
    log:
        "logs/harmonise_center/{center}.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        role=center_value("role"),
        columns=lambda wildcards: COLUMNS[COLUMNS["center"] == wildcards.center].to_dict("records"),
        limits=TABLE_LIMITS,
        gcs_intubated=config["cohort"]["gcs_intubated"],
        key_file=KEY_FILE,
        code=code_of("harmonise_center"),
    script:
        "../scripts/harmonise_center.py"


# The outputs of a rule cannot depend on its wildcards, so centers with another number of shards have a rule of their own.
for COUNT in sorted(set(SHARD_COUNTS.values())):

    rule:
        name:
            "select_center" if COUNT == config["ingest"]["shards_per_center"] else f"select_center_into_{COUNT}"
        input:
            index="work/ingest/{center}/index.parquet",
            masks="work/ingest/{center}/masks.parquet",
            records="results/records/{center}.tsv",
        output:
            shards=[f"work/ingest/{{center}}/selection/{shard}.parquet" for shard in range(COUNT)],
            selection="results/ingest/{center}/selection.tsv",
            status="results/ingest/{center}/select_status.tsv",
        log:
            "logs/select_center/{center}.log",
        wildcard_constraints:
            center="|".join(name for name, count in SHARD_COUNTS.items() if count == COUNT),
        localrule: True
        conda:
            "../../envs/ichor.yaml"
        params:
            rules=SCAN_RULES | dict(followup_h=config["ingest"]["followup_h"]),
            masks=center_value("masks"),
            mask_pattern=center_value("mask_pattern"),
            overrides=lambda wildcards: of_center(OVERRIDES, wildcards.center),
            code=code_of("select_center"),
        script:
            "../scripts/select_center.py"


rule convert_shard:
    input:
        selection="work/ingest/{center}/selection/{shard}.parquet",
    output:
        images=directory("results/images/{center}/{shard}"),
        scans="results/ingest/{center}/{shard}/scans.tsv",
        status="results/ingest/{center}/{shard}/status.tsv",
        fingerprints="work/ingest/{center}/fingerprints/{shard}.parquet",
    log:
        "logs/convert_shard/{center}/{shard}.log",
    benchmark:
        "benchmarks/convert_shard/{center}/{shard}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("convert_shard"),
    params:
        mask_labels=center_value("mask_labels"),
        rules=SCAN_RULES,
        limits=CONVERSION_LIMITS,
        code=code_of("convert_shard"),
    script:
        "../scripts/convert_shard.py"


try:  # wrong sheets stop before any job
    DUPLICATES = [str(study.find_sheet(sheet, REPOSITORY)) for sheet in [config["ingest"]["duplicates_sheet"]] if sheet]
    KNOWN_SCANS = [str(study.find_sheet(path, REPOSITORY)) for path in config["ingest"]["known_scans"]]
    tables.read_all("fingerprints", KNOWN_SCANS)
    together.groups(tables.read_all("duplicates", DUPLICATES), CENTERS.index)
except StudyError as error:
    raise WorkflowError(str(error)) from None


rule merge_scans:
    input:
        scans=per_shard("results/ingest/{center}/{shard}/scans.tsv"),
        fingerprints=per_shard("work/ingest/{center}/fingerprints/{shard}.parquet"),
        sheet=DUPLICATES,
        listed=KNOWN_SCANS,
        status=[
            *expand("results/ingest/{center}/index_status.tsv", center=CENTERS.index),
            *expand("results/records/{center}_status.tsv", center=CENTERS.index),
            *expand("results/ingest/{center}/select_status.tsv", center=CENTERS.index),
            *per_shard("results/ingest/{center}/{shard}/status.tsv"),
        ],
    output:
        scans="results/scans.tsv",
        status="results/ingest/status.tsv",
    log:
        "logs/merge_scans.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        duplicates=config["ingest"]["duplicates"],
        code=code_of("merge_scans"),
    script:
        "../scripts/merge_scans.py"


rule export_fingerprints:
    input:
        scans="results/scans.tsv",
        fingerprints=per_shard("work/ingest/{center}/fingerprints/{shard}.parquet"),
    output:
        fingerprints="results/fingerprints.tsv",
    log:
        "logs/export_fingerprints.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        name=config["study"]["name"],
        code=code_of("export_fingerprints"),
    script:
        "../scripts/export_fingerprints.py"
