# Generated images of every run, one array file each.
SAMPLE = results("samples/{dataset}/{method}/seed{seed}.npz")
SAMPLES = runs(SAMPLE)


rule sample:
    input:
        weights=WEIGHTS,
        record=RUN_RECORD,
        data=results("data/{dataset}.npz"),
        code=sources("models.sample"),
    output:
        SAMPLE,
    log:
        results("logs/sample/{dataset}/{method}/seed{seed}.log"),
    benchmark:
        results("benchmarks/sample/{dataset}/{method}/seed{seed}.tsv")
    priority: 1
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=gpu,
        mem_mb=memory("sample"),
        runtime=runtime("sample"),
    params:
        settings=sample_params,
        run=subpath(input.record, parent=True),
    message:
        "sample from {wildcards.method} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "exec python -m models.sample --run {params.run} --data {input.data}"
        " --params {params.settings:q} --out {output}"
        " > {log} >> {log} 2> >(tee -a {log} >&2)"
