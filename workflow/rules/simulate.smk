# The simulated cohort: raw DICOM, reference masks and tables of centers below results/simulated.


rule simulate_center:
    output:
        dicom=directory("results/simulated/{center}/dicom"),
        masks=directory("results/simulated/{center}/masks"),
        records="results/simulated/{center}/records.csv",
        courses="results/simulated/{center}/courses.csv",
        reports="results/simulated/{center}/reports.csv",
        truth="results/simulated/{center}/truth.tsv",
    log:
        "logs/simulate_center/{center}.log",
    benchmark:
        "benchmarks/simulate_center/{center}.tsv"
    conda:
        "../../envs/ichor.yaml"
    resources:
        **needs("simulate_center"),
    params:
        simulate=config["simulate"],
        seed=config["seed"],
        code=code_of("simulate_center"),
    script:
        "../scripts/simulate_center.py"


rule link_truth:
    input:
        truth=expand("results/simulated/{center}/truth.tsv", center=CENTERS.index),
    output:
        truth="results/truth.tsv",
    log:
        "logs/link_truth.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        centers=list(CENTERS.index),
        key_file=KEY_FILE,
        code=code_of("link_truth"),
    script:
        "../scripts/link_truth.py"
