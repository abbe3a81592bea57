# From the scores to what a person reads.
METRICS_FILE = results("metrics.json")
READ = ["results/tables.md", results("tables.md")]
PAGE = ["results/report.html", results("report.html")]
PLOTS_TEMPLATE = "results/dvc_plots_template.html"
REPORT = [*PAGE, *READ, results("figures"), results("plots"), PLOTS_TEMPLATE]


# What `snakemake --report` shows at first; its categories are sorted by name, hence the numbers.
report: "../report/start.rst"


rule metrics:
    input:
        data=DATA,
        models=MODELS,
        scores=SCORES,
        code=sources("workflow.report.collect"),
    output:
        METRICS_FILE,
    log:
        results("logs/metrics.log"),
    benchmark:
        results("benchmarks/metrics.tsv")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory("metrics"),
        runtime=runtime("metrics"),
    params:
        settings=collect_params,
        preset=PRESET,
        root=subpath(output[0], parent=True),
    message:
        "gather runs and scores"
    shell:
        "exec python -m workflow.report.collect --preset {params.preset} --params {params.settings:q}"
        " --root {params.root} --out {output}"
        " > {log} >> {log} 2> >(tee -a {log} >&2)"


rule tables:
    input:
        metrics=METRICS_FILE,
        record=committed_record,
        code=sources("workflow.report.tables"),
    output:
        first=READ[0],
        read=report(READ[1], category="2 Tables", caption="../report/tables.rst"),
        tables=directory(results("tables")),
        summary=directory(results("summary")),
    log:
        results("logs/tables.log"),
    benchmark:
        results("benchmarks/tables.tsv")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory("tables"),
        runtime=runtime("tables"),
    params:
        record=record_option,
        preset=PRESET,  # results/tables.md belongs to all presets: a change of preset rewrites it
    message:
        "write {output.first}"
    shell:
        "exec python -m workflow.report.tables --metrics {input.metrics} {params.record}"
        " --out-md {output.first} {output.read} --tables-dir {output.tables} --summary {output.summary}"
        " > {log} >> {log} 2> >(tee -a {log} >&2)"


rule figures:
    input:
        metrics=METRICS_FILE,
        data=DATA,
        samples=SAMPLES,
        histories=HISTORIES,
        code=sources("workflow.report.figures"),
    output:
        report(
            directory(results("figures")),
            patterns=["{name}.png"],
            category="3 Figures",
            caption="../report/figures.rst",
        ),
    log:
        results("logs/figures.log"),
    benchmark:
        results("benchmarks/figures.tsv")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory("figures"),
        runtime=runtime("figures"),
    params:
        root=subpath(input.metrics, parent=True),
    message:
        "draw figures"
    shell:
        "exec python -m workflow.report.figures --metrics {input.metrics} --root {params.root}"
        " --out-dir {output}"
        " > {log} >> {log} 2> >(tee -a {log} >&2)"


rule plots:
    input:
        metrics=METRICS_FILE,
        histories=HISTORIES,
        code=sources("workflow.report.curves"),
    output:
        directory(results("plots")),
    log:
        results("logs/plots.log"),
    benchmark:
        results("benchmarks/plots.tsv")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory("plots"),
        runtime=runtime("plots"),
    params:
        root=subpath(input.metrics, parent=True),
    message:
        "write the curves as CSV, for dvc plots"
    shell:
        "exec python -m workflow.report.curves --metrics {input.metrics} --root {params.root}"
        " --out-dir {output}"
        " > {log} >> {log} 2> >(tee -a {log} >&2)"


rule plots_template:
    input:
        code=sources("workflow.report.plots_template"),
    output:
        PLOTS_TEMPLATE,
    log:
        "results/logs/plots_template.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory("plots"),
        runtime=runtime("plots"),
    message:
        "write the page that dvc plots needs no network with"
    shell:
        "exec python -m workflow.report.plots_template --out {output}"
        " > {log} >> {log} 2> >(tee -a {log} >&2)"


rule page:
    input:
        metrics=METRICS_FILE,
        record=committed_record,
        linked=[READ[1], results("tables"), results("plots")],
        figures=results("figures"),
        code=sources("workflow.report.page.render"),
    output:
        first=PAGE[0],
        read=report(PAGE[1], category="1 Report", caption="../report/page.rst"),
    log:
        results("logs/page.log"),
    benchmark:
        results("benchmarks/page.tsv")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory("page"),
        runtime=runtime("page"),
    params:
        record=record_option,
        preset=PRESET,  # as of the tables: results/report.html belongs to all presets
        root=subpath(input.metrics, parent=True),
    message:
        "write {output.first}"
    shell:
        "exec python -m workflow.report.page.render --metrics {input.metrics} {params.record}"
        " --root {params.root} --out {output.first} {output.read}"
        " > {log} >> {log} 2> >(tee -a {log} >&2)"


# Without an output: whenever it is asked for (by `make all`), it prints the verdicts.
rule show:
    input:
        REPORT,
        metrics=METRICS_FILE,
        record=committed_record,
    log:
        results("logs/show.log"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory("show"),
        runtime=runtime("show"),
    params:
        record=record_option,
    shell:
        "exec python -m workflow.report.screen --metrics {input.metrics} {params.record}"
        " 2> >(tee -a {log} >&2)"
