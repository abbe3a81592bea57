# Before anything runs, and when jobs have failed. Hooks, because only then the plan is known;
# `--no-hooks` leaves them out.
import os
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from workflow import machine, unfinished


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
        f"{unfinished.outcome(failed)}. Why, and the tables of what there is: {page}",
        file=sys.stderr,
    )


onstart:
    refuse_to_replace_foreign_runs()
    warn_without_gpu()
    if workflow.local_exec:
        limit_cores()  # of which --jobs makes the engine forget
    forget_partial_tables()


# One failed job is not all: what could be made is shown, and what could not.
onerror:
    show_what_there_is()
