# Training: one job per dataset x method x seed.
WEIGHTS = results("runs/{dataset}/{method}/seed{seed}/weights.safetensors")
HISTORY = results("runs/{dataset}/{method}/seed{seed}/history.csv")
RUN_RECORD = results("runs/{dataset}/{method}/seed{seed}/run.json")
HISTORIES = runs(HISTORY)
MODELS = [*runs(WEIGHTS), *HISTORIES, *runs(RUN_RECORD)]


rule train:
    input:
        data=DATA_FILE,
        code=train_code,
    output:
        weights=WEIGHTS,
        history=HISTORY,
        record=RUN_RECORD,
    log:
        results("logs/train/{dataset}/{method}/seed{seed}.log"),
    benchmark:
        results("benchmarks/train/{dataset}/{method}/seed{seed}.tsv")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=gpu,
        mem_mb=memory("train"),
        runtime=runtime("train"),
    params:
        settings=train_params,
        out=subpath(output.record, parent=True),
        # Not outputs: an engine would delete them, and with them the progress of an interrupted
        # run, or a run that ended while the engine was dead.
        checkpoint=results("checkpoints/{dataset}/{method}/seed{seed}.pt"),
        final=results(finals.PATTERN),
    message:
        "train {wildcards.method} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "exec python -m models.train --data {input.data} --method {wildcards.method}"
        " --seed {wildcards.seed} --params {params.settings:q} --out {params.out}"
        " --checkpoint {params.checkpoint} --final {params.final}"
        " > {log} >> {log} 2> >(tee -a {log} >&2)"
