# Checked settings, paths, limits and requests that all rules share.
import json
import os
import shutil
import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError

from data import registry
from workflow import (
    broken,
    declarations,
    finals,
    killed,
    machine,
    progress,
    record,
    resources,
    unfinished,
)
from workflow.code import sources
from workflow.settings import Settings, SettingsError, check, limited, typed

try:
    config.update(typed(limited(config)))
    check(config)
except SettingsError as error:
    raise WorkflowError(str(error))


def limit_cores():
    """Real processors bound what computes here at once, whatever --cores and --jobs say.

    Not as a resource of our own: with cores left over the scheduler would solve its problem a
    hundred times a second, which was measured to take a quarter of a 2-core machine.
    """
    cores = workflow.global_resources["_cores"].value
    workflow.register_resource(
        "_cores", min(cores or machine.processors(), machine.processors())
    )


settings = Settings(config)
PRESET, DATASETS, METHODS = settings.preset, settings.datasets, settings.methods

# In a cluster's job, too, `python` is the interpreter that the engine runs under.
machine.use_this_interpreter()
machine.keep_freed_memory()
if workflow.is_main_process:
    alone = killed.clear_killed_run()
    for removed in broken.remove_broken(f"results/{PRESET}"):
        print(removed, file=sys.stderr)
    broken.remove_forgotten(f"results/{PRESET}")
    finals.remove_when_accepted(f"results/{PRESET}", alone)
    # With --jobs, as on a cluster, threads may not be ours to limit: known when the run starts.
    if workflow.resource_settings.nodes is None:
        limit_cores()
    # GPU jobs take turns, or as --resources says.
    if "gpu" not in workflow.global_resources:
        workflow.register_resource("gpu", max(1, machine.gpus()))
    os.environ.setdefault("VIMAE_STOP_WITH_PARENT", "1")
    progress.announce(f"results/{settings.preset}/benchmarks")
    if config.get("mirror"):
        os.environ.update(VIMAE_MIRROR=config["mirror"])
# The time budget is that of a run of the engine; on a cluster, where jobs queue, of each job.
if config.get("time_budget") and (workflow.is_main_process or workflow.remote_exec):
    os.environ.update(VIMAE_DEADLINE=str(time.time() + 60 * config["time_budget"]))


# On a cluster the turns above are not its jobs' business: each asks for its own GPU.
resource_scopes:
    gpu="local",


# Need the internet (compute nodes often have none), or no more than a moment.
localrules:
    download,
    inception,
    metrics,
    tables,
    figures,
    plots,
    plots_template,
    page,
    show,


wildcard_constraints:
    dataset="[a-z0-9_]+",
    method="[a-z0-9_]+",
    seed="[0-9]+",
    score="[a-z0-9_]+",


def results(path):
    """A path of this preset: presets never overwrite each other."""
    return f"results/{PRESET}/{path}"


def as_json(values):
    """Settings as one word of a command line; sorted, so that equal settings are equal text."""
    return json.dumps(values, sort_keys=True)


def runs(pattern, datasets=None):
    """`pattern` for every selected dataset x method x seed."""
    return expand(
        pattern, dataset=datasets or DATASETS, method=METHODS, seed=settings.seeds
    )


# Resources of all rules. Functions, because only when a job is planned is the executor known.


def gpu(wildcards):
    return machine.gpus_of_a_job(remote=workflow.remote_exec or not workflow.local_exec)


def memory(rule):
    def of_job(wildcards, attempt):
        largest = max(
            map(images_mb, [wildcards.get("dataset")] if wildcards else DATASETS)
        )
        return resources.memory_mb(rule, largest, attempt)

    return of_job


def images_mb(dataset):
    if dataset not in DATASETS:  # FID's network, which is downloaded like a dataset
        return 0
    description = settings.dataset(dataset)
    limits = settings.data_settings(dataset)
    return resources.images_mb(description.image_shape, description.counts, limits)


def runtime(rule):
    return lambda wildcards, attempt: resources.runtime(rule, attempt)


# Inputs and parameters of rules/data.smk


def data_params(wildcards):
    return as_json(settings.data_settings(wildcards.dataset))


def data_origin(wildcards):
    """What a dataset is made from, by its `source`: a manifest, our files, a folder, or nothing."""
    data = settings.data_settings(wildcards.dataset)
    match data["source"]:
        case "official":
            return [MANIFEST.format(dataset=wildcards.dataset)]
        case "embedded":
            names = [f"{wildcards.dataset}_{split}.webp" for split in ("train", "test")]
            return [f"data/embedded/{name}" for name in (*names, "index.json")]
        case "folder":
            # A folder is as old as its list of names: all of them, to see what came or went.
            return [
                folder for folder, _, _ in os.walk(os.path.expanduser(data["path"]))
            ]
        case _:
            return []


