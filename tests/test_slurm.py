"""A real, throw-away Slurm (tests/slurm): its time limits and cancellations cost no number.

Takes about ten minutes and needs root, Debian's Slurm and the engine's plugin, hence by request:

    apt-get install --no-install-recommends slurmctld slurmd slurm-client munge
    pip install --no-deps --target DIR snakemake-executor-plugin-slurm \\
        snakemake-executor-plugin-slurm-jobstep throttler
    VIMAE_TEST_SLURM=DIR pytest -s tests/test_slurm.py
"""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.pipeline import ROOT, copy_repository, run, tiny_config

SECONDS = 60  # of training, on this machine now: with the start, more than the limit of a minute


def copies(folder: Path) -> tuple[Path, Path]:
    """Two copies with trainings of about SECONDS each, the first finished."""
    config = tiny_config() | {"datasets": ["mnist"], "methods": ["vae"], "seeds": [0, 1]}
    config["scored"] = {"reconstruction": ["mnist"]}
    train = config["presets"]["quick"]["train"]["default"]
    train |= {"epochs": 200, "checkpoint_seconds": 1}
    trial = copy_repository(folder / "trial", config)
    run(trial, "snakemake", "--cores", "2", "models", "--config", "seeds=[9]")
    record = json.loads((trial / "results/quick/runs/mnist/vae/seed9/run.json").read_text())
    train["epochs"] = round(200 * SECONDS / record["seconds"])
    local, remote = (copy_repository(folder / name, config) for name in ("local", "remote"))
    run(local, "snakemake", "--cores", "2", "scores")
    return local, remote


def test_the_rehearsal_says_what_it_takes():
    rehearsal = (sys.executable, "-m", "tests.slurm.rehearse")
    assert "Slurm, and the numbers compared" in run(ROOT, *rehearsal, "--help").stdout
    refused = run(ROOT, *rehearsal, check=False)
    assert refused.returncode == 2 and "required: local, remote, plugin" in refused.stdout


@pytest.mark.pipeline
def test_a_run_through_slurm_is_the_local_run(tmp_path):
    plugin = os.environ.get("VIMAE_TEST_SLURM")
    if not plugin:
        pytest.skip("VIMAE_TEST_SLURM is not set; see tests/test_slurm.py")
    trial = run(ROOT, "tests/slurm/cluster.sh", tmp_path / "trial", "true", check=False)
    if trial.returncode == 77:
        pytest.skip(trial.stdout.strip())
    words = (sys.executable, "-m", "tests.slurm.rehearse", *copies(tmp_path), plugin)
    (tmp_path / "slurm").mkdir()
    output = run(ROOT, "tests/slurm/cluster.sh", tmp_path / "slurm", *words).stdout
    print(output)
    (submission,) = [line for line in output.splitlines() if line.startswith("sbatch ")]
    assert "--gpus=1" in submission and "--mem" in submission
    assert "6 weights, learning curves and scores are those of the local run" in output
