# Scores: one job per score and run, for any folder of eval/ with a score.py; one per score and
# dataset for what all its runs are compared with. They go before samples, and those before training:
# under a time budget a finished run shall be a scored one.
SCORE = results("scores/{score}/{dataset}/{method}/seed{seed}.json")
UNITS = results("scores/{score}/{dataset}/{method}/seed{seed}.npz")
REFERENCE = results("references/{score}/{dataset}.npz")
SCORES = [
    path
    for score, datasets in settings.scored.items()
    for dataset in DATASETS
    if dataset in datasets
    for pattern in (SCORE, UNITS)
    for path in runs(pattern.replace("{score}", score), [dataset])
]


rule reference:
    input:
        unpack(needed(["inception"])),
        data=DATA_FILE,
        code=reference_code,
    output:
        REFERENCE,
    log:
        results("logs/reference/{score}/{dataset}.log"),
    benchmark:
        results("benchmarks/reference/{score}/{dataset}.tsv")
    priority: 2
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=gpu,
        mem_mb=memory("reference"),
        runtime=runtime("reference"),
    params:
        settings=score_params,
        needs=needed_options,
    message:
        "what {wildcards.score} compares runs on {wildcards.dataset} with"
    shell:
        "exec python -m eval.{wildcards.score}.reference --data {input.data} {params.needs}"
        " --params {params.settings:q} --out {output}"
        " > {log} >> {log} 2> >(tee -a {log} >&2)"


rule score:
    input:
        unpack(needed(["samples", "reference", "fid_reference", "inception"])),
        weights=WEIGHTS,
        record=RUN_RECORD,
        data=DATA_FILE,
        code=score_code,
    output:
        score=SCORE,
        units=UNITS,
    log:
        results("logs/score/{score}/{dataset}/{method}/seed{seed}.log"),
    benchmark:
        results("benchmarks/score/{score}/{dataset}/{method}/seed{seed}.tsv")
    priority: 2
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=gpu,
        mem_mb=memory("score"),
        runtime=runtime("score"),
    params:
        settings=score_params,
        needs=needed_options,
        run=subpath(input.record, parent=True),
    message:
        "{wildcards.score} of {wildcards.method} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "exec python -m eval.{wildcards.score}.score --run {params.run} --data {input.data}"
        " {params.needs} --params {params.settings:q} --out {output.score} --units {output.units}"
        " > {log} >> {log} 2> >(tee -a {log} >&2)"
