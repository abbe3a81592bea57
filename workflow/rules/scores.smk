# Scores: one job per metric and run, plus FID's reference statistics once a dataset. They go before
# samples, and those before training: under a time budget a finished run shall be a scored one.
SCORE = results("scores/{metric}/{dataset}/{method}/seed{seed}.json")
FID_REFERENCE = results("fid_reference/{dataset}.npz")
SCORES = [
    path
    for metric, datasets in config["metrics"].items()
    for dataset in DATASETS
    if dataset in datasets
    for path in runs(SCORE.replace("{metric}", metric), [dataset])
]


rule fid_reference:
    input:
        data=results("data/{dataset}.npz"),
        weights=inception_weights,
        embedded=EMBEDDED_INCEPTION,
        code=sources("eval.fid.reference"),
    output:
        FID_REFERENCE,
    log:
        results("logs/fid_reference/{dataset}.log"),
    benchmark:
        results("benchmarks/fid_reference/{dataset}.tsv")
    priority: 2
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=GPU,
    params:
        settings=score_params,
        weights=weights_option,
    message:
        "FID reference statistics of {wildcards.dataset}"
    shell:
        "exec python -m eval.fid.reference --data {input.data} {params.weights}"
        " --params {params.settings:q} --out {output} > {log} 2> >(tee -a {log} >&2)"


rule fid:
    input:
        weights_file=WEIGHTS,
        record=RUN_RECORD,
        data=results("data/{dataset}.npz"),
        samples=SAMPLE,
        reference=FID_REFERENCE,
        weights=inception_weights,
        embedded=EMBEDDED_INCEPTION,
        code=sources("eval.fid.score"),
    output:
        SCORE.replace("{metric}", "fid"),
    log:
        results("logs/fid/{dataset}/{method}/seed{seed}.log"),
    benchmark:
        results("benchmarks/fid/{dataset}/{method}/seed{seed}.tsv")
    priority: 2
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=GPU,
    params:
        settings=score_params,
        weights=weights_option,
        run=subpath(input.record, parent=True),
    message:
        "FID of {wildcards.method} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "exec python -m eval.fid.score --run {params.run} --data {input.data}"
        " --samples {input.samples} --reference {input.reference} {params.weights}"
        " --params {params.settings:q} --out {output} > {log} 2> >(tee -a {log} >&2)"


rule score:
    input:
        weights=WEIGHTS,
        record=RUN_RECORD,
        data=results("data/{dataset}.npz"),
        code=score_code,
    output:
        SCORE,
    log:
        results("logs/{metric}/{dataset}/{method}/seed{seed}.log"),
    benchmark:
        results("benchmarks/{metric}/{dataset}/{method}/seed{seed}.tsv")
    wildcard_constraints:
        metric="(?!fid)[a-z]+",
    priority: 2
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=GPU,
    params:
        settings=score_params,
        run=subpath(input.record, parent=True),
    message:
        "{wildcards.metric} of {wildcards.method} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "exec python -m eval.{wildcards.metric}.score --run {params.run} --data {input.data}"
        " --params {params.settings:q} --out {output} > {log} 2> >(tee -a {log} >&2)"
