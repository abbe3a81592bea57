# From an address, a folder or the embedded files to one array file a dataset.
DATA_FILE = results("data/{dataset}.npz")
DATA = expand(DATA_FILE, dataset=DATASETS)
MANIFEST = results("downloads/{dataset}/manifest.json")
INCEPTION = results("data/inception.safetensors")
EMBEDDED_INCEPTION = "data/embedded/inception_stem.safetensors"

# FID's network belongs to the data phase wherever a score of a selected dataset needs all of it.
if any(
    "inception" in needs(score) and inception_network(score, dataset) == INCEPTION
    for score, datasets in settings.scored.items()
    for dataset in datasets
):
    DATA.append(INCEPTION)


rule download:
    input:
        code=download_code,
    output:
        MANIFEST,
    log:
        results("logs/download/{dataset}.log"),
    benchmark:
        results("benchmarks/download/{dataset}.tsv")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory("download"),
        runtime=runtime("download"),
    params:
        folder=subpath(output[0], parent=True),
    message:
        "find or download {wildcards.dataset}"
    shell:
        "exec python -m data.download {wildcards.dataset} --to {params.folder} --out {output}"
        " > {log} >> {log} 2> >(tee -a {log} >&2)"


rule prepare:
    input:
        origin=data_origin,
        code=data_code,
    output:
        DATA_FILE,
    log:
        results("logs/prepare/{dataset}.log"),
    benchmark:
        results("benchmarks/prepare/{dataset}.tsv")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory("prepare"),
        runtime=runtime("prepare"),
    params:
        settings=data_params,
        manifest=manifest_option,
    message:
        "prepare {wildcards.dataset}"
    shell:
        "exec python -m data.prepare {wildcards.dataset} --params {params.settings:q}"
        " {params.manifest} --out {output}"
        " > {log} >> {log} 2> >(tee -a {log} >&2)"


rule inception:
    input:
        manifest=MANIFEST.format(dataset="inception"),
        code=sources("data.inception"),
    output:
        INCEPTION,
    log:
        results("logs/inception.log"),
    benchmark:
        results("benchmarks/inception.tsv")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory("inception"),
        runtime=runtime("inception"),
    message:
        "check FID's Inception weights"
    shell:
        "exec python -m data.inception --manifest {input.manifest} --out {output}"
        " > {log} >> {log} 2> >(tee -a {log} >&2)"
