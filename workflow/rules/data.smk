# From an address, a mirror folder or the embedded files to one array file a dataset.
DATA_FILE = results("data/{dataset}.npz")
DATA = expand(DATA_FILE, dataset=DATASETS)
MANIFEST = results("downloads/{dataset}/manifest.json")
INCEPTION = results("data/inception.safetensors")
EMBEDDED_INCEPTION = "data/embedded/inception_stem.safetensors"

# FID's network belongs to the data phase wherever a selected dataset needs all of it.
if any(
    section(config, dataset, "scores", "fid")["dims"] > 192
    for dataset in set(DATASETS) & set(config["metrics"].get("fid", []))
):
    DATA.append(INCEPTION)


rule download:
    input:
        code=sources("data.download"),
    output:
        MANIFEST,
    log:
        results("logs/download/{dataset}.log"),
    benchmark:
        results("benchmarks/download/{dataset}.tsv")
    conda:
        "../../environment.yml"
    params:
        folder=subpath(output[0], parent=True),
    message:
        "find or download {wildcards.dataset}"
    shell:
        "exec python -m data.download {wildcards.dataset} --to {params.folder} --out {output}"
        " > {log} 2> >(tee -a {log} >&2)"


rule prepare:
    input:
        origin=data_origin,
        code=sources("data.prepare"),
    output:
        DATA_FILE,
    log:
        results("logs/prepare/{dataset}.log"),
    benchmark:
        results("benchmarks/prepare/{dataset}.tsv")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        settings=data_params,
        manifest=manifest_option,
    message:
        "prepare {wildcards.dataset}"
    shell:
        "exec python -m data.prepare {wildcards.dataset} --params {params.settings:q}"
        " {params.manifest} --out {output} > {log} 2> >(tee -a {log} >&2)"


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
    message:
        "check FID's Inception weights"
    shell:
        "exec python -m data.inception --manifest {input.manifest} --out {output}"
        " > {log} 2> >(tee -a {log} >&2)"
