# Checked settings, paths and limits that all rules share.
import json
import os
import time

from snakemake.exceptions import WorkflowError

from workflow.code import sources
from workflow.machine import clear_killed_run, gpus, processors, use_this_interpreter
from workflow.settings import (
    SettingsError,
    check,
    report_settings,
    section,
    seeds,
    train_settings,
    typed,
)

config.update(typed(config))
try:
    check(config)
except SettingsError as error:
    raise WorkflowError(str(error))

PRESET = config["preset"]
DATASETS, METHODS, SEEDS = config["datasets"], config["methods"], seeds(config)

if workflow.is_main_process:
    clear_killed_run()
    if workflow.local_exec:
        # Real processors bound what computes at once, whatever --cores says. Not as a resource of
        # our own: with cores left over the scheduler would solve its problem a hundred times a
        # second, which was measured to take a quarter of a 2-core machine.
        cores = workflow.global_resources["_cores"].value
        workflow.register_resource("_cores", min(cores or processors(), processors()))
        # GPU jobs take turns, or as --resources says.
        if "gpu" not in workflow.global_resources:
            workflow.register_resource("gpu", max(1, gpus()))
    use_this_interpreter()
    os.environ.setdefault("VIMAE_STOP_WITH_PARENT", "1")
    if config.get("mirror"):
        os.environ.update(VIMAE_MIRROR=config["mirror"])
    if config.get("time_budget"):
        os.environ.update(VIMAE_DEADLINE=str(time.time() + 60 * config["time_budget"]))

# Off a cluster only a machine that has GPUs asks for one: without, training is bound by processors.
GPU = 1 if gpus() or not workflow.local_exec else 0


wildcard_constraints:
    dataset="[a-z0-9]+",
    method="[a-z0-9_]+",
    seed="[0-9]+",
    metric="[a-z]+",


def results(path):
    """A path of this preset: presets never overwrite each other."""
    return f"results/{PRESET}/{path}"


def as_json(settings):
    """Settings as one word of a command line; sorted, so that equal settings are equal text."""
    return json.dumps(settings, sort_keys=True)


def runs(pattern, datasets=None):
    """`pattern` for every selected dataset x method x seed."""
    return expand(pattern, dataset=datasets or DATASETS, method=METHODS, seed=SEEDS)


# Inputs and parameters of rules/data.smk


def data_params(wildcards):
    return as_json(section(config, wildcards.dataset, "data"))


def data_origin(wildcards):
    """What a dataset is made from, by its `source` setting: a manifest, our files, or nothing."""
    source = section(config, wildcards.dataset, "data")["source"]
    if source == "official":
        return [MANIFEST.format(dataset=wildcards.dataset)]
    if source == "embedded":
        names = [f"{wildcards.dataset}_{split}.webp" for split in ("train", "test")]
        return [f"data/embedded/{name}" for name in (*names, "index.json")]
    return []


def manifest_option(wildcards, input):
    manifests = [path for path in input.origin if path.endswith("manifest.json")]
    return f"--manifest {manifests[0]}" if manifests else ""


# Inputs and parameters of rules/models.smk


def train_params(wildcards):
    return as_json(train_settings(config, wildcards.dataset, wildcards.method))


# Inputs and parameters of rules/samples.smk


def sample_params(wildcards):
    return as_json(section(config, wildcards.dataset, "samples"))


# Inputs and parameters of rules/scores.smk


def score_params(wildcards):
    metric = getattr(wildcards, "metric", "fid")
    return as_json(section(config, wildcards.dataset, "scores", metric))


def score_code(wildcards):
    return sources(f"eval.{wildcards.metric}.score")


def inception_weights(wildcards):
    """The whole network only where its last level is asked for; the first ones are embedded."""
    deep = section(config, wildcards.dataset, "scores", "fid")["dims"] > 192
    return [INCEPTION] if deep else []


def weights_option(wildcards, input):
    return f"--weights {input.weights}" if input.weights else ""


# Inputs and parameters of rules/report.smk


def committed_record(wildcards):
    """The record, where there is one; a run of preset `paper` makes it and so cannot read it."""
    return [RECORD] if PRESET != "paper" and os.path.exists(RECORD) else []


def record_option(wildcards, input):
    return f"--record {input.record}" if input.record else ""


def collect_params(wildcards):
    return as_json(report_settings(config))
