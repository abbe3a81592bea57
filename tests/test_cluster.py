"""What jobs ask of a cluster, and that they run on one that hands nothing on to them."""

import fcntl
import json
import os
import re
import subprocess
import sys
import time

import pytest
import torch

from models import device
from models.checkpoint import run_lock
from models.device import free_index, pick_device
from tests.pipeline import ROOT, copy_repository, run
from workflow import killed, machine, resources

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
    ("executor", "at_once"), [("local", "Execute 1 jobs"), ("rehearsal", "Execute 2 jobs")]
)
def test_processors_bound_what_runs_here_and_nothing_else(tmp_path, executor, at_once):
    """Given --jobs the engine itself counts jobs alone."""
    folder = copy_repository(tmp_path / "copy")
    words = ("--cores", "8", "--jobs", "8", "--executor", executor)
    one = {"PYTHONPATH": PLUGINS, "VIMAE_PROCESSORS": "1"}
    output = run(folder, "snakemake", *words, "data", environment=one).stdout
    assert set(re.findall(r"Execute \d+ jobs", output)) - {"Execute 1 jobs"} <= {at_once}
    assert at_once in output


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


@pytest.mark.parametrize(
    ("visible", "count"),
    [("0", 1), ("0,1", 2), ("", 0), ("-1", 0), ("1,-1,2", 1), ("GPU-8f,GPU-2a", 2)],
)
def test_gpus_that_are_hidden_do_not_count(monkeypatch, visible, count):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert machine.gpus.__wrapped__() == count


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
    killed.clear_killed_run()
    assert lock.exists()


def another_host(path, silent: float) -> None:
    """What a run on another host leaves in `path`, its last sign of life `silent` seconds old."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"host": "another", "boot": "another", "pid": 7}))
    then = time.time() - silent
    os.utime(path, (then, then))


@pytest.mark.parametrize(("silent", "stays"), [(10, True), (killed.DEAD_AFTER + 10, False)])
def test_a_run_of_another_host(tmp_path, monkeypatch, capsys, silent, stays):
    """Where locks do not reach across hosts, ours is to be had though the other one is alive."""
    monkeypatch.setattr(killed, "LOCK_HANDLES", [])
    another_host(tmp_path / "running", silent)
    lock = tmp_path / "locks" / "0.output.lock"
    lock.parent.mkdir()
    lock.touch()
    killed.clear_killed_run(tmp_path)
    assert lock.exists() == stays
    assert ("another runs here" in capsys.readouterr().err) == stays
    owner = json.loads((tmp_path / "running").read_text())["host"]
    assert owner == ("another" if stays else os.uname().nodename)


def test_a_second_run_is_told_of_the_first(tmp_path, monkeypatch, capsys):
    """Before the engine does, which would advise to force it."""
    monkeypatch.setattr(killed, "LOCK_HANDLES", [])
    lock = tmp_path / "locks" / "0.output.lock"
    lock.parent.mkdir()
    lock.touch()
    with open(tmp_path / "running", "w") as first:
        fcntl.flock(first, fcntl.LOCK_SH)
        for written, shown in (("", "process ?"), ('{"pid": 7}', "process 7")):
            first.write(written)
            first.flush()
            assert not killed.clear_killed_run(tmp_path)
            assert f"another run is at work here ({shown} or" in capsys.readouterr().err
        assert lock.exists()
    for handle in killed.LOCK_HANDLES:
        handle.close()
    assert killed.clear_killed_run(tmp_path) and not lock.exists()
    assert not capsys.readouterr().err


def test_a_run_begun_beside_another_is_alive_when_that_ends(tmp_path):
    """Else whoever starts third would remove its locks, and what it is making."""
    words = (
        "import sys; from pathlib import Path; from workflow import killed;"
        f"print(killed.clear_killed_run(Path({str(tmp_path)!r})), flush=True); sys.stdin.read()"
    )

    def begin() -> subprocess.Popen:
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-c", words], stdin=pipe, stdout=pipe, cwd=ROOT)

    def alone(process) -> bool:
        return process.stdout.readline().strip() == b"True"

    first = begin()
    assert alone(first)
    second = begin()
    assert not alone(second)
    lock = tmp_path / "locks" / "0.output.lock"  # the second one's
    lock.parent.mkdir()
    lock.touch()
    first.communicate()
    assert json.loads((tmp_path / "running").read_text())["pid"] == first.pid  # not emptied
    third = begin()
    assert not alone(third) and lock.exists()
    second.kill()
    second.communicate()
    third.communicate()
    assert (tmp_path / "running").read_text() == ""
    last = begin()
    assert alone(last) and not lock.exists()
    last.communicate()


def test_a_record_of_this_host_is_no_other(tmp_path):
    """After a kill of ours, the lock alone decides: no wait."""
    path = tmp_path / "running"
    for own in ({"host": os.uname().nodename}, {"boot": killed.boot()}):
        path.write_text(json.dumps({"host": "another", "boot": "another", "pid": 7} | own))
        assert killed.running_elsewhere(path) == ""
    for broken in ("", "{", "[]", "{}"):
        path.write_text(broken)
        assert killed.running_elsewhere(path) == ""


@pytest.mark.pipeline
def test_two_hosts_do_not_make_the_same_files(tmp_path):
    """The other one's lock stays, so that the engine refuses; when it is silent, ours goes on."""
    folder = copy_repository(tmp_path / "copy")
    locks = folder / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("results/quick/data/mnist.npz\n")
    words = ("snakemake", "--cores", "1", "data", "--config", "datasets=[mnist]")
    another_host(folder / ".snakemake" / "running", 10)
    result = run(folder, *words, check=False)
    assert result.returncode != 0 and "another runs here (process 7" in result.stdout
    assert "Directory cannot be locked" in result.stdout
    another_host(folder / ".snakemake" / "running", killed.DEAD_AFTER + 10)
    run(folder, *words)
    assert (folder / "results/quick/data/mnist.npz").exists()
    assert (folder / ".snakemake" / "running").read_text() == ""  # ended by itself: nobody waits