def data_code(wildcards):
    source = settings.data_settings(wildcards.dataset)["source"]
    return sources("data.prepare", *registry.modules(wildcards.dataset, source))


def download_code(wildcards):
    return sources("data.download", *registry.modules(wildcards.dataset, "official"))


def manifest_option(wildcards, input):
    manifests = [path for path in input.origin if path.endswith("manifest.json")]
    return f"--manifest {manifests[0]}" if manifests else ""


# Inputs and parameters of rules/models.smk


def train_settings(wildcards):
    return settings.train_settings(wildcards.dataset, wildcards.method)


def train_params(wildcards):
    return as_json(train_settings(wildcards))


def train_code(wildcards):
    objective = settings.catalogue[wildcards.method]["objective"]
    return sources("models.train", f"models.objectives.{objective}")


def planned_training():
    return [job for job in workflow.dag.needrun_jobs() if job.rule.name == "train"]


def warn_without_gpu():
    """Here, that is: a cluster's jobs ask for theirs."""
    planned = planned_training() if workflow.local_exec else []
    widths = [train_settings(job.wildcards)["model"]["width"] for job in planned]
    try:
        if planned and (warning := machine.without_gpu(sum(w >= 1 for w in widths))):
            print(warning, file=sys.stderr, flush=True)
    except RuntimeError as error:
        raise WorkflowError(str(error))


def refuse_to_replace_foreign_runs():
    """Weights of which this engine has no notes were brought here, by `dvc pull` or a copy.

    It would go by their age alone. Whoever brought them shall not lose them for it.
    """
    foreign = [
        job.output.weights
        for job in planned_training()
        if os.path.exists(job.output.weights)
        and not workflow.persistence.has_metadata(job)
        and not workflow.dag.reason(job).forced
    ]
    if foreign:
        raise WorkflowError(
            f"would replace weights that were not trained here: {', '.join(foreign)}. If they"
            " came by `dvc pull`: `python -m workflow.pulled` takes them over. If you want them"
            " made again: remove them."
        )


# Inputs and parameters of rules/samples.smk


def sample_params(wildcards):
    return as_json(settings.section(wildcards.dataset, "samples"))


# Inputs and parameters of rules/scores.smk


def needs(score):
    """Names of the files that a score takes beside run and data, each an option of its command."""
    return declarations.scores()[score].needs


def score_params(wildcards):
    return as_json(settings.score_settings(wildcards.score, wildcards.dataset))


def inception_network(score, dataset):
    """The whole network only where its last level is asked for; the first ones are embedded."""
    dims = settings.score_settings(score, dataset).get("dims", 2048)
    return INCEPTION if dims > 192 else EMBEDDED_INCEPTION


def needed(names):
    """An input function: the files of a score's NEEDS that are among `names`, by name."""

    def files(wildcards):
        where = {
            "samples": SAMPLE,
            "reference": REFERENCE,
            "inception": inception_network(wildcards.score, wildcards.dataset),
        }
        wanted = [name for name in needs(wildcards.score) if name in names]
        return {name: where[name].format(**wildcards) for name in wanted}

    return files


def needed_options(wildcards, input):
    """The same as options of the command."""
    names = [name for name in needs(wildcards.score) if name in input.keys()]
    return " ".join(f"--{name} {input[name]}" for name in names)


def score_code(wildcards):
    return sources(f"eval.{wildcards.score}.score")


def reference_code(wildcards):
    return sources(f"eval.{wildcards.score}.reference")


# Inputs and parameters of rules/report.smk


def committed_record(wildcards):
    """The committed run that stands beside this one in the tables, where there is one."""
    found = record.committed(PRESET)
    return [str(found)] if found else []


def record_option(wildcards, input):
    return f"--record {input.record}" if input.record else ""


def collect_params(wildcards):
    return as_json(settings.report_settings())


def forget_partial_tables():
    shutil.rmtree(results("partial"), ignore_errors=True)


def show_what_there_is():
    failed = workflow.scheduler.failed
    if not failed:  # interrupted by a person
        return
    undone = set(workflow.dag.needrun_jobs())
    finished = [
        str(path)
        for job in workflow.dag.jobs
        if job not in undone
        for path in job.output
    ]
    absent = unfinished.missing(undone, failed, workflow.dag.dependencies)
    root = Path(results("metrics.json")).parent
    page = unfinished.render(root, PRESET, settings.report_settings(), finished, absent)
    print(
        f"{len(failed)} jobs failed. Why, and the tables of what there is: {page}",
        file=sys.stderr,
    )
