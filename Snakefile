# Entry point: makes plain `snakemake` find the workflow, which is workflow/Snakefile.
include: "workflow/Snakefile"


rule default:
    default_target: True
    input:
        rules.all.input,
