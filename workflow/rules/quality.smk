# A page per center that shows every scan, and what was set aside and why.


rule quality_shard:
    input:
        scans="results/ingest/{center}/{shard}/scans.tsv",
        images="results/images/{center}/{shard}",
    output:
        pictures=directory("results/quality/{center}/{shard}"),
    log:
        "logs/quality_shard/{center}/{shard}.log",
    benchmark:
        "benchmarks/quality_shard/{center}/{shard}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("quality_shard"),
    params:
        code=code_of("quality_shard"),
    script:
        "../scripts/quality_shard.py"


rule quality_page:
    input:
        scans=lambda wildcards: per_shard("results/ingest/{center}/{shard}/scans.tsv", [wildcards.center]),
        pictures=lambda wildcards: per_shard("results/quality/{center}/{shard}", [wildcards.center]),
        status="results/ingest/status.tsv",
    output:
        page="results/quality/{center}.html",
    log:
        "logs/quality_page/{center}.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        centers=sorted(CENTERS.index),
        study=dict(title=config["study"]["title"], simulated=SIMULATED),
        code=code_of("quality_page", files="ichor/report/template/*"),
    script:
        "../scripts/quality_page.py"
