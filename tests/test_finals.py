"""A training that ended while its engine was dead is not trained again."""

import json
import logging
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from data.files import digest
from models import provenance
from models.train import train
from tests.pipeline import ENVIRONMENT, copy_repository, run, tiny_config, write_config
from tests.tiny import METHODS, MODEL, TRAIN, tiny_file
from workflow.finals import Accepted, accepted

FILES = ("weights.safetensors", "history.csv", "run.json")
AGAIN = "trained to its end; writing it again"


@pytest.fixture
def job(tmp_path, capsys):
    """Trains one method in `tmp_path`: the bytes of the run's files, and what was said."""
    tiny_file(tmp_path)

    def call(seed=0, method="vimae_l", **options):
        params = {"model": MODEL, "train": TRAIN | options, "method": METHODS[method]}
        out, checkpoint, final = (tmp_path / name for name in ("out", "c.pt", "c.final.pt"))
        train(tmp_path / "tiny.npz", method, seed, params, out, checkpoint, final)
        assert not checkpoint.exists() and final.exists()
        return {name: (out / name).read_bytes() for name in FILES}, capsys.readouterr().out

    return call


@pytest.mark.parametrize("options", [{}, {"diverged_above": 1e-3}])
def test_a_finished_run_is_written_again_byte_by_byte(job, tmp_path, options):
    """Its date, seconds and sessions too; a diverged one is finished as well."""
    before, _ = job(**options)
    for path in (tmp_path / "out").iterdir():
        path.unlink()  # as an engine does
    after, said = job(**options)
    assert after == before and AGAIN in said
    status = "diverged" if options else "done"
    assert json.loads(after["run.json"])["status"] == status


def test_it_is_no_larger_than_the_weights(job, tmp_path):
    job()
    weights = (tmp_path / "out" / "weights.safetensors").stat().st_size
    entries = 60  # of the archive, a kilobyte each at most
    assert (tmp_path / "c.final.pt").stat().st_size < weights + 1024 * entries


def test_other_settings_data_or_code_are_trained(job, tmp_path, monkeypatch):
    job()
    for options in ({"seed": 1}, {"epochs": 2}, {"method": "vae"}):
        said = job(**options)[1]
        assert "made with other settings, data, code" in said and AGAIN not in said
    monkeypatch.setattr(provenance, "code_digest", lambda: "edited")
    assert AGAIN not in job(**options)[1]
    tiny_file(tmp_path, train=60)
    assert AGAIN not in job(**options)[1]
    assert AGAIN in job(**options)[1]


def test_a_damaged_one_is_named_and_the_run_trained_again(job, tmp_path):
    before, _ = job()
    final = tmp_path / "c.final.pt"
    final.write_bytes(final.read_bytes()[:-1000])
    after, said = job()
    assert f"{final}: damaged" in said and AGAIN not in said
    assert after[FILES[0]] == before[FILES[0]]


def told(handler: Accepted, event: str, **fields) -> None:
    record = logging.LogRecord("engine", logging.INFO, "", 0, None, None, None)
    record.event = event
    record.__dict__ |= fields
    handler.handle(record)


def results(root: Path, *names: str) -> list[Path]:
    """Final states of trainings on MNIST."""
    paths = [root / f"checkpoints/mnist/{name}.final.pt" for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths


def test_it_is_removed_when_the_engine_has_accepted_its_own_job(tmp_path):
    first, second = results(tmp_path, "vae/seed0", "vae/seed1")
    handler = Accepted(tmp_path)
    wildcards = {"dataset": "mnist", "method": "vae"}
    told(handler, "job_info", jobid=1, rule_name="train", wildcards=wildcards | {"seed": "0"})
    told(handler, "job_info", jobid=2, rule_name="train", wildcards=wildcards | {"seed": "1"})
    told(handler, "job_info", jobid=3, rule_name="sample", wildcards=wildcards | {"seed": "1"})
    told(handler, "job_error", jobid=2)
    told(handler, "job_finished", job_id=3)
    assert first.exists() and second.exists()
    told(handler, "job_finished", job_id=1)
    assert not first.exists() and second.exists()


def test_what_a_killed_engine_had_accepted_is_found(tmp_path):
    first, second = results(tmp_path, "vae/seed1", "vae/seed10")
    run_folder = tmp_path / "runs/mnist/vae/seed1"
    run_folder.mkdir(parents=True)
    assert accepted(tmp_path) == []
    (run_folder / "run.json").touch()
    assert accepted(tmp_path) == [first]
    assert second.exists()


def until(happened, process: subprocess.Popen, seconds=300) -> None:
    end = time.time() + seconds
    while not happened():
        assert process.poll() is None and time.time() < end
        time.sleep(0.02)


@pytest.mark.pipeline
def test_a_training_that_ended_while_its_engine_was_dead(tmp_path):
    """The engine is stopped, so that it accepts nothing, the training ends, the engine is killed."""
    folder = copy_repository(tmp_path / "copy")
    config = tiny_config() | {"datasets": ["mnist"], "methods": ["vae"]}
    config["presets"]["quick"]["train"]["default"] |= {"epochs": 20, "checkpoint_seconds": 0}
    write_config(folder, config)
    root = folder / "results" / "quick"
    checkpoint, out = root / "checkpoints/mnist/vae/seed0.pt", root / "runs/mnist/vae/seed0"
    final = checkpoint.with_suffix(".final.pt")
    words = ["snakemake", "--cores", "8", "models"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    engine = subprocess.Popen(words, cwd=folder, env=ENVIRONMENT, **quiet)
    until(checkpoint.exists, engine)
    engine.send_signal(signal.SIGSTOP)
    until(lambda: (out / "run.json").exists() and not checkpoint.exists(), engine)
    before = {name: (out / name).read_bytes() for name in FILES}
    age = (out / "run.json").stat().st_mtime_ns
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()
    assert final.exists()

    run(folder, *words)
    assert AGAIN in (root / "logs/train/mnist/vae/seed0.log").read_text()
    assert (out / "run.json").stat().st_mtime_ns != age  # the engine did have it made again
    assert {name: (out / name).read_bytes() for name in FILES} == before
    assert json.loads(before["run.json"])["weights_sha256"] == digest(out / FILES[0])
    assert not final.exists()
    assert "Nothing to be done" in run(folder, *words).stdout
