"""An executor for tests, in which jobs run as on a cluster: elsewhere, and with nothing handed on.

Each job is an engine of its own in a bare environment. What it asks for is kept, one JSON object a
line, in `submitted.jsonl` of the folder that the engine runs in. Found by Snakemake by its name,
with the folder above it in PYTHONPATH.
"""

import json
import subprocess

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
    init_seconds_before_status_checks=0,
)


class Executor(RemoteExecutor):
    """Starts a job at once, whatever else runs."""

    def run_job(self, job):
        wanted = {name: job.resources.get(name) for name in ("gpu", "mem_mb", "runtime")}
        with open("submitted.jsonl", "a") as file:
            file.write(json.dumps({"rule": job.rule.name, "threads": job.threads} | wanted) + "\n")
        words = ["env", "-i", "PATH=/usr/bin:/bin", "bash", "-c", self.format_job_exec(job)]
        process = subprocess.Popen(words)
        self.report_job_submission(SubmittedJobInfo(job, aux={"process": process}))

    async def check_active_jobs(self, active_jobs):
        for active in active_jobs:
            code = active.aux["process"].poll()
            if code is None:
                yield active
            elif code == 0:
                self.report_job_success(active)
            else:
                self.report_job_error(active)

    def cancel_jobs(self, active_jobs):
        for active in active_jobs:
            active.aux["process"].terminate()
