# The whole pipeline. `snakemake --cores 8 all`, then read results/tables.md.
from snakemake.utils import min_version

min_version("9.20")


configfile: "params.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/hooks.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/samples.smk"
include: "workflow/rules/scores.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        REPORT,


rule data:
    input:
        DATA,


rule models:
    input:
        MODELS,


rule samples:
    input:
        SAMPLES,


rule scores:
    input:
        SCORES,
