# Synthetic cases: made for one split from its train rows alone, checked against the real ones, used by the networks whose
# balance.generator names them. A pair of generator and split that no model uses is made on request only.


rule train_generator:
    input:
        cohort="results/cohort/{split}.tsv",
    output:
        weights="results/synthetic/{generator}/{split}/generator.safetensors",
        facts="results/synthetic/{generator}/{split}/generator.json",
    log:
        "logs/train_generator/{generator}/{split}.log",
    benchmark:
        "benchmarks/train_generator/{generator}/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("train_generator"),
    params:
        spec=generator_spec,
        seed=config["seed"],
        device=config["compute"]["device"],
        precision=config["compute"]["precision"],
        code=code_of("train_generator", generator_module),
    script:
        "../scripts/train_generator.py"


rule synthesize:
    input:
        cohort="results/cohort/{split}.tsv",
        weights=lambda wildcards: learned_by_generator(wildcards, "generator.safetensors"),
        facts=lambda wildcards: learned_by_generator(wildcards, "generator.json"),
    output:
        candidates="results/synthetic/{generator}/{split}/candidates.tsv",
        cases=directory("results/synthetic/{generator}/{split}/cases"),
    log:
        "logs/synthesize/{generator}/{split}.log",
    benchmark:
        "benchmarks/synthesize/{generator}/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs_of_generator("synthesize"),
    params:
        spec=generator_spec,
        seed=config["seed"],
        device=lambda wildcards: config["compute"]["device"] if learns(wildcards) else None,
        code=code_of("synthesize", generator_module),
    script:
        "../scripts/synthesize.py"


rule check_synthetic:
    input:
        candidates="results/synthetic/{generator}/{split}/candidates.tsv",
        cases="results/synthetic/{generator}/{split}/cases",
        facts=lambda wildcards: learned_by_generator(wildcards, "generator.json"),
        network=network_of_features,
        cohort="results/cohort/{split}.tsv",
    output:
        cases="results/synthetic/{generator}/{split}/cases.tsv",
        worth="results/synthetic/{generator}/{split}/worth.tsv",
        page="results/synthetic/{generator}/{split}/page.html",
    log:
        "logs/check_synthetic/{generator}/{split}.log",
    benchmark:
        "benchmarks/check_synthetic/{generator}/{split}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("check_synthetic"),
    params:
        kind=lambda wildcards: generator_spec(wildcards)["kind"],
        region=lambda wildcards: generators.region(generator_spec(wildcards)["kind"]),
        quantile=config["synthesis"]["refusal_quantile"],
        seed=config["seed"],
        simulated=SIMULATED,
        title=config["study"]["title"],
        code=code_of("check_synthetic", files="ichor/report/template/*"),
    script:
        "../scripts/check_synthetic.py"