@pytest.mark.parametrize(
    ("device", "gpus", "full_size", "says"),
    [
        ("", 0, 60, "no GPU here, and 60 networks of full size"),
        ("", 0, 0, ""),  # narrow ones: meant for processors
        ("", 1, 60, ""),
        ("cpu", 0, 60, ""),
        ("cuda", 1, 60, ""),
    ],
)
def test_no_gpu_is_said(monkeypatch, device, gpus, full_size, says):
    monkeypatch.setenv("VIMAE_DEVICE", device)
    monkeypatch.setattr(machine, "gpus", lambda: gpus)
    assert says in machine.without_gpu(full_size) and bool(says) == bool(
        machine.without_gpu(full_size)
    )


@pytest.mark.pipeline
def test_no_gpu_is_an_error_on_demand(tmp_path):
    folder = copy_repository(tmp_path / "copy")
    bare = {"VIMAE_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": ""}
    words = ("snakemake", "--cores", "1", "models", "--config", "datasets=[mnist]")
    result = run(folder, *words, environment=bare, check=False)
    assert result.returncode != 0 and "there is no GPU here" in result.stdout
    assert not (folder / "results/quick/data").exists()


def test_a_gpu_that_torch_does_not_see(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.delenv("VIMAE_DEVICE", raising=False)
    assert pick_device().type == "cpu"
    assert "torch sees none" in capsys.readouterr().err
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert pick_device().type == "cpu" and not capsys.readouterr().err
    monkeypatch.setenv("VIMAE_DEVICE", "cuda")
    with pytest.raises(ValueError, match="sees no GPU"):
        pick_device()
    monkeypatch.setenv("VIMAE_DEVICE", "gpu")
    with pytest.raises(ValueError, match="VIMAE_DEVICE=gpu: no device; say cpu"):
        pick_device()


def test_training_without_locks_goes_on_and_says_so(tmp_path, monkeypatch, capsys):
    def flock(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    with run_lock(tmp_path / "run.lock"):
        assert capsys.readouterr().out.count("no locks here") == 1
    assert free_index(["a", "b"], tmp_path) == 0
    device.HELD.pop().close()


def test_this_interpreter_comes_first_and_once(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    machine.use_this_interpreter()
    machine.use_this_interpreter()
    first, *others = os.environ["PATH"].split(os.pathsep)
    assert os.path.exists(f"{first}/python") and others == ["/usr/bin", "/bin"]


def test_an_interpreter_that_is_called_python3_alone_is_found(tmp_path, monkeypatch):
    """As Debian has it. Its environment is found by its own name, which a link would lose."""
    bare = tmp_path / "a folder" / "python3"
    bare.parent.mkdir()
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    machine.use_this_interpreter(tmp_path / "engine")
    words = ["python", "-c", "import sys; print(sys.prefix, *sys.argv[1:])", "a b"]
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert found == f"{sys.prefix} a b\n"


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux's malloc")
def test_jobs_keep_the_memory_that_they_free(monkeypatch):
    """Steps that take and free eight buffers of 20 MB."""
    program = """if True:
        import resource, torch
        for step in range(10):
            if step == 5:
                before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            buffers = [torch.ones(5 << 20) for _ in range(8)]
            del buffers
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    """

    def faults() -> int:
        return int(subprocess.check_output([sys.executable, "-c", program], env=os.environ))

    names = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
    for name in names:
        monkeypatch.setenv(name, "65536")
    machine.keep_freed_memory()  # what the user has set stays: each step is cleared anew
    assert faults() > 0.9 * 5 * 8 * (20 << 20) / os.sysconf("SC_PAGESIZE")
    for name in names:
        monkeypatch.delenv(name)
    machine.keep_freed_memory()
    assert faults() < 1000
