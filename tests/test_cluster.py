"""What jobs ask of a cluster, and that they run on one that hands nothing on to them."""

import fcntl
import json
import os

import pytest

from tests.pipeline import ROOT, copy_repository, run
from workflow import machine, resources

PLUGINS = str(ROOT / "tests" / "plugins")
NO_LIMITS = {"train": None, "test": None}


@pytest.mark.pipeline
def test_jobs_of_another_executor(tmp_path):
    """A login node without GPUs: training asks for one all the same, and finds its interpreter."""
    folder = copy_repository(tmp_path / "copy")
    words = ("--executor", "rehearsal", "--jobs", "5", "--seconds-between-status-checks", "1")
    selected = ("--config", "datasets=[mnist]", "methods=[vae]", "time_budget=60")
    bare = {"PYTHONPATH": PLUGINS, "VIMAE_DEVICE": "", "CUDA_VISIBLE_DEVICES": ""}
    run(folder, "snakemake", *words, "models", *selected, environment=bare)
    submitted = (folder / "submitted.jsonl").read_text().splitlines()
    wanted = {job["rule"]: job for job in map(json.loads, submitted)}
    assert list(wanted) == ["prepare", "train"]
    assert not wanted["prepare"]["gpu"] and wanted["train"]["gpu"] == 1
    for rule, job in wanted.items():
        assert job["threads"] == 1
        assert job["runtime"] == resources.runtime(rule, 1)
        assert job["mem_mb"] >= resources.REQUESTS[rule].own_mb
    assert (folder / "results/quick/runs/mnist/vae/seed0/weights.safetensors").exists()


@pytest.mark.parametrize(
    ("device", "remote", "here", "asks"),
    [
        ("", True, 0, 1),  # a login node
        ("", True, 4, 1),
        ("", False, 0, 0),
        ("", False, 4, 1),
        ("cpu", True, 0, 0),
        ("cpu", False, 4, 0),
        ("cuda", False, 0, 1),
        ("cuda:1", True, 0, 1),
    ],
)
def test_gpus_of_a_job(monkeypatch, device, remote, here, asks):
    monkeypatch.setenv("VIMAE_DEVICE", device)
    monkeypatch.setattr(machine, "gpus", lambda: here)
    assert machine.gpus_of_a_job(remote) == asks


def test_requests_grow_with_the_data_and_with_the_attempt():
    mnist = resources.images_mb((28, 28, 1), {"train": 60000, "test": 10000}, NO_LIMITS)
    celeba = resources.images_mb((64, 64, 3), {"train": 162770, "test": 19962}, NO_LIMITS)
    part = resources.images_mb((64, 64, 3), None, {"train": 100, "test": 100})
    assert mnist == 70000 * 784 / 1e6 and part == 200 * 12288 / 1e6
    # The program, its images once as stored and once as read.
    assert resources.memory_mb("prepare", celeba, 1) >= 600 + 2 * celeba
    for rule in resources.REQUESTS:
        one, two = (resources.memory_mb(rule, mnist, attempt) for attempt in (1, 2))
        assert two == 2 * one
        assert resources.runtime(rule, 3) == 3 * resources.runtime(rule, 1)


def test_a_file_system_without_locks_is_no_crash(tmp_path, monkeypatch):
    """Nobody can tell then whether a run is alive, so that nothing of it may be removed."""
    monkeypatch.chdir(tmp_path)
    lock = tmp_path / ".snakemake" / "locks" / "0.input.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()

    def flock(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    machine.clear_killed_run()
    assert lock.exists()


def test_this_interpreter_comes_first_and_once(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    machine.use_this_interpreter()
    machine.use_this_interpreter()
    first, *others = os.environ["PATH"].split(os.pathsep)
    assert os.path.exists(f"{first}/python") and others == ["/usr/bin", "/bin"]
