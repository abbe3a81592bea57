# Checked settings, paths, limits and requests that all rules share.
import json
import os
import sys
import time

from snakemake.exceptions import WorkflowError

from workflow import broken, finals, killed, machine, progress, resources
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
    dry = workflow.dryrun  # shows what would be done, and does nothing
    alone = not dry and killed.clear_killed_run()
    for removed in broken.remove_broken(f"results/{PRESET}", dry):
        print(removed, file=sys.stderr)
    if not dry:
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

# What a job says goes to its log, and what it says on stderr to the terminal too. Every rule ends with
#     > {log} >> {log} 2> >(tee -a {log} >&2)
# where `>` empties the log and `>>` lets both writers append: else one would write over the other.
