# A page per center to scroll through its segmented scans, only when it is asked for: snakemake viewer.


VIEWED = SPLITS[0]  # every mask is of a model that never saw the patient, so one split is enough
VIEWED_CENTERS = [name for name in CENTERS.index if VIEWED == "external" or CENTER[name]["role"] == "development"]


if "viewer" in (getattr(TYPED, "targets", None) or []):  # told before anything is run for it
    niivue_file(None)


rule viewer_shard:
    input:
        scans="results/ingest/{center}/{shard}/scans.tsv",
        images="results/images/{center}/{shard}",
        masks=f"results/masks/{VIEWED}/{{center}}/{{shard}}.tsv",
        folder=f"results/masks/{VIEWED}/{{center}}/{{shard}}",
        measures=f"results/measures/{VIEWED}/{{center}}/{{shard}}.tsv",
        cases=f"results/measures/{VIEWED}/{{center}}/{{shard}}_cases.tsv",
    output:
        folder=directory("results/viewer/{center}/{shard}"),
    log:
        "logs/viewer_shard/{center}/{shard}.log",
    benchmark:
        "benchmarks/viewer_shard/{center}/{shard}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("viewer_shard"),
    params:
        code=code_of("viewer_shard"),
    script:
        "../scripts/viewer_shard.py"


rule viewer_library:
    input:
        niivue=niivue_file,
    output:
        niivue=f"results/viewer/{niivue.FILE}",
    log:
        "logs/viewer_library.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        code=code_of("viewer_library"),
    script:
        "../scripts/viewer_library.py"


rule viewer_page:
    input:
        scans="results/scans.tsv",
        masks="results/masks.tsv",
        measures="results/measures.tsv",
        cases="results/segmentation/agreement_cases.tsv",
        shards=lambda wildcards: per_shard("results/viewer/{center}/{shard}", [wildcards.center]),
        niivue=f"results/viewer/{niivue.FILE}",
    output:
        page="results/viewer/{center}.html",
    log:
        "logs/viewer_page/{center}.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        split=VIEWED,
        centers=sorted(VIEWED_CENTERS),
        study=dict(title=config["study"]["title"], simulated=SIMULATED),
        code=code_of("viewer_page", files="ichor/report/template/viewer.*"),
    script:
        "../scripts/viewer_page.py"
