# Texts of reports: read, cut into sections and scrubbed by center, then those that were known at the baseline scan. For
# the owner's eyes: rules that scrub are no guarantee.


REPORT_STATUS = expand("results/reports/{center}_status.tsv", center=REPORTING_CENTERS) + (
    ["results/reports_status.tsv"] if REPORTING_CENTERS else []
)


rule read_reports:
    input:
        reports=source_reports,
    output:
        reports="work/reports/{center}.parquet",
        status="results/reports/{center}_status.tsv",
    log:
        "logs/read_reports/{center}.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        source=center_value("reports"),
        listing=listing_of_reports,
        columns=lambda wildcards: REPORT_COLUMNS[REPORT_COLUMNS["center"] == wildcards.center].to_dict("records"),
        longest_characters=config["reports"]["longest_characters"],
        limits=TABLE_LIMITS,
        key_file=KEY_FILE,
        code=code_of("read_reports"),
    script:
        "../scripts/read_reports.py"


rule merge_reports:
    input:
        reports=expand("work/reports/{center}.parquet", center=REPORTING_CENTERS),
        patients="results/patients.tsv",
    output:
        reports="work/reports.parquet",
        status="results/reports_status.tsv",
    log:
        "logs/merge_reports.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        hours_after_ct=config["reports"]["hours_after_ct"],
        undated=config["reports"]["undated"],
        code=code_of("merge_reports"),
    script:
        "../scripts/merge_reports.py"
